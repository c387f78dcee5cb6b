// The states of HostTransaction. The test says what SQLite would: no virtual table is around it.

#include "ext/host_transaction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/check.h"
#include "core/engine_registry.h"

namespace streamview {
namespace {

using State = HostTransaction::State;
using ::testing::HasSubstr;

// A connection with an empty database, and nobody who is in the way.
class Host final : public SessionHost {
 public:
  Host() { EXPECT_EQ(sqlite3_open(":memory:", &db_), SQLITE_OK); }
  ~Host() { sqlite3_close(db_); }
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  sqlite3* db() const override { return db_; }
  Consistency consistency() const override { return Consistency::kSession; }
  Status WaitWhileBusy(const TableName&, const Attempt& attempt) override {
    return attempt(WaitOptions());
  }
  Status Reopen(const TableName&) override { return Status::Ok(); }

 private:
  sqlite3* db_ = nullptr;
};

class HostTransactionTest : public ::testing::Test {
 protected:
  HostTransactionTest() {
    GTEST_FLAG_SET(death_test_style, "threadsafe");  // an engine has threads
  }

  // A log in memory.
  std::shared_ptr<LogSession> NewLog(const std::string& name) {
    EngineOptions options;
    options.log_id = NewLogId();
    options.name = name;
    options.background = false;
    Result<std::shared_ptr<Engine>> engine = CreateEngine(options);
    EXPECT_TRUE(engine.ok()) << engine.status().message();
    const LogSettings settings{{"", options.log_id}, std::nullopt};
    return std::make_shared<LogSession>(host_, TableName{"main", name}, settings, *engine);
  }

  void Append(const std::shared_ptr<LogSession>& log, const char* value) {
    EXPECT_TRUE(transaction_.TakeTurn(log).ok());
    EXPECT_TRUE(transaction_.Append(*log, Value(), ValueView::Text(value)).ok());
  }
  bool Sync(const char* table) { return transaction_.Sync(table).ok(); }

  static constexpr const char* kOne = "one table";
  static constexpr const char* kOther = "another table";

