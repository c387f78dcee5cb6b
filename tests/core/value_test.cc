#include "core/base/value.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace streamview {
namespace {

// Values that differ, in ascending order.
std::vector<Value> Ascending() {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  constexpr int64_t k2To53 = int64_t{1} << 53;
  return {Value(),
          Value::Real(-kInfinity),
          Value::Real(-1e19),
          Value::Integer(INT64_MIN),
          Value::Integer(INT64_MIN + 1),
          Value::Integer(-k2To53 - 1),
          Value::Real(-k2To53),
          Value::Integer(-1),
          Value::Real(-0.5),
          Value::Integer(0),
          Value::Real(0.5),
          Value::Integer(1),
          Value::Real(1.5),
          Value::Integer(2),
          Value::Real(k2To53),
          Value::Integer(k2To53 + 1),
          Value::Integer(INT64_MAX),
          Value::Real(9223372036854775808.0),
          Value::Real(kInfinity),
          Value::Text(""),
          Value::Text(std::string_view("\0", 1)),
          Value::Text("a"),
          Value::Text("ab"),
          Value::Text("b"),
          Value::Text("\xff"),
          Value::Blob(""),
          Value::Blob("a"),
          Value::Blob("\xff")};
}

TEST(CompareTest, OrdersAsSqliteDoes) {
  const std::vector<Value> values = Ascending();
  for (size_t i = 0; i < values.size(); ++i) {
    for (size_t j = 0; j < values.size(); ++j) {
      const int order = Compare(values[i], values[j]);
      EXPECT_EQ(order < 0, i < j) << ToDisplay(values[i]) << " and " << ToDisplay(values[j]);
      EXPECT_EQ(order > 0, i > j) << ToDisplay(values[i]) << " and " << ToDisplay(values[j]);
    }
  }
}

TEST(CompareTest, IntegersAndRealsOfOneValueAreEqual) {
  EXPECT_EQ(Compare(Value::Integer(1), Value::Real(1.0)), 0);
  EXPECT_EQ(Compare(Value::Real(-0.0), Value::Integer(0)), 0);
  EXPECT_EQ(Compare(Value::Integer(INT64_MIN), Value::Real(-9223372036854775808.0)), 0);
}

}  // namespace
}  // namespace streamview
