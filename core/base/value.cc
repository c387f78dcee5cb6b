#include "core/base/value.h"

#include <cassert>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>

namespace streamview {

namespace {

constexpr size_t kMaxDisplayBytes = 60;

template <typename T>
int CompareOf(const T& a, const T& b) {
  return a < b ? -1 : b < a ? 1 : 0;
}

int CompareWithReal(int64_t a, double b) {
  constexpr double kTwoTo63 = 9223372036854775808.0;
  if (b >= kTwoTo63) return -1;
  if (b < -kTwoTo63) return 1;
  const double whole = std::floor(b);
  const int order = CompareOf(a, static_cast<int64_t>(whole));
  return order != 0 ? order : CompareOf(whole, b);
}

// INTEGER and REAL share a place in the order of types.
int Place(ValueType type) {
  return type == ValueType::kReal ? static_cast<int>(ValueType::kInteger) : static_cast<int>(type);
}

}  // namespace

bool Identical(const ValueView& a, const ValueView& b) {
  if (a.type() != b.type()) return false;
  switch (a.type()) {
    case ValueType::kNull:
      return true;
    case ValueType::kInteger:
      return a.integer() == b.integer();
    case ValueType::kReal:
      return a.real() == b.real();
    default:
      return a.bytes() == b.bytes();
  }
}

int Compare(const ValueView& a, const ValueView& b) {
  if (Place(a.type()) != Place(b.type())) return CompareOf(Place(a.type()), Place(b.type()));
  if (a.is_null()) return 0;
  if (!a.is_number()) return a.bytes().compare(b.bytes());
  const bool a_real = a.type() == ValueType::kReal, b_real = b.type() == ValueType::kReal;
  if (a_real && b_real) return CompareOf(a.real(), b.real());
  if (b_real) return CompareWithReal(a.integer(), b.real());
  if (a_real) return -CompareWithReal(b.integer(), a.real());
  return CompareOf(a.integer(), b.integer());
}

std::string ToDisplay(const ValueView& value) {
  const bool cut = value.bytes().size() > kMaxDisplayBytes;
  const std::string_view bytes = value.bytes().substr(0, kMaxDisplayBytes);
  switch (value.type()) {
    case ValueType::kNull:
      return "NULL";
    case ValueType::kInteger:
      return std::to_string(value.integer());
    case ValueType::kReal: {
      // Not by printf(), which writes numbers as the process' locale has them.
      char buffer[32];
      const auto [end, error] = std::to_chars(buffer, buffer + sizeof(buffer), value.real(),
                                              std::chars_format::general, /*precision=*/15);
      assert(error == std::errc());
      std::string text(buffer, end);
      return text.find_first_of(".eni") == std::string::npos ? text + ".0" : text;
    }
    case ValueType::kText: {
      std::string text = "'";
      for (char c : bytes) {
        // Messages become C strings: a NUL would end them.
        if (c == '\0') {
          text += "\\0";
        } else {
          text += c;
        }
      }
      return text + (cut ? "...'" : "'");
    }
    case ValueType::kBlob: {
      std::string text = "x'";
      for (unsigned char c : bytes) {
        char hex[3];
        std::snprintf(hex, sizeof(hex), "%02x", c);
        text += hex;
      }
      return text + (cut ? "...'" : "'");
    }
  }
  return "?";
}

}  // namespace streamview
