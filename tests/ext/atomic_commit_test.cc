// A transaction that writes to a log and to ordinary tables is one: after a crash both parts are
// there, or neither.

#include <iostream>

#include "tests/ext/testing/child_process.h"
#include "tests/ext/testing/fixture.h"
#include "tests/ext/testing/seed.h"

namespace streamview::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class AtomicCommitTest : public DatabaseTest {
 protected:
  AtomicCommitTest() {
    CreateLogAndView();
    db_->Run("CREATE TABLE ordinary(x)");
  }
  Lines Token() { return db_->Query("SELECT value FROM events_config WHERE key = 'token'"); }

  // Runs a child program on the database up to the line that it prints, and kills it there.
  void RunAndKill(const std::string& program, const std::vector<std::string>& args,
                  const std::string& line) {
    db_.reset();
    ChildProcess child(program, args);
    ASSERT_EQ(child.ReadLine(), line);
    child.Kill();
    child.Wait();
    db_ = Connect();
  }
};

TEST_F(AtomicCommitTest, ATransactionThatOnlyAppendsWritesNothingToTheDatabase) {
  // The first one after other writes of the connection is taken for one that might hold them.
  db_->Run("BEGIN; INSERT INTO events(value) VALUES (1); COMMIT");
  const Lines before = Token();
  Append("a", "1");
  db_->Run("BEGIN");
  for (int i = 0; i < 5; ++i) Append(i, "{}");
  db_->Run("COMMIT");
  Append("b", "2");
  db_->Run("BEGIN");
  Append("c", "3");
  db_->Run("COMMIT");
  EXPECT_EQ(Token(), before);
}

TEST_F(AtomicCommitTest, ATransactionThatWritesToBothIsMarkedInBoth) {
  db_->Run("INSERT INTO ordinary VALUES (0)");
  for (const std::string other :
       {"INSERT INTO ordinary VALUES (1)", "UPDATE ordinary SET x = 2", "CREATE TABLE t1(x)",
        "CREATE INDEX i1 ON ordinary(x)", "PRAGMA user_version = 7",
        "SAVEPOINT s; INSERT INTO ordinary VALUES (3); RELEASE s"}) {
    for (const bool first : {true, false}) {
      // One that only appends comes between, so that only the transaction itself can tell.
      for (int i = 0; i < 2; ++i) db_->Run("BEGIN; INSERT INTO events(value) VALUES (1); COMMIT");
      const Lines before = Token();
      db_->Run("BEGIN");
      if (first) db_->Run(other);
      Append("a", "1");
      if (!first) db_->Run(other);
      db_->Run("COMMIT");
      EXPECT_NE(Token(), before) << other << (first ? " first" : " last");
      db_->Run("DROP TABLE IF EXISTS t1; DROP INDEX IF EXISTS i1; PRAGMA user_version = 0");
    }
  }
}

TEST_F(AtomicCommitTest, AFailedStatementDoesNotHideThoseOfTheNextTransaction) {
  for (int i = 0; i < 2; ++i) db_->Run("BEGIN; INSERT INTO events(value) VALUES (1); COMMIT");
  const Lines before = Token();
  // A transaction of its own, of which the first row has been taken.
  EXPECT_THAT(db_->Try("INSERT INTO events(key, value) VALUES ('k', 1), "
                       "(CAST(zeroblob(70000) AS TEXT), 2)"),
              Fails(SQLITE_CONSTRAINT, ::testing::_));
  db_->Run("BEGIN; INSERT INTO events(value) VALUES (1); INSERT INTO ordinary VALUES (1); COMMIT");
  EXPECT_NE(Token(), before);
}

// The counts of two failures must not cancel out: a statement that was undone has appended nothing.
TEST_F(AtomicCommitTest, AStatementThatWasUndoneDoesNotHideAnother) {
  for (int i = 0; i < 2; ++i) db_->Run("BEGIN; INSERT INTO events(value) VALUES (1); COMMIT");
  const Lines before = Token();
  db_->Run("BEGIN; INSERT INTO events(value) VALUES (1)");
  EXPECT_THAT(db_->Try("INSERT INTO events(key, value) VALUES ('k', 1), "
                       "(CAST(zeroblob(70000) AS TEXT), 2)"),
              Fails(SQLITE_CONSTRAINT, ::testing::_));
  db_->Run("INSERT INTO ordinary VALUES (1); COMMIT");
  EXPECT_NE(Token(), before);
}

void WriteToBothOnce(Database& db, const std::string& key) {
  db.Run("BEGIN; INSERT INTO ordinary VALUES ('" + key + "')");
  db.Append("events", key, R"({"tags":["cat"]})");
}

void AwaitTheEnd() {
  std::string line;
  std::getline(std::cin, line);
}

