#include "core/codec/exact_sum.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "core/base/check.h"
#include "core/codec/varint.h"

namespace streamview {

namespace {

__extension__ typedef unsigned __int128 Uint128;

constexpr int kLimbBits = 64;
constexpr int kMantissaBits = 53;
constexpr int kLowestExponent = -1074;  // of the bits of a double
// The stored bytes: squares of doubles lie between 2^-2148 and 2^2048, and 2^63 of them may be
// added up.
constexpr int kFirstByte = -272;
constexpr int kEndByte = 264;

// Rounds down, where C++ rounds to zero.
int FloorDiv(int a, int b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

// A number as mantissa * 2^exponent.
struct Dyadic {
  bool negative;
  uint64_t mantissa;
  int exponent;
};

Dyadic Decompose(const ValueView& number) {
  if (number.type() == ValueType::kInteger) {
    const int64_t v = number.integer();
    return {v < 0, v < 0 ? uint64_t{0} - static_cast<uint64_t>(v) : static_cast<uint64_t>(v), 0};
  }
  int exponent;
  const double fraction = std::frexp(std::fabs(number.real()), &exponent);
  return {number.real() < 0, static_cast<uint64_t>(std::ldexp(fraction, kMantissaBits)),
          exponent - kMantissaBits};
}

}  // namespace

void ExactSum::AddPower(const ValueView& number, int power, bool subtract) {
  SV_REQUIRE(number.type() == ValueType::kInteger ||
             (number.type() == ValueType::kReal && std::isfinite(number.real())));
  SV_REQUIRE(power == 1 || power == 2);
  const Dyadic d = Decompose(number);
  const bool negative = power == 1 && d.negative;
  const Uint128 mantissa = power == 1 ? Uint128{d.mantissa} : Uint128{d.mantissa} * d.mantissa;
  const int exponent = d.exponent * power;
  const int low = FloorDiv(exponent, kLimbBits);
  const int shift = exponent - low * kLimbBits;
  const Uint128 shifted = mantissa << shift;
  const auto above = shift == 0
                         ? uint64_t{0}
                         : static_cast<uint64_t>(mantissa >> kLimbBits >> (kLimbBits - shift));
  const uint64_t limbs[] = {static_cast<uint64_t>(shifted),
                            static_cast<uint64_t>(shifted >> kLimbBits), above};
  AddLimbs(negative != subtract, limbs, low);
}

void ExactSum::AddLimbs(bool negative, std::span<const uint64_t> limbs, int low) {
  while (!limbs.empty() && limbs.back() == 0) limbs = limbs.first(limbs.size() - 1);
  if (limbs.empty()) return;
  MakeRoom(low, low + static_cast<int>(limbs.size()));
  if (limbs_.empty()) negative_ = negative;
  const bool subtract = negative != negative_;
  uint64_t carry = 0;  // or borrow
  for (size_t i = static_cast<size_t>(low - low_); i < limbs_.size(); i++) {
    const size_t other = i - static_cast<size_t>(low - low_);
    if (other >= limbs.size() && carry == 0) break;
    const Uint128 operand = Uint128{other < limbs.size() ? limbs[other] : 0} + carry;
    const Uint128 result = subtract ? limbs_[i] - operand : limbs_[i] + operand;
    limbs_[i] = static_cast<uint64_t>(result);
    carry = static_cast<uint64_t>(result >> kLimbBits) != 0 ? 1 : 0;
  }
  if (carry != 0 && !subtract) limbs_.push_back(carry);
  if (carry != 0 && subtract) {
    // The result is below zero: its magnitude is the two's complement.
    negative_ = !negative_;
    for (uint64_t& limb : limbs_) {
      limb = ~limb + carry;
      carry = carry != 0 && limb == 0 ? 1 : 0;
    }
  }
  Normalize();
}

// Makes limbs_ cover the weights from `low` up to `high`, excluded.
void ExactSum::MakeRoom(int low, int high) {
  if (limbs_.empty()) {
    low_ = low;
  } else if (low < low_) {
    limbs_.insert(limbs_.begin(), static_cast<size_t>(low_ - low), 0);
    low_ = low;
  }
  const auto size = static_cast<size_t>(high - low_);
  if (limbs_.size() < size) limbs_.resize(size);
}

void ExactSum::Normalize() {
  while (!limbs_.empty() && limbs_.back() == 0) limbs_.pop_back();
  const auto first =
      std::find_if(limbs_.begin(), limbs_.end(), [](uint64_t limb) { return limb != 0; });
  low_ += static_cast<int>(first - limbs_.begin());
  limbs_.erase(limbs_.begin(), first);
  if (limbs_.empty()) {
    low_ = 0;
    negative_ = false;
  }
}

uint64_t ExactSum::Limb(int i) const {
  const int at = i - low_;
  return at >= 0 && at < static_cast<int>(limbs_.size()) ? limbs_[static_cast<size_t>(at)] : 0;
}

uint64_t ExactSum::Bits(int position) const {
  const int i = FloorDiv(position, kLimbBits);
  const int shift = position - i * kLimbBits;
  const uint64_t low = Limb(i) >> shift;
  return shift == 0 ? low : low | Limb(i + 1) << (kLimbBits - shift);
}

int ExactSum::LowestBit() const {
  SV_REQUIRE(!is_zero());
  return low_ * kLimbBits + std::countr_zero(limbs_.front());
}

int ExactSum::HighestBit() const {
  SV_REQUIRE(!is_zero());
  return (low_ + static_cast<int>(limbs_.size())) * kLimbBits - 1 - std::countl_zero(limbs_.back());
}

double ExactSum::ToReal() const {
  if (is_zero()) return 0.0;
  // The weight of the last bit that a double has room for.
  const int last = std::max(HighestBit() - (kMantissaBits - 1), kLowestExponent);
  uint64_t mantissa = Bits(last);
  const bool half = (Bits(last - 1) & 1) != 0;
  const bool more_than_half = LowestBit() < last - 1;
  if (half && (more_than_half || (mantissa & 1) != 0)) mantissa++;
  const double magnitude = std::ldexp(static_cast<double>(mantissa), last);
  return negative_ && magnitude != 0 ? -magnitude : magnitude;
}

std::optional<int64_t> ExactSum::ToInteger() const {
  if (is_zero()) return 0;
  if (LowestBit() < 0 || HighestBit() >= kLimbBits) return std::nullopt;
  const uint64_t magnitude = Limb(0);
  constexpr uint64_t kTwoTo63 = uint64_t{1} << 63;
  if (magnitude > kTwoTo63 || (magnitude == kTwoTo63 && !negative_)) return std::nullopt;
  return static_cast<int64_t>(negative_ ? uint64_t{0} - magnitude : magnitude);
}

void ExactSum::AppendTo(std::string* dst) const {
  if (is_zero()) return AppendVarint(dst, 0);
  const int first = FloorDiv(LowestBit(), 8), last = FloorDiv(HighestBit(), 8);
  AppendVarint(dst, static_cast<uint64_t>(last - first + 1) << 1 | (negative_ ? 1 : 0));
  AppendSignedVarint(dst, first);
  for (int i = last; i >= first; i--) dst->push_back(static_cast<char>(Bits(i * 8) & 0xff));
}

bool ExactSum::ReadFrom(std::string_view* input) {
  *this = ExactSum();
  uint64_t header;
  if (!ReadVarint(input, &header)) return false;
  if (header == 0) return true;
  const uint64_t size = header >> 1;
  int64_t first;
  if (size == 0 || !ReadSignedVarint(input, &first) || size > input->size()) return false;
  if (first < kFirstByte || first >= kEndByte || size > static_cast<uint64_t>(kEndByte - first)) {
    return false;
  }
  if (input->front() == 0 || (*input)[size - 1] == 0) return false;
  constexpr int kLimbBytes = kLimbBits / 8;
  const int from = static_cast<int>(first), end = from + static_cast<int>(size);
  low_ = FloorDiv(from, kLimbBytes);
  const int limbs = FloorDiv(end - 1, kLimbBytes) - low_ + 1;
  limbs_.resize(static_cast<size_t>(limbs));
  for (int i = from; i < end; i++) {
    const auto byte = static_cast<uint8_t>((*input)[static_cast<size_t>(end - 1 - i)]);
    const int at = i - low_ * kLimbBytes;
    limbs_[static_cast<size_t>(at / kLimbBytes)] |= uint64_t{byte} << (at % kLimbBytes * 8);
  }
  negative_ = (header & 1) != 0;
  input->remove_prefix(size);
  return true;
}

}  // namespace streamview
