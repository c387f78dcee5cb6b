// What the last failed call of the system was about, in words.

#pragma once

#include <cerrno>
#include <string>
#include <system_error>

namespace streamview {

inline std::string ErrnoText() { return std::error_code(errno, std::generic_category()).message(); }

}  // namespace streamview
