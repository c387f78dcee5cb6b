#include "core/codec/key_codec.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/codec/varint.h"
#include "tests/core/codec_test_util.h"

namespace streamview {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int64_t kTwo53 = int64_t{1} << 53;

std::string Key(const ValueView& v) {
  std::string key;
  AppendKeyColumn(&key, v);
  return key;
}

std::string Key(const std::vector<Value>& row) {
  std::string key;
  for (const Value& v : row) AppendKeyColumn(&key, v);
  return key;
}

int Sign(int v) { return (v > 0) - (v < 0); }

// The order of SQLite under BINARY, after sqlite3IntFloatCompare and sqlite3MemCompare.
int CompareIntegerToReal(int64_t i, double r) {
  if (r < -0x1p63) return 1;
  if (r >= 0x1p63) return -1;
  const auto truncated = static_cast<int64_t>(r);
  if (i != truncated) return i < truncated ? -1 : 1;
  const auto back = static_cast<double>(truncated);
  return (back > r) - (back < r);
}

int CompareNumbers(const ValueView& a, const ValueView& b) {
  if (a.type() == ValueType::kInteger) {
    if (b.type() == ValueType::kReal) return CompareIntegerToReal(a.integer(), b.real());
    return (a.integer() > b.integer()) - (a.integer() < b.integer());
  }
  if (b.type() == ValueType::kInteger) return -CompareIntegerToReal(b.integer(), a.real());
  return (a.real() > b.real()) - (a.real() < b.real());
}

int CompareInSqlite(const ValueView& a, const ValueView& b) {
  const auto rank = [](const ValueView& v) {
    return v.is_null() ? 0 : v.is_number() ? 1 : v.type() == ValueType::kText ? 2 : 3;
  };
  if (rank(a) != rank(b)) return rank(a) < rank(b) ? -1 : 1;
  if (a.is_null()) return 0;
  return a.is_number() ? CompareNumbers(a, b) : Sign(a.bytes().compare(b.bytes()));
}

int CompareInSqlite(const std::vector<Value>& a, const std::vector<Value>& b) {
  for (size_t i = 0; i < a.size(); ++i) {
    if (const int c = CompareInSqlite(a[i], b[i]); c != 0) return c;
  }
  return 0;
}

TEST(VarintTest, BytesAreThoseOfTheFormat) {
  const std::pair<uint64_t, const char*> kExamples[] = {
      {0, "00"},
      {240, "f0"},
      {241, "f1 01"},
      {2287, "f8 ff"},
      {2288, "f9 00 00"},
      {67823, "f9 ff ff"},
      {67824, "fa 01 08 f0"},
      {16777215, "fa ff ff ff"},
      {16777216, "fb 01 00 00 00"},
      {4294967296, "fc 01 00 00 00 00"},
      {UINT64_MAX, "ff ff ff ff ff ff ff ff ff"},
  };
  for (const auto& [value, hex] : kExamples) {
    std::string bytes;
    AppendVarint(&bytes, value);
    EXPECT_EQ(Hex(bytes), hex) << value;
  }
}

TEST(VarintTest, OrderAndValueSurvive) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int i = 0; i < 20'000; ++i) {
    const uint64_t a = random() >> (random() % 64);
    const uint64_t b = random() % 2 == 0 ? a + 1 : random() >> (random() % 64);
    std::string encoded_a, encoded_b;
    AppendVarint(&encoded_a, a);
    AppendVarint(&encoded_b, b);
    ASSERT_EQ(a < b, encoded_a < encoded_b) << a << " and " << b;

    std::string_view input = encoded_a;
    uint64_t decoded;
    ASSERT_TRUE(ReadVarint(&input, &decoded));
    ASSERT_EQ(decoded, a);
    ASSERT_TRUE(input.empty());
  }
}

TEST(VarintTest, TruncatedOrLongerThanNeededIsRefused) {
  for (const char* hex : {"", "f1", "f1 00", "f9 00", "fa 01 08", "fa 01 08 ef", "fb 00 ff ff ff",
                          "ff 00 ff ff ff ff ff ff ff", "ff 01 02 03 04 05 06 07"}) {
    const std::string bytes = Bytes(hex);
    std::string_view input = bytes;
    uint64_t v;
    EXPECT_FALSE(ReadVarint(&input, &v)) << hex;
  }
}

