#include "core/base/value.h"

#include <cstdio>
#include <cstring>

namespace streamview {

namespace {
constexpr size_t kMaxDisplayBytes = 60;
}

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

std::string ToDisplay(const ValueView& value) {
  const bool cut = value.bytes().size() > kMaxDisplayBytes;
  const std::string_view bytes = value.bytes().substr(0, kMaxDisplayBytes);
  switch (value.type()) {
    case ValueType::kNull:
      return "NULL";
    case ValueType::kInteger:
      return std::to_string(value.integer());
    case ValueType::kReal: {
      char buffer[32];
      std::snprintf(buffer, sizeof(buffer), "%.15g", value.real());
      std::string text = buffer;
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
