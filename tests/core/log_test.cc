#include <filesystem>
#include <set>
#include <thread>

#include "tests/core/engine_test_util.h"

namespace streamview {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class LogTest : public EngineTest {
 protected:
  std::vector<std::string> Values(const LogRange& range = {}, const Transaction* own = nullptr) {
    std::vector<std::string> values;
    const std::unique_ptr<LogCursor> cursor = engine_->ScanLog(range, own);
    for (; cursor->Valid(); cursor->Next()) {
      values.push_back(std::to_string(cursor->entry().seq) + "=" +
                       ToDisplay(cursor->entry().value));
    }
    EXPECT_OK(cursor->status());
    return values;
  }
  Value Int(int64_t v) { return Value::Integer(v); }
};

TEST_F(LogTest, AnEmptyLogHasHeadZeroAndNoEntries) {
  Open();
  EXPECT_EQ(engine_->Head(), 0u);
  EXPECT_THAT(Values(), ElementsAre());
}

TEST_F(LogTest, EntriesAreNumberedFromOneAndScannedBothWays) {
  Open();
  for (int i = 1; i <= 4; i++) EXPECT_EQ(Append(Value(), Int(i * 10)), Seq(i));
  EXPECT_THAT(Values(), ElementsAre("1=10", "2=20", "3=30", "4=40"));
  EXPECT_THAT(Values({2, 3, false}), ElementsAre("2=20", "3=30"));
  EXPECT_THAT(Values({2, UINT64_MAX, true}), ElementsAre("4=40", "3=30", "2=20"));
  EXPECT_THAT(Values({3, 3, false}), ElementsAre("3=30"));
  EXPECT_THAT(Values({3, 2, false}), ElementsAre());
  EXPECT_THAT(Values({5, 9, false}), ElementsAre());
}

TEST_F(LogTest, UncommittedEntriesAreSeenByTheirOwnTransactionOnly) {
  Open();
  Append(Value(), Int(1));
  const auto transaction = engine_->Begin();
  EXPECT_EQ(Must(transaction->Append(Value(), Int(2), {})), 2u);
  EXPECT_THAT(Values(), ElementsAre("1=1"));
  EXPECT_THAT(Values({}, transaction.get()), ElementsAre("1=1", "2=2"));
  EXPECT_THAT(Values({1, 2, true}, transaction.get()), ElementsAre("2=2", "1=1"));
  ASSERT_OK(transaction->Prepare(SyncMode::kFull));
  EXPECT_THAT(Values(), ElementsAre("1=1"));
  transaction->Commit();
  EXPECT_THAT(Values(), ElementsAre("1=1", "2=2"));
}

TEST_F(LogTest, RollbackGivesTheNumbersBack) {
  Open();
  auto transaction = engine_->Begin();
  EXPECT_EQ(Must(transaction->Append(Value(), Int(1), {})), 1u);
  ASSERT_OK(transaction->Rollback());
  EXPECT_EQ(Append(Value(), Int(2)), 1u);
  EXPECT_THAT(Values(), ElementsAre("1=2"));
}

TEST_F(LogTest, APreparedTransactionThatIsRolledBackDoesNotComeBackAfterReopening) {
  Open();
  auto transaction = engine_->Begin();
  Must(transaction->Append(Value(), Int(1), {}));
  Must(transaction->Append(Value(), Int(2), {}));
  ASSERT_OK(transaction->Prepare(SyncMode::kNormal));
  ASSERT_OK(transaction->Rollback());
  transaction.reset();
  Close();
  Open();
  EXPECT_EQ(engine_->Head(), 0u);
}

TEST_F(LogTest, APreparedTransactionCanGoOnAndBePreparedAgain) {
  Open();
  auto transaction = engine_->Begin();
  Must(transaction->Append(Value(), Int(1), {}));
  ASSERT_OK(transaction->Prepare(SyncMode::kNormal));
  Must(transaction->Append(Value(), Int(2), {}));
  Must(transaction->Append(Value(), Int(3), {}));
  transaction->Truncate(2);
  ASSERT_OK(transaction->Prepare(SyncMode::kNormal));
  transaction->Commit();
  EXPECT_THAT(Values(), ElementsAre("1=1", "2=2"));
}

TEST_F(LogTest, APreparedEntryThatIsReplacedIsPreparedAnew) {
  Open();
  auto transaction = engine_->Begin();
  Must(transaction->Append(Value(), Int(1), {}));
  ASSERT_OK(transaction->Prepare(SyncMode::kNormal));
  transaction->Truncate(0);
  ASSERT_OK(transaction->Prepare(SyncMode::kNormal));
  Must(transaction->Append(Value(), Int(2), {}));
  ASSERT_OK(transaction->Prepare(SyncMode::kNormal));
  transaction->Commit();
  transaction.reset();
  Close();
  Open();
  EXPECT_THAT(Values(), ElementsAre("1=2"));
}

class ConditionalTest : public LogTest {
 protected:
  // Leaves a prepared transaction as a process does that dies there: whole in the log, uncommitted.
  void PrepareAndDie(const std::string& token) {
    const std::string copy = root() / "copy";
    {
      const auto transaction = engine_->Begin();
      Must(transaction->Append(Value(), Int(7), {}));
      Must(transaction->Append(Value(), Int(8), {}));
      ASSERT_OK(transaction->Prepare(SyncMode::kFull, token));
      CopyDirectory(copy);
    }
    Close();
    std::filesystem::remove_all(directory());
    std::filesystem::rename(copy, directory());
  }
  // Anew where RocksDB removed an obsolete file meanwhile.
  void CopyDirectory(const std::string& copy) {
    std::error_code error;
    do {
      error.clear();
      std::filesystem::remove_all(copy);
      std::filesystem::copy(directory(), copy, std::filesystem::copy_options::recursive, error);
    } while (error);
  }
  void OpenCommitted(const std::string& token) {
    options_.committed_token = [token] { return token; };
    Open();
  }
};

TEST_F(ConditionalTest, ATransactionOfWhichTheTokenWasCommittedIsKept) {
  Open();
  Append(Value(), Int(1));
  PrepareAndDie("t1");
  OpenCommitted("t1");
  EXPECT_THAT(Values(), ElementsAre("1=1", "2=7", "3=8"));
}

TEST_F(ConditionalTest, ATransactionOfWhichTheTokenWasNotCommittedIsTakenBack) {
  Open();
  Append(Value(), Int(1));
  PrepareAndDie("t2");
  OpenCommitted("t1");
  EXPECT_THAT(Values(), ElementsAre("1=1"));
  EXPECT_EQ(Append(Value(), Int(9)), 2u);
  Close();
  OpenCommitted("t1");
  EXPECT_THAT(Values(), ElementsAre("1=1", "2=9"));
}

TEST_F(ConditionalTest, WhatTheDatabaseCannotTellKeepsTheLogClosed) {
  Open();
  PrepareAndDie("t1");
  options_.committed_token = [] { return Status::Busy("locked"); };
  EXPECT_EQ(OpenEngine(options_).status().code(), StatusCode::kBusy);
  OpenCommitted("t1");
  EXPECT_EQ(engine_->Head(), 2u);
}

TEST_F(ConditionalTest, ALaterTransactionMakesAnEarlierOneUnconditional) {
  Open();
  const auto transaction = engine_->Begin();
  Must(transaction->Append(Value(), Int(1), {}));
  ASSERT_OK(transaction->Prepare(SyncMode::kNormal, "t1"));
  transaction->Commit();
  Append(Value(), Int(2));
  Close();
  OpenCommitted("");
  EXPECT_THAT(Values(), ElementsAre("1=1", "2=2"));
}

TEST_F(LogTest, TruncateForgetsTheLaterEntries) {
  Open();
  const auto transaction = engine_->Begin();
  for (int i = 1; i <= 3; i++) Must(transaction->Append(Value(), Int(i), {}));
  transaction->Truncate(1);
  EXPECT_EQ(Must(transaction->Append(Value(), Int(9), {})), 2u);
  ASSERT_OK(transaction->Prepare(SyncMode::kNormal));
  transaction->Commit();
  EXPECT_THAT(Values(), ElementsAre("1=1", "2=9"));
}

TEST_F(LogTest, ASecondWriterWaitsForItsTurnAndIsBusyPastTheDeadline) {
  Open();
  const auto first = engine_->Begin();
  Must(first->Append(Value(), Int(1), {}));
  const auto second = engine_->Begin();
  WaitOptions hurried;
  hurried.deadline = WaitOptions::Clock::now();
  EXPECT_EQ(second->Append(Value(), Int(2), hurried).status().code(), StatusCode::kBusy);
  WaitOptions interrupted;
  interrupted.interrupted = [] { return true; };
  EXPECT_EQ(second->Append(Value(), Int(2), interrupted).status().code(), StatusCode::kInterrupted);
  std::thread waiter([&] {
    EXPECT_EQ(Must(second->Append(Value(), Int(2), {})), 2u);
    ASSERT_OK(second->Prepare(SyncMode::kNormal));
    second->Commit();
  });
  ASSERT_OK(first->Prepare(SyncMode::kNormal));
  first->Commit();
  waiter.join();
  EXPECT_THAT(Values(), ElementsAre("1=1", "2=2"));
}

TEST_F(LogTest, AKeyBeyondTheLimitIsRefusedAndTheTransactionGoesOn) {
  Open();
  const auto transaction = engine_->Begin();
  Must(transaction->Append(Value::Text(std::string(kMaxKeyBytes, 'k')), Int(1), {}));
  const Status refused =
      transaction->Append(Value::Text(std::string(kMaxKeyBytes + 1, 'k')), Int(2), {}).status();
  EXPECT_EQ(refused.code(), StatusCode::kConstraint);
  EXPECT_THAT(refused.message(), HasSubstr("65537 bytes"));
  ASSERT_OK(transaction->Prepare(SyncMode::kNormal));
  transaction->Commit();
  EXPECT_EQ(engine_->Head(), 1u);
}

TEST_F(LogTest, TimesNeverDecrease) {
  Open();
  for (int i = 0; i < 20; i++) Append(Value(), Int(i));
  int64_t last = 0;
  for (auto cursor = engine_->ScanLog({}, nullptr); cursor->Valid(); cursor->Next()) {
    EXPECT_GE(cursor->entry().time_ms, last);
    last = cursor->entry().time_ms;
  }
  EXPECT_GT(last, 1'600'000'000'000);
}

TEST_F(LogTest, WaitForHeadEndsWithTheAppendOrTheDeadline) {
  Open();
  std::thread appender([&] { Append(Value(), Int(1)); });
  EXPECT_OK(engine_->WaitForHead(1, {}));
  appender.join();
  WaitOptions hurried;
  hurried.deadline = WaitOptions::Clock::now();
  const Status late = engine_->WaitForHead(5, hurried);
  EXPECT_EQ(late.code(), StatusCode::kTimedOut);
  EXPECT_THAT(late.message(), HasSubstr("is at 1, waiting for 5"));
}

TEST_F(LogTest, AScanSeesNothingThatIsAppendedLater) {
  Open();
  Append(Value(), Int(1));
  const auto cursor = engine_->ScanLog({}, nullptr);
  Append(Value(), Int(2));
  ASSERT_TRUE(cursor->Valid());
  cursor->Next();
  EXPECT_FALSE(cursor->Valid());
}

TEST_F(LogTest, ALogInMemoryLivesAsLongAsItsEngine) {
  options_.directory.clear();
  engine_ = Must(CreateEngine(options_));
  Append(Value(), Int(7));
  EXPECT_EQ(Must(OpenEngine(options_)), engine_);
  EXPECT_THAT(Values(), ElementsAre("1=7"));
  engine_.reset();
  EXPECT_EQ(OpenEngine(options_).status().code(), StatusCode::kCannotOpen);
}

TEST_F(LogTest, ManyThreadsAppendWithoutGapsOrDuplicates) {
  Open();
  constexpr int kThreads = 4, kEach = 50;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; t++) {
    threads.emplace_back([&] {
      for (int i = 0; i < kEach; i++) Append(Value(), Int(i));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(engine_->Head(), Seq(kThreads * kEach));
  EXPECT_EQ(Values().size(), size_t(kThreads * kEach));
}

}  // namespace
}  // namespace streamview