TEST(KeyCodecTest, BytesAreThoseOfTheFormat) {
  const std::pair<ValueView, const char*> kExamples[] = {
      {ValueView::Null(), "05"},
      {ValueView::Integer(0), "10 80 00 00 00 00 00 00 00"},
      {ValueView::Integer(1), "10 bf f0 00 00 00 00 00 00"},
      {ValueView::Integer(-1), "10 40 0f ff ff ff ff ff ff"},
      {ValueView::Integer(42), "10 c0 45 00 00 00 00 00 00"},
      {ValueView::Real(1.5), "10 bf f8 00 00 00 00 00 00"},
      {ValueView::Real(-1.5), "10 40 07 ff ff ff ff ff ff"},
      {ValueView::Real(5e-324), "10 80 00 00 00 00 00 00 01"},
      {ValueView::Integer(kTwo53 - 1), "10 c3 3f ff ff ff ff ff ff"},
      {ValueView::Integer(kTwo53), "10 c3 40 00 00 00 00 00 00 00 00"},
      {ValueView::Integer(kTwo53 + 1), "10 c3 40 00 00 00 00 00 00 00 01"},
      {ValueView::Integer(-kTwo53 + 1), "10 3c c0 00 00 00 00 00 00"},
      {ValueView::Integer(-kTwo53), "10 3c bf ff ff ff ff ff ff 00 00"},
      {ValueView::Integer(-kTwo53 - 1), "10 3c bf ff ff ff ff ff fe 00 01"},
      {ValueView::Integer(INT64_MAX), "10 c3 df ff ff ff ff ff ff 03 ff"},
      {ValueView::Integer(INT64_MIN), "10 3c 1f ff ff ff ff ff ff 00 00"},
      {ValueView::Integer(INT64_MIN + 1), "10 3c 1f ff ff ff ff ff ff 00 01"},
      {ValueView::Real(0x1p63), "10 c3 e0 00 00 00 00 00 00 00 00"},
      {ValueView::Real(kInfinity), "10 ff f0 00 00 00 00 00 00 00 00"},
      {ValueView::Real(-kInfinity), "10 00 0f ff ff ff ff ff ff 00 00"},
      {ValueView::Text(""), "20 00"},
      {ValueView::Text("cat"), "20 63 61 74 00"},
      {ValueView::Text(std::string_view("a\0b", 3)), "20 61 00 ff 62 00"},
      {ValueView::Blob(""), "30 00"},
      {ValueView::Blob(std::string_view("\x00\xff", 2)), "30 00 ff ff 00"},
  };
  for (const auto& [value, hex] : kExamples) EXPECT_EQ(Hex(Key(value)), hex) << ToDisplay(value);
}

TEST(KeyCodecTest, WhatSqliteCallsEqualHasTheSameBytes) {
  EXPECT_EQ(Key(ValueView::Integer(1)), Key(ValueView::Real(1)));
  EXPECT_EQ(Key(ValueView::Real(-0.0)), Key(ValueView::Integer(0)));
  EXPECT_EQ(Key(ValueView::Integer(kTwo53)), Key(ValueView::Real(0x1p53)));
  EXPECT_EQ(Key(ValueView::Integer(INT64_MIN)), Key(ValueView::Real(-0x1p63)));
  EXPECT_EQ(Key(ValueView::Real(std::nan(""))), Key(ValueView::Null()));
}

TEST(KeyCodecTest, IntegersAtTheEndsOrderExactlyAgainstReals) {
  const ValueView kAscending[] = {
      ValueView::Real(-kInfinity),
      ValueView::Real(std::nextafter(-0x1p63, -kInfinity)),
      ValueView::Integer(INT64_MIN),
      ValueView::Integer(INT64_MIN + 1),
      ValueView::Integer(INT64_MIN + 1023),
      ValueView::Real(-0x1p63 + 1024),
      ValueView::Integer(INT64_MIN + 1025),
      ValueView::Real(-0x1p53 - 2),
      ValueView::Integer(-kTwo53 - 1),
      ValueView::Real(-0x1p53),
      ValueView::Integer(-kTwo53 + 1),
      ValueView::Real(-0.5),
      ValueView::Integer(0),
      ValueView::Real(0.5),
      ValueView::Integer(kTwo53 - 1),
      ValueView::Real(0x1p53),
      ValueView::Integer(kTwo53 + 1),
      ValueView::Real(0x1p53 + 2),
      ValueView::Real(0x1p63 - 1024),
      ValueView::Integer(INT64_MAX - 1),
      ValueView::Integer(INT64_MAX),
      ValueView::Real(0x1p63),
      ValueView::Real(kInfinity),
      ValueView::Text(""),
      ValueView::Blob(""),
  };
  for (size_t i = 1; i < std::size(kAscending); ++i) {
    EXPECT_LT(Key(kAscending[i - 1]), Key(kAscending[i]))
        << ToDisplay(kAscending[i - 1]) << " and " << ToDisplay(kAscending[i]);
  }
}

