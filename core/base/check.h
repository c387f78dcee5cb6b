// SV_REQUIRE: what a header says with REQUIRES, checked.
//
// A caller that breaks it is wrong, and tests are to find that: where checks are on, the process
// says what is broken, and ends. They are on in builds without NDEBUG and in those with a
// sanitizer. Otherwise the condition is not evaluated: the library is a guest in a process that it
// must not end or slow down. A function that takes calls from outside of the library, and can
// report an error, uses SV_REQUIRE_OR_RETURN (core/base/status.h), which gives kMisuse then.

#pragma once

#if !defined(NDEBUG) || defined(STREAMVIEW_CHECKED)
#define SV_CHECKED 1
#else
#define SV_CHECKED 0
#endif

namespace streamview {

[[noreturn]] void FailRequirement(const char* condition, const char* file, int line);

}  // namespace streamview

#define SV_REQUIRE(condition)           \
  (!SV_CHECKED || (condition) ? (void)0 \
                              : ::streamview::FailRequirement(#condition, __FILE__, __LINE__))
