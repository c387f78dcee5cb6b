#include "core/codec/exact_sum.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "tests/core/codec_test_util.h"
#include "tests/ext/testing/seed.h"

namespace streamview {
namespace {

using Limits = std::numeric_limits<double>;
constexpr double kInfinity = Limits::infinity();
constexpr double kTiniest = Limits::denorm_min();

ExactSum SumOf(const std::vector<double>& numbers) {
  ExactSum sum;
  for (const double x : numbers) sum.Add(ValueView::Real(x));
  return sum;
}

std::string EncodedBytes(const ExactSum& sum) {
  std::string bytes;
  sum.AppendTo(&bytes);
  return bytes;
}

// Any finite double, of any magnitude.
double AnyDouble(std::mt19937_64& random) {
  for (;;) {
    const double x = std::bit_cast<double>(random());
    if (std::isfinite(x)) return x;
  }
}

TEST(ExactSumTest, RoundsOnceAndToTheNearest) {
  EXPECT_EQ(SumOf(std::vector<double>(10, 0.1)).ToReal(), 1.0);
  EXPECT_EQ(SumOf({0.1, 0.2}).ToReal(), 0.1 + 0.2);
  EXPECT_EQ(SumOf({1e100, 1, -1e100}).ToReal(), 1.0);
  EXPECT_EQ(SumOf({1e16, 1, 1e-16}).ToReal(), 10000000000000002.0);
  // Half a unit in the last place goes to the even one, a little more than half goes up.
  EXPECT_EQ(SumOf({1, 0x1p-53}).ToReal(), 1.0);
  EXPECT_EQ(SumOf({1 + 0x1p-52, 0x1p-53}).ToReal(), 1 + 0x1p-51);
  EXPECT_EQ(SumOf({1, 0x1p-53, kTiniest}).ToReal(), 1 + 0x1p-52);
  EXPECT_EQ(SumOf({-1, -0x1p-53, -kTiniest}).ToReal(), -1 - 0x1p-52);
  EXPECT_EQ(SumOf({0x1.fffffffffffffp0, 0x1p-53}).ToReal(), 2.0);
}

// From Python's tests of math.fsum (Lib/test/test_math.py), with their answers.
TEST(ExactSumTest, AgreesWithFsum) {
  EXPECT_EQ(SumOf({}).ToReal(), 0.0);
  EXPECT_EQ(SumOf({1e100, 1.0, -1e100, 1e-100, 1e50, -1.0, -1e50}).ToReal(), 1e-100);
  EXPECT_EQ(SumOf({0x1p53, -0.5, -0x1p-54}).ToReal(), 0x1p53 - 1.0);
  EXPECT_EQ(SumOf({0x1p53, 1.0, 0x1p-100}).ToReal(), 0x1p53 + 2.0);
  EXPECT_EQ(SumOf({0x1p53 + 10.0, 1.0, 0x1p-100}).ToReal(), 0x1p53 + 12.0);
  EXPECT_EQ(SumOf({0x1p53 - 4.0, 0.5, 0x1p-54}).ToReal(), 0x1p53 - 3.0);
  EXPECT_EQ(SumOf({1e16, 1., 1e-16}).ToReal(), 10000000000000002.0);
  EXPECT_EQ(SumOf({1e16 - 2., 1. - 0x1p-53, -(1e16 - 2.), -(1. - 0x1p-53)}).ToReal(), 0.0);
  std::vector<double> harmonic, alternating;
  for (int n = 1; n <= 1000; n++) harmonic.push_back(1.0 / n);
  for (int n = 1; n <= 1000; n++) alternating.push_back((n % 2 == 0 ? 1.0 : -1.0) / n);
  EXPECT_EQ(SumOf(harmonic).ToReal(), 0x1.df11f45f4e61ap+2);
  EXPECT_EQ(SumOf(alternating).ToReal(), -0x1.62a2af1bd3624p-1);
}

TEST(ExactSumTest, GoesBeyondTheRangeOfDoublesAndComesBack) {
  ExactSum sum = SumOf({1e308, 1e308});
  EXPECT_EQ(sum.ToReal(), kInfinity);
  sum.Subtract(ValueView::Real(1e308));
  EXPECT_EQ(sum.ToReal(), 1e308);
  sum.Subtract(ValueView::Real(Limits::max()));
  sum.Subtract(ValueView::Real(Limits::max()));
  EXPECT_EQ(sum.ToReal(), -kInfinity);
  EXPECT_EQ(SumOf({Limits::max(), 0x1p969}).ToReal(), Limits::max());  // less than half a unit
  EXPECT_EQ(SumOf({Limits::max(), 0x1p970}).ToReal(), kInfinity);
}

TEST(ExactSumTest, HasRoomForTheSmallest) {
  EXPECT_EQ(SumOf({kTiniest}).ToReal(), kTiniest);
  EXPECT_EQ(SumOf({kTiniest, kTiniest, -kTiniest}).ToReal(), kTiniest);
  EXPECT_EQ(SumOf({Limits::min(), -kTiniest}).ToReal(), Limits::min() - kTiniest);
  EXPECT_EQ(SumOf({1e308, kTiniest, -1e308}).ToReal(), kTiniest);
}

TEST(ExactSumTest, ZeroHasNoSign) {
  EXPECT_FALSE(std::signbit(SumOf({-0.0}).ToReal()));
  EXPECT_FALSE(std::signbit(SumOf({-1.5, 1.5}).ToReal()));
  EXPECT_EQ(SumOf({-0.0, 0.0}), ExactSum());
  EXPECT_TRUE(SumOf({0.1, 0.7, -0.1, -0.7}).is_zero());
}

TEST(ExactSumTest, SquaresNeitherOverflowNorVanish) {
  ExactSum sum;
  sum.AddSquare(ValueView::Real(1e200));
  EXPECT_EQ(sum.ToReal(), kInfinity);
  sum.AddSquare(ValueView::Real(-1e-200));
  sum.SubtractSquare(ValueView::Real(1e200));
  EXPECT_FALSE(sum.is_zero());
  EXPECT_EQ(sum.ToReal(), 0.0);  // 1e-400, rounded
  sum.SubtractSquare(ValueView::Real(1e-200));
  EXPECT_TRUE(sum.is_zero());
  sum.AddSquare(ValueView::Real(kTiniest));
  sum.AddSquare(ValueView::Real(Limits::max()));
  ExactSum read;
  const std::string bytes = EncodedBytes(sum);
  std::string_view input = bytes;
  ASSERT_TRUE(read.ReadFrom(&input));
  EXPECT_EQ(read, sum);
  sum.SubtractSquare(ValueView::Real(-Limits::max()));
  sum.SubtractSquare(ValueView::Real(kTiniest));
  EXPECT_TRUE(sum.is_zero());
}

TEST(ExactSumTest, IntegersAreExactToTheEndsOfTheirRange) {
  ExactSum sum;
  EXPECT_EQ(sum.ToInteger(), 0);
  sum.Add(ValueView::Integer(INT64_MAX));
  EXPECT_EQ(sum.ToInteger(), INT64_MAX);
  sum.Add(ValueView::Integer(1));
  EXPECT_EQ(sum.ToInteger(), std::nullopt);
  EXPECT_EQ(sum.ToReal(), 0x1p63);
  sum.Subtract(ValueView::Integer(1));
  EXPECT_EQ(sum.ToInteger(), INT64_MAX);
  sum.Subtract(ValueView::Integer(INT64_MAX));
  sum.Add(ValueView::Integer(INT64_MIN));
  EXPECT_EQ(sum.ToInteger(), INT64_MIN);
  sum.Subtract(ValueView::Integer(1));
  EXPECT_EQ(sum.ToInteger(), std::nullopt);
  sum = ExactSum();
  sum.AddSquare(ValueView::Integer(INT64_MIN));
  EXPECT_EQ(sum.ToReal(), 0x1p126);
  sum.SubtractSquare(ValueView::Integer(INT64_MIN));
  sum.AddSquare(ValueView::Integer(-3037000499));
  EXPECT_EQ(sum.ToInteger(), 9223372030926249001);
  sum.Add(ValueView::Real(0.5));
  EXPECT_EQ(sum.ToInteger(), std::nullopt);
}

// __int128 and its conversion to double are the other implementation.
TEST(ExactSumTest, AgreesWithFixedPointArithmetic) {
  __extension__ typedef __int128 Int128;
  std::mt19937_64 random(testing::TestSeed());
  constexpr int kScale = 40;
  for (int round = 0; round < 300; round++) {
    ExactSum sum;
    Int128 fixed = 0;
    for (int i = 0; i < 50; i++) {
      const int bits = static_cast<int>(random() % 80);  // of the number in fixed point
      const int digits = std::min(bits, 53);
      const auto mantissa = static_cast<int64_t>(random() & ((uint64_t{1} << digits) - 1));
      const int shift = bits - digits;
      const Int128 number =
          (random() & 1) != 0 ? -(Int128{mantissa} << shift) : Int128{mantissa} << shift;
      sum.Add(ValueView::Real(std::ldexp(static_cast<double>(number), -kScale)));
      fixed += number;
      ASSERT_EQ(sum.ToReal(), std::ldexp(static_cast<double>(fixed), -kScale));
    }
  }
}

TEST(ExactSumTest, TheOrderAndTheGroupingOfAdditionsDoNotMatter) {
  std::mt19937_64 random(testing::TestSeed());
  for (int round = 0; round < 100; round++) {
    std::vector<double> numbers;
    for (int i = 0; i < 40; i++) numbers.push_back(AnyDouble(random));
    const ExactSum sum = SumOf(numbers);
    std::shuffle(numbers.begin(), numbers.end(), random);
    EXPECT_EQ(SumOf(numbers), sum);
    const auto middle = numbers.begin() + static_cast<long>(random() % numbers.size());
    ExactSum left = SumOf({numbers.begin(), middle});
    left.Add(SumOf({middle, numbers.end()}));
    EXPECT_EQ(left, sum);
    EXPECT_EQ(EncodedBytes(left), EncodedBytes(sum));
  }
}

TEST(ExactSumTest, WhatIsTakenOutLeavesNoTrace) {
  std::mt19937_64 random(testing::TestSeed());
  for (int round = 0; round < 100; round++) {
    std::vector<double> numbers;
    ExactSum sum, squares;
    for (int i = 0; i < 40; i++) {
      numbers.push_back(AnyDouble(random));
      sum.Add(ValueView::Real(numbers.back()));
      squares.AddSquare(ValueView::Real(numbers.back()));
    }
    std::shuffle(numbers.begin(), numbers.end(), random);
    while (numbers.size() > 1) {
      sum.Subtract(ValueView::Real(numbers.back()));
      squares.SubtractSquare(ValueView::Real(numbers.back()));
      numbers.pop_back();
    }
    EXPECT_EQ(sum.ToReal(), numbers[0]);
    ExactSum square;
    square.AddSquare(ValueView::Real(numbers[0]));
    EXPECT_EQ(squares, square);
  }
}

TEST(ExactSumTest, BytesAreThoseOfTheFormat) {
  const auto hex = [](const ValueView& number) {
    ExactSum sum;
    sum.Add(number);
    return Hex(EncodedBytes(sum));
  };
  EXPECT_EQ(hex(ValueView::Integer(0)), "00");
  EXPECT_EQ(hex(ValueView::Integer(1)), "02 00 01");
  EXPECT_EQ(hex(ValueView::Integer(-1)), "03 00 01");
  EXPECT_EQ(hex(ValueView::Integer(1000)), "04 00 03 e8");
  EXPECT_EQ(hex(ValueView::Integer(65536)), "02 04 01");
  EXPECT_EQ(hex(ValueView::Real(0.5)), "02 01 80");
  EXPECT_EQ(hex(ValueView::Real(-2.25)), "05 01 02 40");
  EXPECT_EQ(hex(ValueView::Real(0.1)), "0e 0d 19 99 99 99 99 99 9a");
}

TEST(ExactSumTest, WhatIsWrittenIsRead) {
  std::mt19937_64 random(testing::TestSeed());
  for (int round = 0; round < 500; round++) {
    ExactSum sum;
    for (uint64_t i = random() % 5; i > 0; i--) {
      sum.AddPower(ValueView::Real(AnyDouble(random)), static_cast<int>(1 + random() % 2),
                   (random() & 1) != 0);
    }
    const std::string bytes = EncodedBytes(sum) + "rest";
    std::string_view input = bytes;
    ExactSum read;
    ASSERT_TRUE(read.ReadFrom(&input));
    EXPECT_EQ(read, sum);
    EXPECT_EQ(input, "rest");
  }
}

TEST(ExactSumTest, OtherBytesAreRefused) {
  for (const char* hex : {"", "01", "02", "02 00", "02 00 00", "04 00 01 00", "04 00 00 01",
                          "04 00 01", "02 f9 00 00 01", "02 f9 00 01 01"}) {
    const std::string bytes = Bytes(hex);
    std::string_view input = bytes;
    ExactSum sum;
    EXPECT_FALSE(sum.ReadFrom(&input)) << hex;
  }
}

}  // namespace
}  // namespace streamview