// In rollback mode a reader makes COMMIT fail, with the log's part prepared already.
int FindBusy(const std::vector<std::string>& args) {
  Database db(args[0]), reader(args[0]);
  Statement reading(reader, "SELECT * FROM sqlite_schema");
  reading.Step();
  WriteToBothOnce(db, "a");
  std::cout << db.Try("COMMIT").code << std::endl;
  AwaitTheEnd();
  return 0;
}
const ChildProgram kFindBusy("find_busy", FindBusy);

TEST_F(AtomicCommitTest, ACommitThatFoundTheDatabaseBusyIsNotHalfDoneAfterACrash) {
  RunAndKill("find_busy", {path_}, std::to_string(SQLITE_BUSY));
  EXPECT_THAT(db_->Query("SELECT * FROM ordinary"), IsEmpty());
  EXPECT_THAT(db_->Query("SELECT * FROM events"), IsEmpty());
  EXPECT_EQ(Append("b", R"({"tags":["dog"]})"), 1);
  EXPECT_THAT(db_->Query("SELECT key FROM view_tags"), ElementsAre("'dog'"));
}

int CommitToBoth(const std::vector<std::string>& args) {
  Database db(args[0]);
  db.Run("PRAGMA journal_mode = " + args[1]);
  WriteToBothOnce(db, args[1]);
  db.Run("COMMIT");
  std::cout << "committed" << std::endl;
  AwaitTheEnd();
  return 0;
}
const ChildProgram kCommitToBoth("commit_to_both", CommitToBoth);

TEST_F(AtomicCommitTest, WhatWasCommittedToBothSurvivesACrashOfBoth) {
  for (const std::string mode : {"DELETE", "WAL"}) {
    RunAndKill("commit_to_both", {path_, mode}, "committed");
    EXPECT_THAT(db_->Query("SELECT count(*) FROM ordinary WHERE x = '" + mode + "'"),
                ElementsAre("1"));
    EXPECT_THAT(db_->Query("SELECT count(*) FROM events WHERE key = '" + mode + "'"),
                ElementsAre("1"));
  }
}

// A connection in an old read transaction must not decide by what it sees.
TEST_F(AtomicCommitTest, AnOldSnapshotDoesNotUndoWhatWasCommittedSince) {
  db_->Run("PRAGMA journal_mode = WAL");
  const auto reader = Connect();
  reader->Run("BEGIN; SELECT count(*) FROM sqlite_schema");
  db_->Run("BEGIN; INSERT INTO ordinary VALUES (1)");
  Append("a", "{}");
  db_->Run("COMMIT");
  db_.reset();
  EXPECT_EQ(reader->Integer("SELECT count(*) FROM events"), 1);
  reader->Run("COMMIT");
  EXPECT_EQ(reader->Integer("SELECT count(*) FROM events"), 1);
}

TEST_F(AtomicCommitTest, ALogThatWasRenamedInTheTransactionIsFound) {
  db_->Run("DROP TABLE view_tags");
  db_->Run("BEGIN; INSERT INTO ordinary VALUES (1)");
  Append("a", "{}");
  db_->Run("ALTER TABLE events RENAME TO happenings; COMMIT");
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM happenings"), 1);
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM ordinary"), 1);
}

// The child writes n to both tables in one transaction each, for ever.
int WriteToBoth(const std::vector<std::string>& args) {
  Database db(args[0]);
  db.Run("PRAGMA busy_timeout = 10000");
  for (int64_t n = db.Integer("SELECT count(*) FROM ordinary");; ++n) {
    db.Run("BEGIN");
    db.Run("INSERT INTO ordinary VALUES (" + std::to_string(n) + ")");
    db.Append("events", n, R"({"tags":["cat"]})");
    db.Append("events", n, R"({"tags":["dog"]})");
    db.Run("COMMIT");
    std::cout << n << std::endl;
  }
}
const ChildProgram kWriteToBoth("write_to_both", WriteToBoth);

TEST_F(AtomicCommitTest, KillsAtAnyMomentLeaveBothPartsOrNeither) {
  Random random(TestSeed());
  for (const std::string mode : {"DELETE", "WAL"}) {
    db_->Run("PRAGMA journal_mode = " + mode);
    for (int round = 0; round < 6; ++round) {
      db_.reset();
      ChildProcess child("write_to_both", {path_});
      int64_t acknowledged = -1;
      for (int i = random.Below(12); i >= 0; --i) {
        acknowledged = std::stoll(child.ReadLine().value_or("-1"));
      }
      child.Kill();
      child.Wait();
      db_ = Connect();
      const int64_t ordinary = db_->Integer("SELECT count(*) FROM ordinary");
      ASSERT_GT(ordinary, acknowledged);
      ASSERT_EQ(db_->Integer("SELECT count(*) FROM events"), 2 * ordinary) << mode;
      ASSERT_EQ(db_->Integer("SELECT count(*) FROM view_tags"), ordinary);
    }
  }
}

}  // namespace
}  // namespace streamview::testing
