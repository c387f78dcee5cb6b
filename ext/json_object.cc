#include "ext/json_object.h"

#include <cassert>
#include <charconv>
#include <cmath>
#include <string_view>

#include "core/base/check.h"

namespace streamview {

namespace {

void AppendHex(std::string* out, unsigned char byte) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  out->push_back(kDigits[byte >> 4]);
  out->push_back(kDigits[byte & 15]);
}

void AppendString(std::string* out, std::string_view text) {
  out->push_back('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out->push_back('\\');
      out->push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      *out += "\\u00";
      AppendHex(out, static_cast<unsigned char>(c));
    } else {
      out->push_back(c);
    }
  }
  out->push_back('"');
}

void AppendReal(std::string* out, double value) {
  if (std::isinf(value)) {
    *out += value < 0 ? "-9e999" : "9e999";
    return;
  }
  char digits[32];
  const auto [end, error] = std::to_chars(digits, digits + sizeof(digits), value);
  assert(error == std::errc());
  const std::string_view text(digits, static_cast<size_t>(end - digits));
  *out += text;
  if (text.find_first_of(".e") == std::string_view::npos) *out += ".0";
}

void AppendValue(std::string* out, const ValueView& value) {
  switch (value.type()) {
    case ValueType::kNull:
      *out += "null";
      break;
    case ValueType::kInteger:
      *out += std::to_string(value.integer());
      break;
    case ValueType::kReal:
      AppendReal(out, value.real());
      break;
    case ValueType::kText:
      AppendString(out, value.bytes());
      break;
    case ValueType::kBlob:
      out->push_back('"');
      for (const char c : value.bytes()) AppendHex(out, static_cast<unsigned char>(c));
      out->push_back('"');
      break;
  }
}

}  // namespace

std::string ToJsonObject(std::span<const std::string> names, std::span<const Value> values) {
  SV_REQUIRE(names.size() == values.size());
  std::string json = "{";
  for (size_t i = 0; i < names.size(); i++) {
    if (i > 0) json.push_back(',');
    AppendString(&json, names[i]);
    json.push_back(':');
    AppendValue(&json, values[i]);
  }
  json.push_back('}');
  return json;
}

}  // namespace streamview
