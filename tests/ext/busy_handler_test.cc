// Waiting as the connection says: by its busy timeout, or by its busy handler.

#include <signal.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <iostream>

#include "tests/ext/testing/child_process.h"
#include "tests/ext/testing/fixture.h"

namespace streamview::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::_;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A busy handler that counts its calls.
struct Handler {
  explicit Handler(Database& db) : db(db) {
    sqlite3_busy_handler(db.handle(), &Handler::Call, this);
  }
  ~Handler() { sqlite3_busy_handler(db.handle(), nullptr, nullptr); }

  static int Call(void* self, int n) {
    auto* const handler = static_cast<Handler*>(self);
    ++handler->calls;
    return handler->next(n) ? 1 : 0;
  }

  Database& db;
  int calls = 0;
  std::function<bool(int n)> next = [](int) { return false; };
};

class BusyHandlerTest : public DatabaseTest, public ::testing::WithParamInterface<const char*> {
 protected:
  BusyHandlerTest() {
    db_->Run(std::string("PRAGMA journal_mode = ") + GetParam());
    CreateLog();
    db_->Run("CREATE TABLE plain(x); INSERT INTO plain VALUES (1)");
    Append("a", "{}");
    other_->Run("BEGIN");
    other_->Append("events", "b", "{}");
  }
  std::unique_ptr<Database> other_ = Connect();
};

const char* const kWaits[] = {"INSERT INTO events(key, value) VALUES ('c', '{}')",
                              "SELECT sv_append('events', 'c', '{}')",
                              "SELECT sv_backup('events', 'copy')"};

TEST_P(BusyHandlerTest, AHandlerThatWaitsGetsItsTurn) {
  for (const std::string sql : kWaits) {
    Handler handler(*db_);
    handler.next = [&](int n) {
      if (n == 3) other_->Run("COMMIT");
      return true;
    };
    EXPECT_THAT(db_->Try(sql), Succeeds()) << sql;
    EXPECT_EQ(handler.calls, 4) << sql;
    other_->Run("BEGIN");
    other_->Append("events", "b", "{}");
  }
  other_->Run("COMMIT");
  EXPECT_EQ(db_->Integer("SELECT sv_head()"), 7);
}

TEST_P(BusyHandlerTest, AHandlerThatGivesUpGetsBusy) {
  for (const std::string sql : kWaits) {
    Handler handler(*db_);
    handler.next = [](int n) { return n < 2; };
    EXPECT_THAT(db_->Try(sql), Fails(SQLITE_BUSY, _)) << sql;
    EXPECT_EQ(handler.calls, 3) << sql;
    EXPECT_FALSE(fs::exists(dir_ / "copy"));
  }
  for (const std::string sql : kWaits) {
    EXPECT_THAT(db_->Try(sql), Fails(SQLITE_BUSY, _)) << sql;  // without a handler: at once
  }
}

// sv_append and sv_backup need no lock of SQLite's, only the log's turn.
TEST_P(BusyHandlerTest, WhoHoldsSqlitesLockOnlyIsNotWaitedFor) {
  other_->Run("ROLLBACK; BEGIN IMMEDIATE; INSERT INTO plain VALUES (2)");
  Handler handler(*db_);
  EXPECT_EQ(db_->Integer("SELECT sv_append('events', 'c', '{}')"), 2);
  EXPECT_EQ(db_->Integer("SELECT sv_backup('events', 'copy')"), 2);
  EXPECT_EQ(handler.calls, 0);
}

// A statement that reads the database has it open already: SQLite asks no handler then.
TEST_P(BusyHandlerTest, AStatementThatReadsTheDatabaseDoesNotKeepItsWriteLock) {
  Handler handler(*db_);
  EXPECT_THAT(db_->Try("SELECT sv_append('events', 'c', '{}') FROM plain"), Fails(SQLITE_BUSY, _));
  EXPECT_EQ(handler.calls, 0);
  other_->Run("ROLLBACK");
  db_->Run("BEGIN; SELECT * FROM plain; SELECT sv_backup('events', 'copy')");
  other_->Run("BEGIN IMMEDIATE; ROLLBACK");
  db_->Run("COMMIT");
}

INSTANTIATE_TEST_SUITE_P(JournalModes, BusyHandlerTest, ::testing::Values("DELETE", "WAL"));

// --- a log that another process has open

