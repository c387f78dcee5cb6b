// ExactSum: a sum of numbers, or of their squares, without any rounding.
//
// It is a fixed-point number with as many digits as the sum of any finite doubles needs, kept
// sparse: a Kulisch accumulator (U. Kulisch, "Very fast and exact accumulation of products",
// Computing 91, 2011; R. M. Neal, "Fast exact summation using small and large superaccumulators",
// arXiv:1505.05571). So the order of additions does not matter, what was added can be taken out
// again, and nothing overflows on the way: only ToReal() rounds, once. An expansion of doubles
// (Shewchuk's, as in Python's math.fsum) has not that: it overflows, and has no room for squares of
// small numbers.
//
// Equal sums have equal representations. An ExactSum is a value.

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/value.h"

namespace streamview {

class ExactSum {
 public:
  // Adds a number, or its square, or takes it out. REQUIRES: an INTEGER, or a REAL that is finite
  void Add(const ValueView& number) { AddPower(number, 1, false); }
  void Subtract(const ValueView& number) { AddPower(number, 1, true); }
  void AddSquare(const ValueView& number) { AddPower(number, 2, false); }
  void SubtractSquare(const ValueView& number) { AddPower(number, 2, true); }
  // `power`: 1 or 2.
  void AddPower(const ValueView& number, int power, bool subtract);
  void Add(const ExactSum& other) { AddLimbs(other.negative_, other.limbs_, other.low_); }

  bool is_zero() const { return limbs_.empty(); }
  // The nearest double, of two equally near ones the even one; an infinity where it is beyond the
  // range of doubles. Zero is never negative.
  double ToReal() const;
  // Where the sum is an integer of 64 bits.
  std::optional<int64_t> ToInteger() const;

  // The stored form (docs/format.md). False where *input does not begin with one; then *input and
  // the sum are unspecified.
  void AppendTo(std::string* dst) const;
  [[nodiscard]] bool ReadFrom(std::string_view* input);

  friend bool operator==(const ExactSum&, const ExactSum&) = default;

 private:
  void AddLimbs(bool negative, std::span<const uint64_t> limbs, int low);
  void MakeRoom(int low, int high);
  void Normalize();
  uint64_t Limb(int i) const;         // of weight 2^(64 i)
  uint64_t Bits(int position) const;  // 64 of them, the lowest of weight 2^position
  int LowestBit() const;              // REQUIRES: !is_zero(), as for the next
  int HighestBit() const;

  // The sum's magnitude is the sum of limbs_[i] * 2^(64 * (low_ + i)); neither the first nor the
  // last limb is 0. Zero has no limbs, and is not negative.
  bool negative_ = false;
  int low_ = 0;
  std::vector<uint64_t> limbs_;
};

}  // namespace streamview
