#include "tests/ext/testing/value.h"

#include <charconv>
#include <cmath>

namespace streamview::testing {
namespace {

// Where the storage classes stand in the order of keys; the two of numbers share a place.
int Rank(const SqlValue& v) { return v.index() >= 2 ? static_cast<int>(v.index()) - 1 : v.index(); }

template <typename T>
int Compare(const T& a, const T& b) {
  return a < b ? -1 : b < a ? 1 : 0;
}

// Both int64_t and double fit a long double without loss (64 bits of mantissa or more).
long double Number(const SqlValue& v) {
  static_assert(sizeof(long double) > sizeof(double));
  const int64_t* integer = std::get_if<int64_t>(&v);
  return integer != nullptr ? static_cast<long double>(*integer) : std::get<double>(v);
}

std::string RealLiteral(double v) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), v).ptr;
  std::string text(buffer, end);
  if (std::isfinite(v) && text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string TextLiteral(const std::string& v) {
  std::string literal = "'";
  for (char c : v) {
    if (c == '\'') literal += '\'';
    if (c == '\0') {
      literal += "\\0";
    } else {
      literal += c;
    }
  }
  return literal + "'";
}

std::string BlobLiteral(const std::string& bytes) {
  static const char kHex[] = "0123456789abcdef";
  std::string literal = "x'";
  for (unsigned char c : bytes) {
    literal += kHex[c >> 4];
    literal += kHex[c & 15];
  }
  return literal + "'";
}

}  // namespace

int CompareSql(const SqlValue& a, const SqlValue& b) {
  if (Rank(a) != Rank(b)) return Compare(Rank(a), Rank(b));
  if (const auto* text = std::get_if<std::string>(&a))
    return text->compare(std::get<std::string>(b));
  if (const auto* blob = std::get_if<Blob>(&a)) return blob->bytes.compare(std::get<Blob>(b).bytes);
  if (std::holds_alternative<std::monostate>(a)) return 0;
  return Compare(Number(a), Number(b));
}

std::string ToLiteral(const SqlValue& value) {
  if (const auto* integer = std::get_if<int64_t>(&value)) return std::to_string(*integer);
  if (const auto* real = std::get_if<double>(&value)) return RealLiteral(*real);
  if (const auto* text = std::get_if<std::string>(&value)) return TextLiteral(*text);
  if (const auto* blob = std::get_if<Blob>(&value)) return BlobLiteral(blob->bytes);
  return "NULL";
}

std::string ToLine(const Row& row) {
  std::string line;
  for (size_t i = 0; i < row.size(); ++i) {
    if (i > 0) line += '|';
    line += ToLiteral(row[i]);
  }
  return line;
}

std::string JsonString(const std::string& text) {
  std::string json = "\"";
  for (unsigned char c : text) {
    if (c == '"' || c == '\\') {
      json += '\\';
      json += static_cast<char>(c);
    } else if (c < 0x20) {
      static const char kHex[] = "0123456789abcdef";
      json += std::string("\\u00") + kHex[c >> 4] + kHex[c & 15];
    } else {
      json += static_cast<char>(c);
    }
  }
  return json + "\"";
}

}  // namespace streamview::testing