// Uses the log of the database `args[0]`, says so, and holds it until its input ends.
int HoldLog(const std::vector<std::string>& args) {
  Database db(args[0]);
  db.Append("events", "held", "{}");
  std::cout << "holding" << std::endl;
  std::cin.get();
  db.Close();
  return 0;
}
const ChildProgram kHoldLog("hold log", HoldLog);

// A process that holds the log, and is stopped.
class StoppedHolderTest : public DatabaseTest {
 protected:
  StoppedHolderTest() {
    CreateLogAndView();
    db_->Close();
    holder_ = std::make_unique<ChildProcess>("hold log", std::vector<std::string>{path_});
    EXPECT_EQ(holder_->ReadLine(), "holding");
    ::kill(holder_->pid(), SIGSTOP);
    db_ = Connect();
  }
  // Calls it once something waits: only then a statement is long enough.
  void WhenWaiting(std::function<bool()> call) {
    when_waiting_ = std::move(call);
    sqlite3_progress_handler(
        db_->handle(), 1000,
        [](void* self) { return static_cast<StoppedHolderTest*>(self)->when_waiting_() ? 1 : 0; },
        this);
  }

  std::unique_ptr<ChildProcess> holder_;
  std::function<bool()> when_waiting_;
};

TEST_F(StoppedHolderTest, OpeningWaitsUntilItGoesOn) {
  sqlite3_busy_timeout(db_->handle(), 60000);
  int waits = 0;
  WhenWaiting([&] {
    if (waits++ == 0) ::kill(holder_->pid(), SIGCONT);
    return false;
  });
  EXPECT_EQ(Append("b", "{}"), 2);
  EXPECT_GE(waits, 1);
}

TEST_F(StoppedHolderTest, OpeningWaitsUntilItIsGone) {
  sqlite3_busy_timeout(db_->handle(), 60000);
  int waits = 0;
  WhenWaiting([&] {
    if (waits++ == 0) holder_->Kill();
    return false;
  });
  EXPECT_EQ(Append("b", "{}"), 2);
  EXPECT_GE(waits, 1);
}

TEST_F(StoppedHolderTest, OpeningWaitsAsLongAsTheBusyTimeout) {
  constexpr int kTimeoutMs = 1500;
  for (const std::string sql :
       {"SELECT * FROM events", "SELECT * FROM view_tags", "INSERT INTO events(value) VALUES (1)",
        "SELECT sv_head()", "SELECT sv_append('events', 1, 1)", "DROP TABLE view_tags"}) {
    SCOPED_TRACE(sql);
    sqlite3_busy_timeout(db_->handle(), kTimeoutMs);
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_THAT(db_->Try(sql), Fails(SQLITE_BUSY, HasSubstr(std::to_string(holder_->pid()))));
    const auto time = std::chrono::steady_clock::now() - begin;
    EXPECT_GE(time, std::chrono::milliseconds(kTimeoutMs));
    EXPECT_LT(time, std::chrono::milliseconds(10 * kTimeoutMs));
  }
}

TEST_F(StoppedHolderTest, TheWaitCanBeInterrupted) {
  sqlite3_busy_timeout(db_->handle(), 60000);
  WhenWaiting([] { return true; });
  EXPECT_THAT(db_->Try("SELECT * FROM events"), Fails(SQLITE_INTERRUPT, _));
  EXPECT_THAT(db_->Try("INSERT INTO events(value) VALUES (1)"), Fails(SQLITE_INTERRUPT, _));
}

TEST_F(StoppedHolderTest, StatusDoesNotWait) {
  sqlite3_busy_timeout(db_->handle(), 60000);
  WhenWaiting([] { return true; });  // then it would fail
  EXPECT_EQ(db_->Query("SELECT name, state FROM sv_status"),
            (Lines{"'events'|'failed'", "'view_tags'|'failed'"}));
}

TEST_F(StoppedHolderTest, OrdinaryTablesStayUsable) {
  EXPECT_THAT(db_->Try("SELECT * FROM events"), Fails(SQLITE_BUSY, _));
  db_->Run("CREATE TABLE plain(x); INSERT INTO plain VALUES (1), (2)");
  db_->Run("BEGIN; UPDATE plain SET x = x + 10; COMMIT");
  EXPECT_THAT(db_->Query("SELECT x FROM plain"), ElementsAre("11", "12"));
  EXPECT_THAT(CheckOrdinaryTables(*db_), ElementsAre("'ok'"));
}

}  // namespace
}  // namespace streamview::testing
