// Helpers of the tests of formats: bytes written as docs/format.md writes them, and random values.

#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/value.h"

namespace streamview {

// "00 ff" -> the two bytes.
inline std::string Bytes(std::string_view hex) {
  std::string bytes;
  for (; !hex.empty(); hex.remove_prefix(hex.size() > 2 ? 3 : 2)) {
    bytes.push_back(static_cast<char>(std::stoi(std::string(hex.substr(0, 2)), nullptr, 16)));
  }
  return bytes;
}

inline std::string Hex(std::string_view bytes) {
  std::string hex;
  for (const char c : bytes) {
    if (!hex.empty()) hex += ' ';
    hex += "0123456789abcdef"[static_cast<uint8_t>(c) >> 4];
    hex += "0123456789abcdef"[static_cast<uint8_t>(c) & 15];
  }
  return hex;
}

// Values of all types, that are often equal or close to each other. No NaN.
class RandomValues {
 public:
  explicit RandomValues(uint32_t seed) : random_(seed) {}

  uint64_t Below(uint64_t n) { return std::uniform_int_distribution<uint64_t>(0, n - 1)(random_); }

  Value Next() {
    switch (Below(8)) {
      case 0:
        return Value();
      case 1:
      case 2:
        return Value::Integer(NextInteger());
      case 3:
      case 4:
        return Value::Real(NextReal());
      case 5:
        return Value::Blob(NextBytes());
      default:
        return Value::Text(NextBytes());
    }
  }

  std::vector<Value> NextRow(size_t columns) {
    std::vector<Value> row;
    while (row.size() < columns) row.push_back(Next());
    return row;
  }

 private:
  // A few steps from a power of two, of either sign: where doubles begin to lack integers, and
  // ends.
  int64_t NextInteger() {
    const uint64_t power = uint64_t{1} << Below(64);
    const uint64_t near = power + Below(5) - 2;
    return static_cast<int64_t>(Below(2) == 0 ? near : -near);
  }

  double NextReal() {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    const auto integer = static_cast<double>(NextInteger());
    switch (Below(6)) {
      case 0:
        return std::nextafter(integer, kInfinity);
      case 1:
        return std::nextafter(integer, -kInfinity);
      case 2:
        return integer / 2;
      case 3:
        return Below(2) == 0 ? kInfinity : -kInfinity;
      default:
        return integer;
    }
  }

  std::string NextBytes() {
    static constexpr char kBytes[] = {'\x00', '\x01', 'a', '\x05', '\x20', '\xfe', '\xff'};
    std::string bytes;
    for (uint64_t n = Below(5); n > 0; --n) bytes += kBytes[Below(sizeof kBytes)];
    return bytes;
  }

  std::mt19937_64 random_;
};

}  // namespace streamview
