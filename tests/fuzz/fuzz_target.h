// How a fuzz target is written:
//
//   FUZZ_TARGET(key_codec) { ... `input` is a streamview::fuzz::Input ... }
//
// Each stands in a file of its own, <target>.cc. In the preset `fuzz` (clang) that file becomes a
// program of libFuzzer's, fuzz_<target>; in every other build all of them are linked into
// fuzz_replay, which runs what is in corpus/<target>/ as a test (replay.cc).
//
// A target must be deterministic and keep nothing from one input to the next that changes what it
// does. What it finds wrong it reports by FUZZ_CHECK.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "core/base/value.h"

namespace streamview::fuzz {

// Takes an input apart from its front. Past the end it gives zeros and nothing.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

  bool empty() const { return rest_.empty(); }

  uint8_t TakeByte() {
    if (rest_.empty()) return 0;
    const auto byte = static_cast<uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return byte;
  }
  bool TakeBool() { return TakeByte() % 2 != 0; }
  // REQUIRES: n > 0
  size_t TakeBelow(size_t n) { return TakeByte() % n; }
  uint64_t TakeInteger() {
    uint64_t v = 0;
    for (int i = 0; i < 8; i++) v = v << 8 | TakeByte();
    return v;
  }
  // `size` bytes, or as many as there are.
  std::string_view TakeBytes(size_t size) {
    const std::string_view bytes = rest_.substr(0, size);
    rest_.remove_prefix(bytes.size());
    return bytes;
  }
  // Bytes with their length, one byte, before them.
  std::string_view TakeString() { return TakeBytes(TakeByte()); }
  // What comes before the next `end`, which is taken, too.
  std::string_view TakeUntil(char end) {
    const std::string_view bytes = rest_.substr(0, rest_.find(end));
    rest_.remove_prefix(bytes.size() < rest_.size() ? bytes.size() + 1 : bytes.size());
    return bytes;
  }
  std::string_view TakeRest() { return TakeBytes(rest_.size()); }

  // Any value that SQLite can hold; its bytes are the input's. So no NaN.
  ValueView TakeValue() {
    switch (TakeBelow(5)) {
      case 0:
        return ValueView::Null();
      case 1:
        return ValueView::Integer(static_cast<int64_t>(TakeInteger()));
      case 2: {
        const uint64_t bits = TakeInteger();
        double real;
        std::memcpy(&real, &bits, sizeof real);
        return real == real ? ValueView::Real(real) : ValueView::Null();
      }
      case 3:
        return ValueView::Text(TakeString());
      default:
        return ValueView::Blob(TakeString());
    }
  }

 private:
  std::string_view rest_;
};

using Target = void (*)(Input input);

// For fuzz_replay.
struct RegisteredTarget {
  RegisteredTarget(const char* name, Target target);
};

}  // namespace streamview::fuzz

// Ends the process where `condition` is false: for a fuzzer that is a finding.
#define FUZZ_CHECK(condition)                                                      \
  do {                                                                             \
    if (!(condition)) {                                                            \
      std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                \
    }                                                                              \
  } while (false)

#ifdef STREAMVIEW_LIBFUZZER
#define FUZZ_TARGET(name)                                                   \
  static void Fuzz_##name(streamview::fuzz::Input input);                   \
  extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) { \
    Fuzz_##name(streamview::fuzz::Input(data, size));                       \
    return 0;                                                               \
  }                                                                         \
  static void Fuzz_##name(streamview::fuzz::Input input)
#else
#define FUZZ_TARGET(name)                                                                \
  static void Fuzz_##name(streamview::fuzz::Input input);                                \
  static const streamview::fuzz::RegisteredTarget registered_##name(#name, Fuzz_##name); \
  static void Fuzz_##name(streamview::fuzz::Input input)
#endif
