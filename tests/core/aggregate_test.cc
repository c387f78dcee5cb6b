#include "core/codec/aggregate.h"

#include <gtest/gtest.h>

#include "tests/core/codec_test_util.h"

namespace streamview {
namespace {

std::string Bytes(const Aggregate& aggregate) {
  std::string bytes;
  aggregate.AppendTo(&bytes);
  return bytes;
}

// The example of docs/format.md: two rows under the key 2.0, with values 1 and 0.5.
Aggregate Stats() {
  Aggregate aggregate;
  aggregate.AddRow(0b01, ValueView::Integer(1), 2, false);
  aggregate.AddRow(0b11, ValueView::Real(0.5), 2, false);
  return aggregate;
}

TEST(AggregateTest, BytesAreThoseOfTheFormat) {
  EXPECT_EQ(Hex(Bytes(Stats())), "04 02 00 04 01 02 04 01 01 80 04 01 01 40");
  Aggregate less;
  less.AddRow(0, ValueView::Null(), 0, true);
  EXPECT_EQ(Hex(Bytes(less)), "01 00");
}

TEST(AggregateTest, WhatIsWrittenIsRead) {
  Aggregate read;
  ASSERT_TRUE(read.Decode(Bytes(Stats())).ok());
  EXPECT_EQ(read, Stats());
  int64_t count = 0;
  ASSERT_TRUE(ReadAggregateCount(Bytes(Stats()), &count));
  EXPECT_EQ(count, 2);
}

TEST(AggregateTest, RowsThatAreTakenOutLeaveNothing) {
  Aggregate aggregate = Stats();
  aggregate.AddRow(0b11, ValueView::Real(0.5), 2, true);
  EXPECT_FALSE(aggregate.is_zero());
  EXPECT_EQ(aggregate.RealsIn(0), 1);
  EXPECT_EQ(aggregate.RealsIn(1), 0);
  aggregate.AddRow(0b01, ValueView::Integer(1), 2, true);
  EXPECT_TRUE(aggregate.is_zero());
}

TEST(AggregateTest, ChangesAddUpInAnyGrouping) {
  Aggregate left = Stats(), right, both = Stats();
  right.AddRow(0b10, ValueView::Real(-7.5), 2, true);
  right.AddRow(0b01, ValueView::Integer(1), 2, true);
  both.AddRow(0b10, ValueView::Real(-7.5), 2, true);
  both.AddRow(0b01, ValueView::Integer(1), 2, true);
  left.Add(right);
  EXPECT_EQ(left, both);
  EXPECT_EQ(Bytes(left), Bytes(both));
}

TEST(AggregateTest, OtherBytesAreRefused) {
  for (const char* hex : {"", "02", "02 01", "02 01 00", "02 01 00 00", "02 02 01 02 01 02",
                          "02 02 01 02 00 02", "02 00 02", "02 00 02 00 00"}) {
    Aggregate aggregate;
    EXPECT_EQ(aggregate.Decode(streamview::Bytes(hex)).code(), StatusCode::kCorruption) << hex;
  }
}

}  // namespace
}  // namespace streamview
