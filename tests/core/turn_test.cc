#include "core/base/turn.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace streamview {
namespace {

TEST(TurnTest, OneAtATimeHasIt) {
  Turn turn;
  int inside = 0, total = 0;  // guarded by the turn: TSan would tell
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; i++) {
        ASSERT_TRUE(turn.Take(WaitOptions()).ok());
        TurnHolder holder(turn);
        EXPECT_EQ(++inside, 1);
        total++;
        --inside;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(total, 800);
}

TEST(TurnTest, AWaitThatTimesOutOrIsInterruptedLeavesTheQueue) {
  Turn turn;
  ASSERT_TRUE(turn.Take(WaitOptions()).ok());
  WaitOptions late;
  late.deadline = WaitOptions::Clock::now();
  EXPECT_EQ(turn.Take(late).code(), StatusCode::kTimedOut);
  WaitOptions interrupted;
  interrupted.interrupted = [] { return true; };
  EXPECT_EQ(turn.Take(interrupted).code(), StatusCode::kInterrupted);
  turn.Release();
  EXPECT_TRUE(turn.Take(late).ok());
  turn.Release();
}

}  // namespace
}  // namespace streamview
