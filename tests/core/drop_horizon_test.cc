#include "core/index/drop_horizon.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace streamview {
namespace {

using ::testing::IsNull;

class DropHorizonTest : public ::testing::Test {
 protected:
  // A state that supersedes all log entries before its own.
  std::shared_ptr<const int> Add(Seq seq, uint64_t written) {
    std::vector<Seq> before;
    for (Seq s = 1; s < seq; s++) before.push_back(s);
    auto state = std::make_shared<const int>(0);
    horizon_.Add(state, seq, SeqSet().With(before), written);
    return state;
  }

  // The greatest log entry that may be dropped; 0: none.
  Seq Droppable(uint64_t flushed) {
    const std::shared_ptr<const SeqSet> superseded = horizon_.Droppable(flushed);
    Seq seq = 0;
    while (superseded != nullptr && superseded->Contains(seq + 1)) seq++;
    return seq;
  }

  DropHorizon horizon_;
};

TEST_F(DropHorizonTest, NothingMayBeDroppedBeforeAStateIsOnDisk) {
  EXPECT_THAT(horizon_.Droppable(100), IsNull());
  const auto state = Add(5, 10);
  EXPECT_THAT(horizon_.Droppable(9), IsNull());
  EXPECT_EQ(Droppable(10), 4);
}

TEST_F(DropHorizonTest, AReaderOfAnOlderStateKeepsAll) {
  auto reader = Add(2, 10);
  const auto latest = Add(7, 20);
  EXPECT_EQ(Droppable(10), 1);
  auto later_reader = Add(9, 30);
  EXPECT_EQ(Droppable(15), 1) << "the next state that is watched for is the one of 30";
  EXPECT_EQ(Droppable(30), 0) << "the first reader may read what the state at 9 supersedes";
  reader.reset();
  EXPECT_EQ(Droppable(30), 0) << "so may the reader at 7";
}

TEST_F(DropHorizonTest, WhatReadersHadMayBeDroppedOnceTheyAreGone) {
  auto reader = Add(2, 10);
  EXPECT_EQ(Droppable(10), 1);
  const auto latest = Add(7, 20);
  EXPECT_EQ(Droppable(20), 0);
  reader.reset();
  EXPECT_EQ(Droppable(20), 6);
}

TEST_F(DropHorizonTest, AReaderOfTheSameSeqKeepsNothing) {
  const auto reader = Add(4, 10);
  const auto again = Add(4, 12);
  EXPECT_EQ(Droppable(10), 3);
  EXPECT_EQ(Droppable(12), 3);
}

TEST_F(DropHorizonTest, ManyReadersAmongWhichTheOldestStays) {
  const auto oldest = Add(2, 1);
  std::shared_ptr<const int> latest;
  for (int i = 0; i < 1000; i++) latest = Add(10, 10 + i);
  EXPECT_EQ(Droppable(1), 1);
  Add(10, 2000);
  EXPECT_EQ(Droppable(5000), 0);
}

}  // namespace
}  // namespace streamview
