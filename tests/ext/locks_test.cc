// SQLite's lock and the log's writer turn: who waits for whom, and how long.

#include <chrono>

#include "tests/ext/testing/fixture.h"

namespace streamview::testing {
namespace {

using ::testing::_;

const std::string kAppend = R"(INSERT INTO events(key, value) VALUES ('k', '{"tags":["cat"]}'))";

// In each journal mode: in DELETE readers of SQLite's file hold up who writes it, in WAL not.
class LocksTest : public DatabaseTest, public ::testing::WithParamInterface<const char*> {
 protected:
  LocksTest() {
    db_->Run(std::string("PRAGMA journal_mode = ") + GetParam());
    CreateLogAndView();
    db_->Run("CREATE VIRTUAL TABLE docs USING sv_docs(log = events)");
    db_->Run("CREATE TABLE plain(x); INSERT INTO plain VALUES (1), (2)");
    db_->Run(kAppend + "; INSERT INTO events(key, value) VALUES ('l', '{}'), (NULL, 'm')");
    other_->Run("SELECT count(*) FROM events");
  }

  // What takes longer than this, a statement that waits for no lock does not.
  static constexpr int kTimeoutMs = 200;

  std::unique_ptr<Database> other_ = Connect();
};

const char* const kReads[] = {"SELECT * FROM events",
                              "SELECT * FROM view_tags",
                              "SELECT * FROM docs",
                              "SELECT * FROM sv_history('events', 'k')",
                              "SELECT * FROM sv_tail('events', 0, 0)",
                              "SELECT * FROM sv_tail('view_tags', 0, 0)"};

// A statement that has not ended holds SQLite's file open for reading. In the rollback modes SQLite
// ends no transaction of others then, not even one that has left the file alone.
TEST_P(LocksTest, AReaderInTheMiddleHoldsUpAppendsInRollbackModesOnly) {
  for (const char* query : kReads) {
    SCOPED_TRACE(query);
    const size_t expected = other_->QueryRows(query).size();
    const int64_t head = db_->Integer("SELECT sv_head()");
    Statement reader(*other_, query);
    ASSERT_TRUE(reader.Step());
    size_t rows = 1;
    const Outcome append = db_->Try(kAppend);
    if (GetParam() == std::string("DELETE")) {
      EXPECT_THAT(append, Fails(SQLITE_BUSY, _));
    } else {
      EXPECT_THAT(append, Succeeds());
      EXPECT_THAT(db_->Try("BEGIN; " + kAppend + "; COMMIT"), Succeeds());
      EXPECT_THAT(db_->Try("UPDATE docs SET value = '{}' WHERE key = 'l'"), Succeeds());
      EXPECT_EQ(db_->Integer("SELECT sv_head()"), head + 3);
    }
    // The reader goes on with what was there when it began.
    while (reader.Step()) ++rows;
    EXPECT_EQ(rows, expected);
    EXPECT_THAT(db_->Try(kAppend), Succeeds());
  }
}

TEST_P(LocksTest, AnOpenTransactionHoldsUpNoReader) {
  db_->Run("BEGIN; " + kAppend + "; INSERT INTO plain VALUES (3)");
  EXPECT_EQ(other_->Integer("SELECT count(*) FROM events"), 3);
  EXPECT_EQ(other_->Integer("SELECT count(*) FROM view_tags WHERE key = 'cat'"), 1);
  EXPECT_EQ(other_->Integer("SELECT count(*) FROM docs"), 2);
  EXPECT_EQ(other_->Integer("SELECT sv_wait(sv_head())"), 3);
  EXPECT_EQ(other_->Integer("SELECT count(*) FROM sv_status"), 2);
  db_->Run("COMMIT");
  other_->Run("SELECT sv_consistency('latest')");
  EXPECT_EQ(other_->Integer("SELECT count(*) FROM events"), 4);
}

TEST_P(LocksTest, AWriterWaitsForAnotherAsLongAsItsBusyTimeoutSays) {
  db_->Run("BEGIN; " + kAppend);
  EXPECT_THAT(other_->Try(kAppend), Fails(SQLITE_BUSY, _));
  sqlite3_busy_timeout(other_->handle(), kTimeoutMs);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THAT(other_->Try(kAppend), Fails(SQLITE_BUSY, _));
  EXPECT_THAT(other_->Try("DELETE FROM docs"), Fails(SQLITE_BUSY, _));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(2 * kTimeoutMs));
  db_->Run("COMMIT");
  EXPECT_THAT(other_->Try(kAppend), Succeeds());
  EXPECT_EQ(other_->Integer("SELECT sv_head()"), 5);
}

TEST_P(LocksTest, WhoHoldsSqlitesLockOnlyHoldsUpNoReader) {
  db_->Run("BEGIN IMMEDIATE; INSERT INTO plain VALUES (3)");
  EXPECT_THAT(other_->Try(kAppend), Fails(SQLITE_BUSY, _));
  EXPECT_EQ(other_->Integer("SELECT count(*) FROM view_tags"), 1);
  // A failed append has not kept the log's turn.
  EXPECT_THAT(db_->Try(kAppend + "; COMMIT"), Succeeds());
  EXPECT_THAT(other_->Try(kAppend), Succeeds());
}

// Each has a log of its own and wants the other's.
TEST_P(LocksTest, CrossedLocksEndInBusy) {
  const std::string second = dir_ / "second.db";
  Database(second).Run("CREATE VIRTUAL TABLE orders USING sv_log");
  const std::string order = "INSERT INTO orders(key, value) VALUES (1, 1)";
  for (Database* db : {db_.get(), other_.get()}) {
    db->Run("ATTACH ?1 AS second", {second});
    sqlite3_busy_timeout(db->handle(), kTimeoutMs);
  }
  db_->Run("BEGIN; " + kAppend);
  other_->Run("BEGIN; " + order);
  EXPECT_THAT(db_->Try(order), Fails(SQLITE_BUSY, _));
  EXPECT_THAT(other_->Try(kAppend), Fails(SQLITE_BUSY, _));
  // Whoever gives way lets the other one through.
  other_->Run("ROLLBACK");
  db_->Run(order + "; COMMIT");
  other_->Run("BEGIN; " + order + "; " + kAppend + "; COMMIT");
  EXPECT_EQ(db_->Query("SELECT sv_head('events'), sv_head('orders')"), Lines{"5|2"});
}

// Where ordinary rows are written, too, COMMIT may have to wait for who reads SQLite's file. It can
// be repeated.
TEST_P(LocksTest, ACommitThatIsBusyCanBeRepeated) {
  Statement reader(*other_, "SELECT x FROM plain");
  ASSERT_TRUE(reader.Step());
  db_->Run("BEGIN; INSERT INTO plain VALUES (3); " + kAppend);
  const Outcome first = db_->Try("COMMIT");
  if (GetParam() == std::string("DELETE")) {
    EXPECT_THAT(first, Fails(SQLITE_BUSY, _));
    EXPECT_EQ(other_->Integer("SELECT count(*) FROM events"), 3);
    reader.Reset();
    db_->Run(kAppend);  // it goes on, too
    EXPECT_THAT(db_->Try("COMMIT"), Succeeds());
    EXPECT_EQ(db_->Integer("SELECT sv_head()"), 5);
  } else {
    EXPECT_THAT(first, Succeeds());
    EXPECT_EQ(db_->Integer("SELECT sv_head()"), 4);
  }
  reader.Reset();
  EXPECT_EQ(other_->Integer("SELECT count(*) FROM plain"), 3);
  EXPECT_THAT(other_->Try("INSERT INTO events(events) VALUES ('integrity-check')"), Succeeds());
}

// A reader that turns writer while another writer waits for it: SQLite tells one of them BUSY, at
// once, whatever its timeout.
TEST_P(LocksTest, AReaderThatTurnsWriterIsToldBusy) {
  sqlite3_busy_timeout(other_->handle(), 60000);
  other_->Run("BEGIN; SELECT * FROM plain");
  db_->Run("BEGIN; INSERT INTO plain VALUES (3); " + kAppend);
  const Outcome commit = db_->Try("COMMIT");
  EXPECT_THAT(other_->Try(kAppend), Fails(SQLITE_BUSY, _));
  other_->Run("ROLLBACK");
  if (commit.code != SQLITE_OK) db_->Run("COMMIT");
  EXPECT_THAT(other_->Try(kAppend), Succeeds());
  EXPECT_EQ(db_->Integer("SELECT sv_head()"), 5);
}

INSTANTIATE_TEST_SUITE_P(JournalModes, LocksTest, ::testing::Values("DELETE", "WAL"));

}  // namespace
}  // namespace streamview::testing