  Host host_;
  HostTransaction transaction_{host_, [](const LogIdentity&) { return nullptr; },
                               [](const LogIdentity&) {}};
  const std::shared_ptr<LogSession> log_ = NewLog("events");
};

TEST_F(HostTransactionTest, ATransactionIsWritingThenPreparedThenOver) {
  EXPECT_EQ(transaction_.state(), State::kNone);
  transaction_.Begin();
  EXPECT_EQ(transaction_.state(), State::kWriting);
  Append(log_, "a");
  EXPECT_TRUE(Sync(kOne));
  EXPECT_EQ(transaction_.state(), State::kPrepared);
  EXPECT_EQ(log_->engine()->Head(), 0u);
  transaction_.Commit();
  EXPECT_EQ(transaction_.state(), State::kNone);
  EXPECT_EQ(log_->engine()->Head(), 1u);
  EXPECT_FALSE(log_->has_turn());
}

TEST_F(HostTransactionTest, OneTableEndsTheTransactionOfAllLogs) {
  const std::shared_ptr<LogSession> other = NewLog("others");
  transaction_.Begin();
  Append(log_, "a");
  transaction_.Begin();
  Append(other, "b");
  EXPECT_TRUE(Sync(kOne));
  EXPECT_TRUE(Sync(kOther));
  transaction_.Commit();
  transaction_.Commit();
  EXPECT_EQ(log_->engine()->Head(), 1u);
  EXPECT_EQ(other->engine()->Head(), 1u);
}

TEST_F(HostTransactionTest, AfterABusyCommitTheTransactionGoesOn) {
  transaction_.Begin();
  Append(log_, "a");
  EXPECT_TRUE(Sync(kOne));
  Append(log_, "b");
  EXPECT_EQ(transaction_.state(), State::kWriting);
  EXPECT_TRUE(Sync(kOne));
  transaction_.RollbackTo(-1);
  EXPECT_EQ(transaction_.state(), State::kWriting);
  Append(log_, "c");
  transaction_.Begin();  // of another table
  EXPECT_TRUE(Sync(kOne));
  EXPECT_TRUE(Sync(kOther));
  transaction_.Commit();
  EXPECT_EQ(log_->engine()->Head(), 1u);
}

int CountStatement(unsigned, void* count, void*, void*) {
  ++*static_cast<int*>(count);
  return 0;
}

// What has become of ordinary tables since, nobody tells.
TEST_F(HostTransactionTest, ACommitIsPreparedOnceHoweverManyTablesAreTold) {
  transaction_.Begin();
  Append(log_, "a");
  int statements = 0;
  sqlite3_trace_v2(host_.db(), SQLITE_TRACE_STMT, CountStatement, &statements);
  EXPECT_TRUE(Sync(kOne));
  EXPECT_GT(statements, 0);
  statements = 0;
  EXPECT_TRUE(Sync(kOther));
  EXPECT_EQ(statements, 0);
  EXPECT_TRUE(Sync(kOne));  // it is repeated
  EXPECT_GT(statements, 0);
}

TEST_F(HostTransactionTest, AfterARollbackNothingIsLeft) {
  for (const bool prepared : {false, true}) {
    transaction_.Begin();
    Append(log_, "a");
    EXPECT_EQ(prepared, prepared && Sync(kOne));
    EXPECT_TRUE(transaction_.Rollback().ok());
    EXPECT_TRUE(transaction_.Rollback().ok());
    EXPECT_EQ(transaction_.state(), State::kNone);
    EXPECT_FALSE(log_->has_turn());
    EXPECT_EQ(log_->size(), 0u);
  }
  EXPECT_EQ(log_->engine()->Head(), 0u);
}

TEST_F(HostTransactionTest, ARefusedCommitLeavesTheTransactionToBeRolledBack) {
  transaction_.Begin();
  // (The hidden table that would be told of it is not there.)
  EXPECT_NE(transaction_.RefuseDrop({"main", "events"}, Status::Constraint("it has views")),
            SQLITE_OK);
  EXPECT_THAT(transaction_.Sync(kOne).message(), HasSubstr("it has views"));
  EXPECT_EQ(transaction_.state(), State::kWriting);
  EXPECT_TRUE(transaction_.Rollback().ok());
  transaction_.Begin();
  EXPECT_TRUE(Sync(kOne));
}

TEST_F(HostTransactionTest, ASavepointHoldsForLogsThatJoinLater) {
  const std::shared_ptr<LogSession> other = NewLog("others");
  transaction_.Begin();
  Append(log_, "a");
  transaction_.Savepoint(0);
  Append(log_, "b");
  Append(other, "c");
  transaction_.Savepoint(0);  // another table joins
  transaction_.RollbackTo(0);
  EXPECT_EQ(log_->size(), 1u);
  EXPECT_EQ(other->size(), 0u);
  transaction_.Release(0);
  Append(other, "d");
  transaction_.Savepoint(0);
  transaction_.RollbackTo(0);
  EXPECT_EQ(other->size(), 1u);
}

TEST_F(HostTransactionTest, SavepointsEndWithTheirTransaction) {
  transaction_.Begin();
  Append(log_, "a");
  transaction_.Savepoint(0);
  EXPECT_TRUE(transaction_.Rollback().ok());
  transaction_.Begin();
  Append(log_, "b");
  transaction_.RollbackTo(0);
  EXPECT_EQ(log_->size(), 0u);
}

TEST_F(HostTransactionTest, WhatIsOutOfOrderIsABreach) {
  if (SV_CHECKED == 0) GTEST_SKIP() << "checks are off in this build";
  EXPECT_DEATH((void)transaction_.Sync(kOne), "State::kNone");
  EXPECT_DEATH((void)transaction_.TakeTurn(log_), "State::kNone");
  EXPECT_DEATH((void)transaction_.Append(*log_, Value(), Value()), "State::kNone");
  EXPECT_DEATH(transaction_.Joined(), "State::kNone");
  EXPECT_DEATH(transaction_.Savepoint(0), "State::kNone");
  EXPECT_DEATH(transaction_.Release(0), "State::kNone");
  EXPECT_DEATH(transaction_.RollbackTo(0), "State::kNone");
  transaction_.Begin();
  EXPECT_DEATH((void)transaction_.Append(*log_, Value(), Value()), "has_turn");
  EXPECT_DEATH(transaction_.Commit(), "State::kPrepared");
  EXPECT_TRUE(Sync(kOne));
  Append(log_, "a");
  EXPECT_DEATH(transaction_.Commit(), "State::kPrepared");
}

}  // namespace
}  // namespace streamview
