#include <filesystem>
#include <set>
#include <thread>

#include "core/log/conditional.h"
#include "tests/core/engine_test_util.h"

namespace streamview {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class LogTest : public EngineTest {
 protected:
  std::vector<std::string> Values(const LogRange& range = {}, const Session* own = nullptr) {
    std::vector<std::string> values;
    const std::unique_ptr<LogCursor> cursor =
        own != nullptr ? own->ScanLog(range) : engine_->ScanLog(range);
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
  const auto session = NewSession();
  EXPECT_EQ(Must(session->Append(Value(), Int(2), {})), 2u);
  EXPECT_THAT(Values(), ElementsAre("1=1"));
  EXPECT_THAT(Values({}, session.get()), ElementsAre("1=1", "2=2"));
  EXPECT_THAT(Values({1, 2, true}, session.get()), ElementsAre("2=2", "1=1"));
  ASSERT_OK(session->Prepare(SyncMode::kFull));
  EXPECT_THAT(Values(), ElementsAre("1=1"));
  session->Commit();
  EXPECT_THAT(Values(), ElementsAre("1=1", "2=2"));
}

TEST_F(LogTest, RollbackGivesTheNumbersBack) {
  Open();
  auto session = NewSession();
  EXPECT_EQ(Must(session->Append(Value(), Int(1), {})), 1u);
  ASSERT_OK(session->Rollback());
  EXPECT_EQ(Append(Value(), Int(2)), 1u);
  EXPECT_THAT(Values(), ElementsAre("1=2"));
}

TEST_F(LogTest, APreparedTransactionThatIsRolledBackDoesNotComeBackAfterReopening) {
  Open();
  auto session = NewSession();
  Must(session->Append(Value(), Int(1), {}));
  Must(session->Append(Value(), Int(2), {}));
  ASSERT_OK(session->Prepare(SyncMode::kNormal));
  ASSERT_OK(session->Rollback());
  session.reset();
  Close();
  Open();
  EXPECT_EQ(engine_->Head(), 0u);
}

TEST_F(LogTest, APreparedTransactionCanGoOnAndBePreparedAgain) {
  Open();
  auto session = NewSession();
  Must(session->Append(Value(), Int(1), {}));
  ASSERT_OK(session->Prepare(SyncMode::kNormal));
  Must(session->Append(Value(), Int(2), {}));
  Must(session->Append(Value(), Int(3), {}));
  session->Truncate(2);
  ASSERT_OK(session->Prepare(SyncMode::kNormal));
  session->Commit();
  EXPECT_THAT(Values(), ElementsAre("1=1", "2=2"));
}

TEST_F(LogTest, APreparedEntryThatIsReplacedIsPreparedAnew) {
  Open();
  auto session = NewSession();
  Must(session->Append(Value(), Int(1), {}));
  ASSERT_OK(session->Prepare(SyncMode::kNormal));
  session->Truncate(0);
  ASSERT_OK(session->Prepare(SyncMode::kNormal));
  Must(session->Append(Value(), Int(2), {}));
  ASSERT_OK(session->Prepare(SyncMode::kNormal));
  session->Commit();
  session.reset();
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
      const auto session = NewSession();
      Must(session->Append(Value(), Int(7), {}));
      Must(session->Append(Value(), Int(8), {}));
      ASSERT_OK(session->Prepare(SyncMode::kFull, token));
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
    } while (error == std::errc::no_such_file_or_directory);
    ASSERT_FALSE(error) << error.message();
  }
  void CommitConditionally(const Value& value, const std::string& token) {
    const auto session = NewSession();
    Must(session->Append(Value(), value, {}));
    ASSERT_OK(session->Prepare(SyncMode::kNormal, token));
    session->Commit();
  }
  std::string WhyNotOpened(const std::string& token) {
    options_.committed_token = [token](const std::string&) { return token; };
    const Status status = OpenEngine(options_).status();
    EXPECT_EQ(status.code(), StatusCode::kCannotOpen);
    return status.message();
  }
  void OpenCommitted(const std::string& token) {
    options_.committed_token = [token](const std::string&) { return token; };
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
  CommitConditionally(Int(1), "t1");
  PrepareAndDie("t2");
  OpenCommitted("t1");
  EXPECT_THAT(Values(), ElementsAre("1=1"));
  EXPECT_EQ(Append(Value(), Int(9)), 2u);
  Close();
  OpenCommitted("t1");
  EXPECT_THAT(Values(), ElementsAre("1=1", "2=9"));
}

TEST_F(ConditionalTest, TheFirstOneIsTakenBackWhereTheDatabaseHasNoToken) {
  Open();
  PrepareAndDie("t1");
  OpenCommitted("");
  EXPECT_THAT(Values(), ElementsAre());
  CommitConditionally(Int(1), "t2");
  Close();
  OpenCommitted("t2");
  EXPECT_THAT(Values(), ElementsAre("1=1"));
}

TEST_F(ConditionalTest, OneThatIsRolledBackLeavesTheTokenBeforeIt) {
  Open();
  CommitConditionally(Int(1), "t1");
  auto session = NewSession();
  Must(session->Append(Value(), Int(2), {}));
  ASSERT_OK(session->Prepare(SyncMode::kNormal, "t2"));
  ASSERT_OK(session->Rollback());
  session.reset();
  PrepareAndDie("t3");
  OpenCommitted("t1");
  EXPECT_THAT(Values(), ElementsAre("1=1"));
}

TEST_F(ConditionalTest, WhatTheDatabaseCannotTellKeepsTheLogClosed) {
  Open();
  PrepareAndDie("t1");
  options_.committed_token = [](const std::string&) { return Status::Busy("locked"); };
  EXPECT_EQ(OpenEngine(options_).status().code(), StatusCode::kBusy);
  OpenCommitted("t1");
  EXPECT_EQ(engine_->Head(), 2u);
}

TEST_F(ConditionalTest, AnOlderDatabaseOrLogIsToldAndNothingChanged) {
  Open();
  CommitConditionally(Int(1), "a-1");
  CommitConditionally(Int(2), "b-2");
  CommitConditionally(Int(3), "c-3");
  Append(Value(), Int(4));
  Close();
  EXPECT_THAT(WhyNotOpened("b-2"),
              HasSubstr("the database is older than its log: of what was "
                        "written to both, the log has transactions up to entry "
                        "3, and the database up to entry 2; put"));
  EXPECT_THAT(WhyNotOpened("x-7"), HasSubstr("the log is older than its database: it ends with "
                                             "entry 4, and the database knows of entry 7; put"));
  EXPECT_THAT(WhyNotOpened("x-4"), HasSubstr("are from different points in time"));
  EXPECT_THAT(WhyNotOpened(""), HasSubstr("up to entry 0"));
  OpenCommitted("c-3");
  EXPECT_THAT(Values(), ElementsAre("1=1", "2=2", "3=3", "4=4"));
}

// The last transaction is taken back only where the database is where it was before it.
TEST_F(ConditionalTest, AnOlderDatabaseTakesNothingBack) {
  Open();
  CommitConditionally(Int(1), "a-1");
  CommitConditionally(Int(2), "b-2");
  PrepareAndDie("c-4");
  EXPECT_THAT(WhyNotOpened("a-1"), HasSubstr("the database is older"));
  OpenCommitted("c-4");
  EXPECT_THAT(Values(), ElementsAre("1=1", "2=2", "3=7", "4=8"));
}

TEST_F(ConditionalTest, AdoptionKeepsTheLogAndFitsFromThenOn) {
  Open();
  CommitConditionally(Int(1), "a-1");
  CommitConditionally(Int(2), "b-2");
  Append(Value(), Int(3));
  Close();
  options_.adopt = true;
  OpenCommitted("a-1");
  EXPECT_THAT(Values(), ElementsAre("1=1", "2=2", "3=3"));
  Close();
  options_.adopt = false;
  OpenCommitted("a-1");
  EXPECT_THAT(Values(), ElementsAre("1=1", "2=2", "3=3"));
  PrepareAndDie("c-5");
  OpenCommitted("a-1");
  EXPECT_THAT(Values(), ElementsAre("1=1", "2=2", "3=3"));
}

// The database was lost, and a new one gets the directory: it has no token, as before the first
// one.
TEST_F(ConditionalTest, AdoptionNeverTakesATransactionBack) {
  Open();
  PrepareAndDie("a-2");
  options_.adopt = true;
  OpenCommitted("");
  EXPECT_THAT(Values(), ElementsAre("1=7", "2=8"));
}

// Once the log was closed, a transaction is known to be committed.
TEST_F(ConditionalTest, AnOlderDatabaseIsToldAfterACleanCloseHoweverLittleOlder) {
  Open();
  CommitConditionally(Int(1), "a-1");
  CommitConditionally(Int(2), "b-2");
  Close();
  EXPECT_THAT(WhyNotOpened("a-1"), HasSubstr("the database is older"));
  OpenCommitted("b-2");
  EXPECT_THAT(Values(), ElementsAre("1=1", "2=2"));
}

TEST(ConditionalFormatTest, IsAsDocumented) {
  const Stores stores;
  LogStore* const store = stores.log.get();
  EXPECT_EQ(Must(LoadConditional(*store)).token, "");
  rocksdb::WriteBatch batch;
  ASSERT_OK(PutConditional(*store, {5, 2, "t2", "t1"}, &batch));
  ASSERT_OK(store->Write(&batch));
  std::string bytes;
  ASSERT_TRUE(store->db()->Get({}, store->meta(), "conditional", &bytes).ok());
  EXPECT_EQ(bytes, "\x05\x02\x02t2\x02t1");
  const Conditional loaded = Must(LoadConditional(*store));
  EXPECT_EQ(loaded.last(), 6u);
  EXPECT_EQ(loaded.token + loaded.previous, "t2t1");
  for (const std::string& damaged : {bytes.substr(0, 4), bytes + "x", std::string()}) {
    ASSERT_TRUE(store->db()->Put({}, store->meta(), "conditional", damaged).ok());
    EXPECT_EQ(LoadConditional(*store).status().code(), StatusCode::kCorruption);
  }
}

class AppendNowTest : public LogTest {
 protected:
  Seq AppendNow(const Value& value, SyncMode sync = SyncMode::kFull) {
    return Must(engine_->AppendNow(Value(), value, sync, {}));
  }
};

TEST_F(AppendNowTest, IsATransactionOfItsOwn) {
  Open();
  EXPECT_EQ(AppendNow(Int(1), SyncMode::kOff), 1u);
  EXPECT_EQ(AppendNow(Int(2), SyncMode::kNormal), 2u);
  EXPECT_EQ(AppendNow(Int(3)), 3u);
  EXPECT_EQ(engine_->Head(), 3u);
  Close();
  Open();
  EXPECT_THAT(Values(), ElementsAre("1=1", "2=2", "3=3"));
  const Value long_key = Value::Text(std::string(kMaxKeyBytes + 1, 'k'));
  EXPECT_EQ(engine_->AppendNow(long_key, Int(4), SyncMode::kFull, {}).status().code(),
            StatusCode::kConstraint);
}

TEST_F(AppendNowTest, OfAReopenedLogFollowsItsLastEntry) {
  Open();
  EXPECT_EQ(AppendNow(Int(1)), 1u);
  EXPECT_EQ(AppendNow(Int(2)), 2u);
  Close();
  Open();
  EXPECT_EQ(AppendNow(Int(3)), 3u);
  EXPECT_THAT(Values(), ElementsAre("1=1", "2=2", "3=3"));
}

TEST_F(AppendNowTest, WaitsForATransactionAndIsBusyPastTheDeadline) {
  Open();
  const auto session = NewSession();
  Must(session->Append(Value(), Int(1), {}));
  WaitOptions hurried;
  hurried.deadline = WaitOptions::Clock::now();
  EXPECT_EQ(engine_->AppendNow(Value(), Int(2), SyncMode::kFull, hurried).status().code(),
            StatusCode::kBusy);
  std::thread waiter([&] { EXPECT_EQ(AppendNow(Int(2)), 2u); });
  ASSERT_OK(session->Prepare(SyncMode::kFull));
  session->Commit();
  waiter.join();
  EXPECT_THAT(Values(), ElementsAre("1=1", "2=2"));
}

// Together with transactions, some of which roll back: numbers without gaps, each entry once.
TEST_F(AppendNowTest, ManyThreadsAndTransactionsAtOnce) {
  Open();
  constexpr int kThreads = 6, kEach = 60;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; t++) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; i++) {
        const Value value = Int(t * kEach + i);
        if (t > 1) {
          const Seq seq = AppendNow(value, i % 2 == 0 ? SyncMode::kFull : SyncMode::kNormal);
          EXPECT_GE(engine_->Head(), seq);
          continue;
        }
        const auto session = NewSession();
        const Seq seq = Must(session->Append(Value(), value, {}));
        EXPECT_EQ(seq, engine_->Head() + 1);  // nobody else's are on their way
        ASSERT_OK(session->Prepare(SyncMode::kNormal));
        if (i % 3 != 0) {
          session->Commit();
        } else {
          ASSERT_OK(session->Rollback());
          AppendNow(value);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  Close();
  Open();
  const std::vector<std::string> values = Values();
  ASSERT_EQ(values.size(), size_t{kThreads * kEach});
  std::set<std::string> distinct;
  for (size_t i = 0; i < values.size(); i++) {
    const std::string number = std::to_string(i + 1) + "=";
    ASSERT_EQ(values[i].substr(0, number.size()), number);
    distinct.insert(values[i].substr(number.size()));
  }
  EXPECT_EQ(distinct.size(), values.size());
}

TEST_F(LogTest, TruncateForgetsTheLaterEntries) {
  Open();
  const auto session = NewSession();
  for (int i = 1; i <= 3; i++) Must(session->Append(Value(), Int(i), {}));
  session->Truncate(1);
  EXPECT_EQ(Must(session->Append(Value(), Int(9), {})), 2u);
  ASSERT_OK(session->Prepare(SyncMode::kNormal));
  session->Commit();
  EXPECT_THAT(Values(), ElementsAre("1=1", "2=9"));
}

TEST_F(LogTest, ASecondWriterWaitsForItsTurnAndIsBusyPastTheDeadline) {
  Open();
  const auto first = NewSession();
  Must(first->Append(Value(), Int(1), {}));
  const auto second = NewSession();
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
  const auto session = NewSession();
  Must(session->Append(Value::Text(std::string(kMaxKeyBytes, 'k')), Int(1), {}));
  const Status refused =
      session->Append(Value::Text(std::string(kMaxKeyBytes + 1, 'k')), Int(2), {}).status();
  EXPECT_EQ(refused.code(), StatusCode::kConstraint);
  EXPECT_THAT(refused.message(), HasSubstr("65537 bytes"));
  ASSERT_OK(session->Prepare(SyncMode::kNormal));
  session->Commit();
  EXPECT_EQ(engine_->Head(), 1u);
}

TEST_F(LogTest, TimesNeverDecrease) {
  Open();
  for (int i = 0; i < 20; i++) Append(Value(), Int(i));
  int64_t last = 0;
  for (auto cursor = engine_->ScanLog({}); cursor->Valid(); cursor->Next()) {
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
  const auto cursor = engine_->ScanLog({});
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
