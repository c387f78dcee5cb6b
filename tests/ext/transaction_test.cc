// Transactions: what is undone, what the transaction itself sees, and what others see.

#include "tests/ext/testing/fixture.h"

namespace streamview::testing {
namespace {

using ::testing::_;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class TransactionTest : public DatabaseTest {
 protected:
  TransactionTest() { CreateLogAndView(); }

  int64_t AppendCat(const SqlValue& key) { return Append(key, R"({"tags":["cat"]})"); }
  Lines Log(Database& db) { return db.Query("SELECT seq, key FROM events"); }
  Lines Cats(Database& db) {
    return db.Query("SELECT doc_id, seq FROM view_tags WHERE key = 'cat'");
  }
};

TEST_F(TransactionTest, CommitPublishesAtOnce) {
  const auto other = Connect();
  other->Run("SELECT sv_consistency('latest')");
  db_->Run("BEGIN");
  AppendCat("a");
  AppendCat("b");
  EXPECT_THAT(Log(*other), IsEmpty());
  EXPECT_THAT(Cats(*other), IsEmpty());
  EXPECT_EQ(other->Integer("SELECT sv_head()"), 0);
  db_->Run("COMMIT");
  EXPECT_THAT(Log(*other), ElementsAre("1|'a'", "2|'b'"));
  EXPECT_THAT(Cats(*other), ElementsAre("'a'|1", "'b'|2"));
  EXPECT_EQ(other->Integer("SELECT sv_head()"), 2);
}

TEST_F(TransactionTest, ItsOwnAppendsAreVisibleToItself) {
  AppendCat("a");
  db_->Run("BEGIN");
  AppendCat("b");
  EXPECT_THAT(Log(*db_), ElementsAre("1|'a'", "2|'b'"));
  EXPECT_THAT(Cats(*db_), ElementsAre("'a'|1", "'b'|2"));
  AppendCat("a");
  EXPECT_THAT(Cats(*db_), ElementsAre("'a'|3", "'b'|2"));
  Append("b", kNull);
  EXPECT_THAT(Cats(*db_), ElementsAre("'a'|3"));
  EXPECT_THAT(db_->Query("SELECT seq, value FROM events WHERE seq >= 3 ORDER BY seq DESC"),
              ElementsAre("4|NULL", R"(3|'{"tags":["cat"]}')"));
  EXPECT_THAT(db_->Query("SELECT doc FROM view_tags"), ElementsAre(R"('{"tags":["cat"]}')"));
  db_->Run("COMMIT");
  EXPECT_THAT(Cats(*db_), ElementsAre("'a'|3"));
}

TEST_F(TransactionTest, ItsOwnRowsComeInOrderAmongTheOthers) {
  for (const std::string key : {"b", "d", "f"}) AppendCat(key);
  db_->Run("BEGIN");
  for (const std::string key : {"g", "c", "a"}) AppendCat(key);
  AppendCat("d");
  EXPECT_THAT(db_->Query("SELECT doc_id FROM view_tags WHERE key = 'cat'"),
              ElementsAre("'a'", "'b'", "'c'", "'d'", "'f'", "'g'"));
  EXPECT_THAT(db_->Query("SELECT doc_id FROM view_tags ORDER BY key DESC"),
              ElementsAre("'g'", "'f'", "'d'", "'c'", "'b'", "'a'"));
  EXPECT_THAT(db_->Query("SELECT seq FROM view_tags WHERE key = 'cat' AND doc_id = 'd'"),
              ElementsAre("7"));
  EXPECT_THAT(db_->Query("SELECT doc_id FROM view_tags WHERE key > 'a' AND key < 'd' LIMIT 3"),
              ElementsAre("'a'", "'b'", "'c'"));
}

TEST_F(TransactionTest, RollbackUndoesAppends) {
  AppendCat("a");
  db_->Run("BEGIN");
  AppendCat("b");
  Append("a", kNull);
  db_->Run("ROLLBACK");
  EXPECT_THAT(Log(*db_), ElementsAre("1|'a'"));
  EXPECT_THAT(Cats(*db_), ElementsAre("'a'|1"));
}

TEST_F(TransactionTest, SequenceNumbersAreReusedAfterRollback) {
  AppendCat("a");
  db_->Run("BEGIN");
  EXPECT_EQ(AppendCat("b"), 2);
  EXPECT_EQ(AppendCat("c"), 3);
  db_->Run("ROLLBACK");
  EXPECT_EQ(AppendCat("d"), 2);
  EXPECT_THAT(Log(*db_), ElementsAre("1|'a'", "2|'d'"));
}

TEST_F(TransactionTest, SeqAfterRollbackIsWhatItWas) {
  db_->Run("BEGIN");
  AppendCat("a");
  db_->Run("ROLLBACK");
  EXPECT_THAT(db_->Query("SELECT sv_seq()"), ElementsAre("NULL"));
  AppendCat("b");
  db_->Run("BEGIN");
  AppendCat("c");
  db_->Run("ROLLBACK");
  EXPECT_EQ(db_->Integer("SELECT sv_wait(sv_seq())"), 1);
}

TEST_F(TransactionTest, AReadAfterRollbackWaitsForNothing) {
  db_->Run("BEGIN");
  for (int i = 0; i < 100; ++i) AppendCat(i);
  EXPECT_EQ(Cats(*db_).size(), 100u);
  db_->Run("ROLLBACK");
  EXPECT_THAT(Cats(*db_), IsEmpty());
}

TEST_F(TransactionTest, RollbackOfATransactionAsLargeAsItGets) {
  db_->Run("BEGIN");
  db_->Run(
      "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
      "INSERT INTO events(key, value) SELECT i, '{\"tags\":[\"cat\"]}' FROM n");
  db_->Run("ROLLBACK");
  EXPECT_THAT(Log(*db_), IsEmpty());
  EXPECT_EQ(AppendCat("a"), 1);
}

TEST_F(TransactionTest, RollbackToUndoesWhatFollowedTheSavepoint) {
  db_->Run("BEGIN");
  AppendCat("a");
  db_->Run("SAVEPOINT s");
  AppendCat("b");
  db_->Run("ROLLBACK TO s");
  EXPECT_THAT(Cats(*db_), ElementsAre("'a'|1"));
  AppendCat("c");
  db_->Run("COMMIT");
  EXPECT_THAT(Log(*db_), ElementsAre("1|'a'", "2|'c'"));
  EXPECT_THAT(Cats(*db_), ElementsAre("'a'|1", "'c'|2"));
}

TEST_F(TransactionTest, RollbackToMayBeRepeated) {
  db_->Run("BEGIN; SAVEPOINT s");
  for (int i = 0; i < 3; ++i) {
    AppendCat(i);
    db_->Run("ROLLBACK TO s");
    EXPECT_THAT(Log(*db_), IsEmpty());
  }
  AppendCat("z");
  db_->Run("COMMIT");
  EXPECT_THAT(Log(*db_), ElementsAre("1|'z'"));
}

TEST_F(TransactionTest, AReleasedSavepointIsUndoneWithTheOuterOne) {
  db_->Run("BEGIN");
  AppendCat("a");
  db_->Run("SAVEPOINT outer_");
  AppendCat("b");
  db_->Run("SAVEPOINT inner_");
  AppendCat("c");
  db_->Run("RELEASE inner_");
  EXPECT_EQ(Cats(*db_).size(), 3u);
  db_->Run("ROLLBACK TO outer_");
  EXPECT_THAT(Cats(*db_), ElementsAre("'a'|1"));
  db_->Run("COMMIT");
  EXPECT_THAT(Log(*db_), ElementsAre("1|'a'"));
}

TEST_F(TransactionTest, NestedSavepointsUndoOneByOne) {
  db_->Run("SAVEPOINT s1");
  AppendCat("a");
  db_->Run("SAVEPOINT s2");
  AppendCat("b");
  db_->Run("SAVEPOINT s3");
  AppendCat("c");
  db_->Run("ROLLBACK TO s3");
  EXPECT_THAT(Log(*db_), ElementsAre("1|'a'", "2|'b'"));
  db_->Run("ROLLBACK TO s2");
  EXPECT_THAT(Log(*db_), ElementsAre("1|'a'"));
  AppendCat("d");
  db_->Run("RELEASE s1");
  EXPECT_THAT(Log(*Connect()), ElementsAre("1|'a'", "2|'d'"));
}

// The table joins the transaction under two savepoints that it never heard of.
TEST_F(TransactionTest, SavepointsOpenedBeforeTheFirstAppendUndoIt) {
  db_->Run("SAVEPOINT s1; SAVEPOINT s2");
  AppendCat("a");
  db_->Run("ROLLBACK TO s1");
  EXPECT_THAT(Log(*db_), IsEmpty());
  EXPECT_THAT(Cats(*db_), IsEmpty());
  AppendCat("b");
  db_->Run("RELEASE s1");
  EXPECT_THAT(Log(*db_), ElementsAre("1|'b'"));
}

// The log's table first uses the log within the savepoint; the documents' table has used it before,
// and hears of the savepoint after the append.
TEST_F(TransactionTest, TablesOfOneLogMayJoinASavepointOneAfterTheOther) {
  db_->Run("CREATE VIRTUAL TABLE docs USING sv_docs(log = events)");
  Reopen();
  db_->Run("SELECT * FROM docs");
  db_->Run("BEGIN; SAVEPOINT s");
  AppendCat("a");
  db_->Run("DELETE FROM docs WHERE key = 'other'");
  db_->Run("ROLLBACK TO s; COMMIT");
  EXPECT_THAT(Log(*db_), IsEmpty());
}

// SQLite tells the new table of the end of the transaction, and not of its beginning.
TEST_F(TransactionTest, ATableMayBeCreatedAndWrittenInOneTransaction) {
  db_->Run(
      "BEGIN; CREATE VIRTUAL TABLE docs USING sv_docs(log = events);"
      "INSERT INTO docs(key, value) VALUES ('a', '{}'); COMMIT");
  EXPECT_EQ(db_->Query("SELECT key, seq FROM docs"), Lines({"'a'|1"}));
}

TEST_F(TransactionTest, RollbackToASavepointBeforeAnyAppendLeavesTheLaterOnesUsable) {
  db_->Run("BEGIN; SAVEPOINT s1; SAVEPOINT s2");
  AppendCat("a");
  db_->Run("ROLLBACK TO s2");
  AppendCat("b");
  db_->Run("RELEASE s2; SAVEPOINT s3");
  AppendCat("c");
  db_->Run("ROLLBACK TO s3; COMMIT");
  EXPECT_THAT(Log(*db_), ElementsAre("1|'b'"));
}

TEST_F(TransactionTest, AFailingStatementLeavesNoneOfItsRows) {
  AppendCat("a");
  EXPECT_THAT(
      db_->Try("INSERT INTO events(key, value) "
               "SELECT column1, CASE column1 WHEN 3 THEN abs(-9223372036854775807 - 1) ELSE 0 END "
               "FROM (VALUES (1), (2), (3), (4))"),
      Fails(_, HasSubstr("overflow")));
  EXPECT_THAT(Log(*db_), ElementsAre("1|'a'"));
}

TEST_F(TransactionTest, AFailingStatementLeavesTheTransactionAsItWas) {
  db_->Run("BEGIN");
  AppendCat("a");
  EXPECT_THAT(
      db_->Try("INSERT INTO events(key, value) "
               "SELECT column1, CASE column1 WHEN 3 THEN abs(-9223372036854775807 - 1) ELSE 0 END "
               "FROM (VALUES (1), (2), (3), (4))"),
      Fails(_, HasSubstr("overflow")));
  EXPECT_THAT(Log(*db_), ElementsAre("1|'a'"));
  AppendCat("b");
  db_->Run("COMMIT");
  EXPECT_THAT(Log(*db_), ElementsAre("1|'a'", "2|'b'"));
  EXPECT_THAT(Cats(*db_), ElementsAre("'a'|1", "'b'|2"));
}

TEST_F(TransactionTest, ARefusedRowLeavesNoneOfItsStatement) {
  EXPECT_THAT(db_->Try("INSERT INTO events(key, value) VALUES ('a', 1), (zeroblob(70000), 2)"),
              Fails(_, HasSubstr("key")));
  EXPECT_THAT(Log(*db_), IsEmpty());
  EXPECT_EQ(AppendCat("b"), 1);
}

TEST_F(TransactionTest, OrdinaryTablesTakePartInTheSameTransaction) {
  db_->Run("CREATE TABLE plain(x)");
  db_->Run("BEGIN; INSERT INTO plain VALUES (1)");
  AppendCat("a");
  db_->Run("ROLLBACK; BEGIN; INSERT INTO plain VALUES (2)");
  AppendCat("b");
  db_->Run("COMMIT");
  const auto other = Connect();
  EXPECT_THAT(other->Query("SELECT x FROM plain"), ElementsAre("2"));
  EXPECT_THAT(Log(*other), ElementsAre("1|'b'"));
}

TEST_F(TransactionTest, AppendsToSeveralLogsCommitTogether) {
  db_->Run("CREATE VIRTUAL TABLE audit USING sv_log");
  db_->Run("BEGIN");
  AppendCat("a");
  db_->Append("audit", "x", 1);
  db_->Run("ROLLBACK; BEGIN");
  AppendCat("b");
  db_->Append("audit", "y", 2);
  db_->Run("COMMIT");
  EXPECT_THAT(Log(*db_), ElementsAre("1|'b'"));
  EXPECT_THAT(db_->Query("SELECT seq, key FROM audit"), ElementsAre("1|'y'"));
}

TEST_F(TransactionTest, ASecondWriterOfTheDatabaseGetsBusy) {
  const auto other = Connect();
  db_->Run("BEGIN");
  AppendCat("a");
  EXPECT_THAT(other->Try("INSERT INTO events(key, value) VALUES ('b', 1)"), Fails(SQLITE_BUSY, _));
  EXPECT_THAT(Log(*other), IsEmpty());
  db_->Run("COMMIT");
  EXPECT_EQ(other->Append("events", "b", 1), 2);
}

// SQLite itself refuses the COMMIT after the tables have been asked to sync: a reader is in its
// way.
TEST_F(TransactionTest, ACommitThatMetBusyCanBeTriedAgain) {
  db_->Run("CREATE TABLE plain(x); INSERT INTO plain VALUES (1), (2)");
  const auto other = Connect();
  db_->Run("BEGIN");
  AppendCat("a");
  {
    Statement reader(*other, "SELECT x FROM plain");
    ASSERT_TRUE(reader.Step());
    EXPECT_THAT(db_->Try("COMMIT"), Fails(SQLITE_BUSY, _));
    EXPECT_THAT(db_->Try("COMMIT"), Fails(SQLITE_BUSY, _));
    EXPECT_THAT(Log(*other), IsEmpty());
  }
  db_->Run("COMMIT");
  EXPECT_THAT(Log(*other), ElementsAre("1|'a'"));
  EXPECT_THAT(Cats(*db_), ElementsAre("'a'|1"));
}

TEST_F(TransactionTest, ATransactionGoesOnAfterACommitThatMetBusy) {
  db_->Run("CREATE TABLE plain(x); INSERT INTO plain VALUES (1), (2)");
  const auto other = Connect();
  db_->Run("BEGIN");
  AppendCat("a");
  {
    Statement reader(*other, "SELECT x FROM plain");
    ASSERT_TRUE(reader.Step());
    EXPECT_THAT(db_->Try("COMMIT"), Fails(SQLITE_BUSY, _));
  }
  AppendCat("b");
  db_->Run("SAVEPOINT s");
  AppendCat("c");
  db_->Run("ROLLBACK TO s; COMMIT");
  EXPECT_THAT(Log(*other), ElementsAre("1|'a'", "2|'b'"));
  EXPECT_THAT(Cats(*db_), ElementsAre("'a'|1", "'b'|2"));
}

TEST_F(TransactionTest, ACommitThatMetBusyCanBeRolledBack) {
  db_->Run("CREATE TABLE plain(x); INSERT INTO plain VALUES (1), (2)");
  const auto other = Connect();
  db_->Run("BEGIN");
  AppendCat("a");
  {
    Statement reader(*other, "SELECT x FROM plain");
    ASSERT_TRUE(reader.Step());
    EXPECT_THAT(db_->Try("COMMIT"), Fails(SQLITE_BUSY, _));
  }
  db_->Run("ROLLBACK");
  EXPECT_THAT(Log(*db_), IsEmpty());
  EXPECT_EQ(AppendCat("b"), 1);
  Reopen();
  EXPECT_THAT(Log(*db_), ElementsAre("1|'b'"));
  EXPECT_THAT(Cats(*db_), ElementsAre("'b'|1"));
}

TEST_F(TransactionTest, AnAppendOutsideATransactionThatMeetsBusyIsUndone) {
  db_->Run("CREATE TABLE plain(x); INSERT INTO plain VALUES (1), (2)");
  const auto other = Connect();
  {
    Statement reader(*other, "SELECT x FROM plain");
    ASSERT_TRUE(reader.Step());
    EXPECT_THAT(db_->Try("INSERT INTO events(key, value) VALUES ('a', 1)"), Fails(SQLITE_BUSY, _));
  }
  EXPECT_THAT(Log(*db_), IsEmpty());
  EXPECT_EQ(AppendCat("b"), 1);
}

TEST_F(TransactionTest, ClosingWithATransactionOpenRollsItBack) {
  auto other = Connect();
  other->Run("BEGIN");
  other->Append("events", "x", 1);
  other->Close();
  EXPECT_THAT(Log(*db_), IsEmpty());
  EXPECT_EQ(AppendCat("a"), 1);
}

TEST_F(TransactionTest, AnOpenStatementGoesOnAcrossCommit) {
  for (int i = 0; i < 10; ++i) AppendCat(i);
  db_->Run("BEGIN");
  for (int i = 10; i < 20; ++i) AppendCat(i);
  Statement view(*db_, "SELECT doc_id, doc FROM view_tags WHERE key = 'cat'");
  Statement log(*db_, "SELECT seq, value FROM events");
  int64_t rows = 0;
  while (view.Step() && log.Step()) {
    EXPECT_EQ(ToLine(view.row()), ToLine({rows, R"({"tags":["cat"]})"}));
    EXPECT_EQ(ToLine(log.row()), ToLine({rows + 1, R"({"tags":["cat"]})"}));
    if (++rows == 5) db_->Run("COMMIT");
    if (rows > 5) AppendCat(100 + rows);
    ASSERT_LE(rows, 20);
  }
  EXPECT_EQ(rows, 20);
}

// SQLite may end the statements with ABORT; what they still give must not be made up.
TEST_F(TransactionTest, AnOpenStatementGivesNothingWrongAfterRollback) {
  for (int i = 0; i < 10; ++i) AppendCat(i);
  for (const std::string undo : {"ROLLBACK", "ROLLBACK TO s; COMMIT"}) {
    db_->Run("BEGIN; SAVEPOINT s");
    for (int i = 10; i < 20; ++i) AppendCat(i);
    for (const std::string sql :
         {"SELECT doc_id FROM view_tags WHERE key = 'cat'", "SELECT key FROM events"}) {
      Statement statement(*db_, sql);
      ASSERT_TRUE(statement.Step());
      if (sqlite3_get_autocommit(db_->handle()) == 0) db_->Run(undo);
      int64_t rows = 1;
      try {
        while (statement.Step()) EXPECT_EQ(ToLine(statement.row()), std::to_string(rows++));
      } catch (const SqlError& e) {
        EXPECT_EQ(e.code(), SQLITE_ABORT) << e.what();
      }
      EXPECT_LE(rows, 20);
    }
    EXPECT_EQ(Cats(*db_).size(), 10u);
  }
}

TEST_F(TransactionTest, AnInsertFromAViewReadsWhatWasThereBefore) {
  for (int i = 0; i < 10; ++i) AppendCat(i);
  db_->Run("BEGIN");
  AppendCat(10);
  db_->Run(
      "INSERT INTO events(key, value) SELECT doc_id + 100, doc FROM view_tags "
      "WHERE key = 'cat'");
  EXPECT_EQ(Cats(*db_).size(), 22u);
  db_->Run("COMMIT");
  EXPECT_EQ(Cats(*db_).size(), 22u);
}

TEST_F(TransactionTest, AnAppendThatIsRolledBackIsNotInAViewMadeMeanwhile) {
  db_->Run("BEGIN");
  AppendCat("a");
  EXPECT_THAT(Cats(*db_), ElementsAre("'a'|1"));
  db_->Run("ROLLBACK");
  Append("b", R"({"tags":["dog"]})");
  EXPECT_THAT(db_->Query("SELECT key, doc_id FROM view_tags"), ElementsAre("'dog'|'b'"));
}

TEST_F(TransactionTest, ABadDocumentIsSkippedInItsOwnTransactionToo) {
  db_->Run("BEGIN");
  Append("bad", "{");
  AppendCat("good");
  EXPECT_THAT(Cats(*db_), ElementsAre("'good'|2"));
  db_->Run("COMMIT");
  EXPECT_THAT(Cats(*db_), ElementsAre("'good'|2"));
}

}  // namespace
}  // namespace streamview::testing