TEST(KeyCodecTest, RandomRowsOrderAsSqliteOrdersThem) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  RandomValues random(seed);
  for (int i = 0; i < 100'000; ++i) {
    std::vector<Value> a = random.NextRow(3);
    std::vector<Value> b = random.NextRow(3);
    for (size_t equal = random.Below(3); equal > 0; --equal) b[equal - 1] = a[equal - 1];
    ASSERT_EQ(Sign(Key(a).compare(Key(b))), CompareInSqlite(a, b))
        << ToDisplay(a[0]) << ", " << ToDisplay(a[1]) << ", " << ToDisplay(a[2]) << " and "
        << ToDisplay(b[0]) << ", " << ToDisplay(b[1]) << ", " << ToDisplay(b[2]);
  }
}

TEST(KeyCodecTest, RandomRowsDecodeToThemselves) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  RandomValues random(seed);
  std::string scratch;
  for (int i = 0; i < 20'000; ++i) {
    const std::vector<Value> row = random.NextRow(3);
    const std::string key = Key(row);
    std::string_view to_read = key;
    std::string_view to_skip = key;
    for (const Value& expected : row) {
      ValueView v;
      ASSERT_TRUE(ReadKeyColumn(&to_read, expected.type() == ValueType::kReal, &scratch, &v));
      ASSERT_TRUE(Identical(v, expected)) << ToDisplay(v) << " for " << ToDisplay(expected);
      ASSERT_TRUE(SkipKeyColumn(&to_skip));
      ASSERT_EQ(to_skip, to_read);
    }
    ASSERT_TRUE(to_read.empty());
  }
}

TEST(KeyCodecTest, BytesWithoutZeroAreNotCopied) {
  const std::string key = Key(ValueView::Text("cat"));
  std::string_view input = key;
  std::string scratch;
  ValueView v;
  ASSERT_TRUE(ReadKeyColumn(&input, false, &scratch, &v));
  EXPECT_EQ(v.bytes().data(), key.data() + 1);
}

TEST(KeyCodecTest, MalformedColumnsAreNotSkipped) {
  for (const char* hex :
       {"", "00", "04", "06", "ff", "10", "10 bf f0 00 00 00 00 00", "10 c3 40 00 00 00 00 00 00",
        "10 c3 40 00 00 00 00 00 00 00", "20", "20 61", "20 61 00 ff", "30 00 ff"}) {
    const std::string bytes = Bytes(hex);
    std::string_view input = bytes;
    EXPECT_FALSE(SkipKeyColumn(&input)) << hex;
    input = bytes;
    std::string scratch;
    ValueView v;
    EXPECT_FALSE(ReadKeyColumn(&input, false, &scratch, &v)) << hex;
  }
}

bool Decodes(std::string_view hex, bool is_real) {
  const std::string bytes = Bytes(hex);
  std::string_view input = bytes;
  std::string scratch;
  ValueView v;
  return ReadKeyColumn(&input, is_real, &scratch, &v);
}

TEST(KeyCodecTest, NumbersThatNoValueEncodesToAreRefused) {
  EXPECT_FALSE(Decodes("10 bf f8 00 00 00 00 00 00", false)) << "1.5 as INTEGER";
  EXPECT_FALSE(Decodes("10 c3 e0 00 00 00 00 00 00 00 00", false)) << "2^63 as INTEGER";
  EXPECT_FALSE(Decodes("10 ff f0 00 00 00 00 00 00 00 00", false)) << "infinity as INTEGER";
  EXPECT_FALSE(Decodes("10 c3 40 00 00 00 00 00 00 00 01", true)) << "2^53 + 1 as REAL";
  EXPECT_FALSE(Decodes("10 c3 40 00 00 00 00 00 00 00 02", false)) << "2^53 + residual 2";
  EXPECT_FALSE(Decodes("10 c3 df ff ff ff ff ff ff 04 00", false)) << "INT64_MAX + 1";
  EXPECT_FALSE(Decodes("10 7f ff ff ff ff ff ff ff", true)) << "-0.0";
  EXPECT_FALSE(Decodes("10 ff f8 00 00 00 00 00 00 00 00", true)) << "NaN";
  EXPECT_FALSE(Decodes("10 ff f8 00 00 00 00 00 00", true)) << "NaN without residual";
  EXPECT_FALSE(Decodes("10 ff f8 00 00 00 00 00 00 00 00", false)) << "NaN as INTEGER";
}

TEST(KeyCodecTest, AfterKeyColumnsDividesEqualFromGreaterKeys) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  RandomValues random(seed);
  for (int i = 0; i < 50'000; ++i) {
    const std::vector<Value> bound = random.NextRow(1);
    std::vector<Value> row = random.NextRow(2);
    if (random.Below(4) == 0) row[0] = bound[0];
    ASSERT_EQ(Key(row) < AfterKeyColumns(Key(bound)), CompareInSqlite(row[0], bound[0]) <= 0)
        << ToDisplay(row[0]) << " and " << ToDisplay(bound[0]);
  }
}

}  // namespace
}  // namespace streamview
