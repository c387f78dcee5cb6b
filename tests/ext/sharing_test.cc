// Several processes that use one log: the one that opened it first holds it, and serves the others.

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "tests/ext/testing/fixture.h"
#include "tests/ext/testing/other_process.h"

namespace streamview::testing {
namespace {

using ::testing::_;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace fs = std::filesystem;

const std::string kAppendCat =
    R"(INSERT INTO events(key, value) VALUES ('cat', '{"tags":["pet","cat"],"location":"x"}'))";
const std::string kAppendDog =
    R"(INSERT INTO events(key, value) VALUES ('dog', '{"tags":["pet","dog"],"location":"y"}'))";

// This process holds the log; `other_` uses it.
class SharingTest : public DatabaseTest {
 protected:
  SharingTest() {
    CreateLogAndView();
    db_->Run("CREATE VIRTUAL TABLE docs USING sv_docs(log = events)");
    db_->Run(
        "CREATE VIRTUAL TABLE counts USING sv_view(log = events, reduce = 'count', map = ("
        "SELECT tag.value AS key FROM events, json_each(events.value, '$.tags') AS tag))");
    db_->Run("CREATE TABLE plain(x)");
    db_->Run("PRAGMA busy_timeout = 5000");
    other_.Run("PRAGMA busy_timeout = 5000");
  }

  OtherProcess other_{path_};
};

TEST_F(SharingTest, EachSeesWhatTheOtherHasCommitted) {
  db_->Run(kAppendCat);
  EXPECT_EQ(other_.Integer("SELECT count(*) FROM events"), 1);
  other_.Run(kAppendDog);
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM events"), 2);
  db_->Run("SELECT sv_consistency('latest')");
  EXPECT_THAT(db_->Query("SELECT key, doc_id FROM view_tags"),
              ElementsAre("'cat'|'cat'", "'dog'|'dog'", "'pet'|'cat'", "'pet'|'dog'"));
  EXPECT_THAT(other_.Query("SELECT key, doc_id FROM view_tags"),
              ElementsAre("'cat'|'cat'", "'dog'|'dog'", "'pet'|'cat'", "'pet'|'dog'"));
  EXPECT_THAT(other_.Query("SELECT * FROM counts"), ElementsAre("'cat'|1", "'dog'|1", "'pet'|2"));
  EXPECT_THAT(other_.Query("SELECT key, value ->> '$.location' FROM docs"),
              ElementsAre("'cat'|'x'", "'dog'|'y'"));
}

TEST_F(SharingTest, AReadOfAnOwnWriteWaitsForTheView) {
  for (int i = 1; i <= 50; ++i) {
    other_.Run("INSERT INTO events(key, value) VALUES (" + std::to_string(i) +
               R"(, '{"tags":["t"]}'))");
    ASSERT_EQ(other_.Integer("SELECT count(*) FROM view_tags WHERE key = 't'"), i);
    ASSERT_EQ(other_.Integer("SELECT sv_wait(sv_seq(), 'view_tags')"), i);
  }
}

TEST_F(SharingTest, AnOpenTransactionIsSeenByItsOwnConnectionOnly) {
  db_->Run(kAppendCat);
  other_.Run("BEGIN");
  other_.Run(kAppendDog);
  other_.Run("UPDATE docs SET value = '{\"tags\":[\"lion\"]}' WHERE key = 'cat'");
  other_.Run("INSERT INTO plain VALUES (1)");
  EXPECT_THAT(other_.Query("SELECT key, doc_id FROM view_tags"),
              ElementsAre("'dog'|'dog'", "'lion'|'cat'", "'pet'|'dog'"));
  EXPECT_THAT(other_.Query("SELECT * FROM counts"), ElementsAre("'dog'|1", "'lion'|1", "'pet'|1"));
  EXPECT_EQ(other_.Integer("SELECT count(*) FROM events"), 3);
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM events"), 1);
  other_.Run("SAVEPOINT s");
  other_.Run("DELETE FROM docs");
  EXPECT_EQ(other_.Integer("SELECT count(*) FROM view_tags"), 0);
  other_.Run("ROLLBACK TO s");
  other_.Run("COMMIT");
  db_->Run("SELECT sv_consistency('latest')");
  EXPECT_THAT(db_->Query("SELECT key, doc_id FROM view_tags"),
              ElementsAre("'dog'|'dog'", "'lion'|'cat'", "'pet'|'dog'"));
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM plain"), 1);
}

TEST_F(SharingTest, ARollbackLeavesNothing) {
  other_.Run("BEGIN");
  other_.Run(kAppendDog);
  other_.Run("INSERT INTO plain VALUES (1)");
  other_.Run("ROLLBACK");
  EXPECT_EQ(db_->Integer("SELECT sv_head()"), 0);
  db_->Run(kAppendCat);
  EXPECT_EQ(other_.Integer("SELECT sv_head()"), 1);
}

TEST_F(SharingTest, WritersWaitForEachOther) {
  db_->Run("BEGIN");
  db_->Run(kAppendCat);
  other_.Run("PRAGMA busy_timeout = 50");
  EXPECT_EQ(other_.Try(kAppendDog).code, SQLITE_BUSY);
  other_.Run("PRAGMA busy_timeout = 5000");
  other_.Send(kAppendDog);
  db_->Run("COMMIT");
  EXPECT_EQ(other_.Receive().code, SQLITE_OK);
  EXPECT_THAT(db_->Query("SELECT seq, key FROM events"), ElementsAre("1|'cat'", "2|'dog'"));
}

TEST_F(SharingTest, FunctionsTailsHistoryAndCommandsWorkFromAnyProcess) {
  db_->Run(kAppendCat);
  other_.Run(kAppendDog);
  EXPECT_EQ(other_.Integer("SELECT sv_append('events', 'cat', '{\"tags\":[]}')"), 3);
  EXPECT_THAT(other_.Query("SELECT seq, operation FROM sv_history('events', 'cat')"),
              ElementsAre("3|'put'", "1|'put'"));
  EXPECT_THAT(other_.Query("SELECT seq, key FROM sv_tail('events', 1, 0)"),
              ElementsAre("2|'dog'", "3|'cat'"));
  EXPECT_THAT(other_.Query("SELECT seq, operation, key FROM sv_tail('view_tags', 2, 0)"),
              ElementsAre("3|'withdraw'|'cat'", "3|'withdraw'|'pet'"));
  other_.Run("INSERT INTO events(events) VALUES ('flush')");
  other_.Run("INSERT INTO events(events) VALUES ('optimize')");
  other_.Run("INSERT INTO events(events) VALUES ('integrity-check')");
  for (const char* command : {"rebuild", "flush", "optimize", "integrity-check"}) {
    other_.Run("INSERT INTO view_tags(view_tags) VALUES ('" + std::string(command) + "')");
  }
  EXPECT_EQ(other_.Integer("SELECT sv_backup('events', '" + (dir_ / "backup") + "')"), 3);
  EXPECT_THAT(other_.Query("SELECT name, seq FROM sv_status WHERE name = 'view_tags'"),
              ElementsAre("'view_tags'|3"));
}

TEST_F(SharingTest, ATailWaitsForWhatAnotherProcessAppends) {
  db_->Run("PRAGMA journal_mode = WAL");  // or the reader would hold up the writer
  other_.Send("SELECT seq, key FROM sv_tail('events', 0, 20000) LIMIT 1");
  db_->Run(kAppendCat);
  EXPECT_THAT(other_.Receive().rows, ElementsAre("1|'cat'"));
}

TEST_F(SharingTest, ViewsAreMadeAndDroppedByAnyProcess) {
  db_->Run(kAppendCat);
  other_.Run("CREATE VIRTUAL TABLE places USING sv_view(log = events, emit = '$.location')");
  EXPECT_THAT(other_.Query("SELECT key FROM places"), ElementsAre("'x'"));
  EXPECT_THAT(db_->Query("SELECT key FROM places"), ElementsAre("'x'"));
  db_->Run("ALTER TABLE places RENAME TO locations");
  EXPECT_THAT(other_.Query("SELECT key FROM locations"), ElementsAre("'x'"));
  other_.Run("DROP TABLE locations");
  EXPECT_THAT(db_->Try("SELECT * FROM locations"), Fails(SQLITE_ERROR, HasSubstr("no such table")));
}

TEST_F(SharingTest, StatusNamesTheHolderAndCountsTheOthers) {
  const std::string status = "SELECT holder, clients FROM sv_status WHERE kind = 'log'";
  EXPECT_THAT(db_->Query(status), ElementsAre(std::to_string(getpid()) + "|0"));
  EXPECT_THAT(other_.Query(status), ElementsAre(std::to_string(getpid()) + "|1"));
  OtherProcess third(path_);
  EXPECT_THAT(third.Query(status), ElementsAre(std::to_string(getpid()) + "|2"));
  third.Close();
  EXPECT_TRUE(db_->Eventually(status, {std::to_string(getpid()) + "|1"}));
  // Both have the same SQLite (tests/sqlite/run.sh has two).
  EXPECT_THAT(other_.Query("SELECT note FROM sv_status"), ElementsAre("NULL", "NULL", "NULL"));
}

TEST_F(SharingTest, WhenTheHolderClosesAnotherTakesOver) {
  db_->Run(kAppendCat);
  EXPECT_EQ(other_.Integer("SELECT count(*) FROM events"), 1);
  db_->Close();
  EXPECT_EQ(other_.Integer("SELECT count(*) FROM view_tags"), 2);
  other_.Run(kAppendDog);
  db_ = Connect();
  EXPECT_THAT(db_->Query("SELECT seq, key FROM events"), ElementsAre("1|'cat'", "2|'dog'"));
}

TEST_F(SharingTest, ATransactionSurvivesTheHoldersEnd) {
  db_->Run(kAppendCat);
  other_.Run("BEGIN");
  other_.Run(kAppendDog);
  other_.Run("INSERT INTO plain VALUES (1)");
  db_->Close();
  EXPECT_EQ(other_.Integer("SELECT count(*) FROM view_tags"), 4);
  other_.Run("COMMIT");
  EXPECT_EQ(other_.Integer("SELECT count(*) FROM view_tags"), 4);
  db_ = Connect();
  EXPECT_THAT(db_->Query("SELECT seq, key FROM events"), ElementsAre("1|'cat'", "2|'dog'"));
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM plain"), 1);
}

// --- DROP

TEST_F(SharingTest, ALogThatAnotherProcessHoldsIsDeletedOnceThatHasNoticed) {
  db_->Run(kAppendCat);
  other_.Run("BEGIN; DROP TABLE view_tags; DROP TABLE counts; DROP TABLE docs; DROP TABLE events");
  EXPECT_TRUE(fs::exists(log_dir_ + "/STREAMVIEW"));
  other_.Run("COMMIT");
  EXPECT_THAT(db_->Try("SELECT * FROM events"), Fails(SQLITE_ERROR, HasSubstr("no such table")));
  EXPECT_FALSE(fs::exists(log_dir_));
  db_->Run("CREATE VIRTUAL TABLE events USING sv_log");
  EXPECT_EQ(other_.Integer("SELECT count(*) FROM events"), 0);
}

TEST_F(SharingTest, ADroppedLogIsDeletedAsItsHolderClosesThoughTheOtherHasEnded) {
  other_.Run("DROP TABLE view_tags; DROP TABLE counts; DROP TABLE docs; DROP TABLE events");
  other_.Kill();
  EXPECT_TRUE(fs::exists(log_dir_));
  db_->Close();
  EXPECT_FALSE(fs::exists(log_dir_));
}

TEST_F(SharingTest, ADropThatIsTakenBackDeletesNothing) {
  db_->Run(kAppendCat);
  other_.Run("BEGIN; DROP TABLE view_tags; DROP TABLE counts; DROP TABLE docs; DROP TABLE events");
  db_->Close();
  EXPECT_TRUE(fs::exists(log_dir_ + "/UNCLAIMED"));
  other_.Run("ROLLBACK");
  EXPECT_EQ(other_.Integer("SELECT count(*) FROM events"), 1);
  db_ = Connect();
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM view_tags"), 2);
}

TEST_F(SharingTest, ADropOfAProcessThatDiesBeforeItsCommitDeletesNothing) {
  db_->Run(kAppendCat);
  other_.Run("BEGIN; DROP TABLE view_tags; DROP TABLE counts; DROP TABLE docs; DROP TABLE events");
  other_.Kill();
  Reopen();
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM view_tags"), 2);
  EXPECT_FALSE(fs::exists(log_dir_ + "/UNCLAIMED"));
}

// The other process holds the log.
class TakeoverTest : public SharingTest {
 protected:
  TakeoverTest() {
    db_->Run(kAppendCat);
    db_->Close();
    other_.Run("SELECT count(*) FROM events");
    db_ = Connect();
    db_->Run("PRAGMA busy_timeout = 5000");
    EXPECT_EQ(db_->Integer("SELECT count(*) FROM events"), 1);
  }
};

TEST_F(TakeoverTest, AfterAKillAnotherGoesOn) {
  other_.Run(kAppendDog);
  other_.Kill();
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM events"), 2);
  db_->Run(kAppendDog);
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM view_tags"), 4);
  db_->Run("INSERT INTO view_tags(view_tags) VALUES ('integrity-check')");
}

class ReadsWhileTheHolderClosesTest : public TakeoverTest {
 protected:
  static constexpr int64_t kRows = 20'000;  // more than in the first pages

  ReadsWhileTheHolderClosesTest() {
    other_.Run(
        "INSERT INTO events(key, value) WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 "
        "FROM n LIMIT 20000) SELECT i, json_object('tags', json_array('many')) FROM n");
    db_->Run("SELECT sv_consistency('latest')");
    EXPECT_EQ(db_->Integer("SELECT count(*) FROM view_tags WHERE key = 'many'"), kRows);
  }
};

TEST_F(ReadsWhileTheHolderClosesTest, TheyGoOnToTheirEnd) {
  Statement rows(*db_, "SELECT doc_id FROM view_tags WHERE key = 'many'");
  Statement documents(*db_, "SELECT key FROM docs");
  for (Statement* statement : {&rows, &documents}) ASSERT_TRUE(statement->Step());
  std::thread closing([this] { other_.Close(); });
  int64_t read = 1;
  while (rows.Step()) ++read;
  EXPECT_EQ(read, kRows);
  read = 1;
  while (documents.Step()) ++read;
  EXPECT_EQ(read, kRows + 1);
  closing.join();
  // And this process takes over.
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM view_tags WHERE key = 'many'"), kRows);
  EXPECT_EQ(db_->Integer("SELECT holder FROM sv_status WHERE kind = 'log'"), getpid());
}

TEST_F(ReadsWhileTheHolderClosesTest, AScanOfTheLogGoesOnThoughItIsKilled) {
  Statement forwards(*db_, "SELECT seq FROM events WHERE seq > 1");
  Statement backwards(*db_, "SELECT seq FROM events ORDER BY seq DESC");
  // The log is looked into anew for each row of the view.
  Statement joined(*db_,
                   "SELECT e.seq FROM view_tags v CROSS JOIN events e ON e.seq = v.seq "
                   "WHERE v.key = 'many' AND v.doc_id <= 60");
  for (Statement* statement : {&forwards, &backwards, &joined}) ASSERT_TRUE(statement->Step());
  other_.Kill();
  int64_t expected = 2;
  while (forwards.Step()) ASSERT_EQ(std::get<int64_t>(forwards.row()[0]), ++expected);
  EXPECT_EQ(expected, kRows + 1);
  while (backwards.Step()) ASSERT_EQ(std::get<int64_t>(backwards.row()[0]), --expected);
  EXPECT_EQ(expected, 1);
  int64_t read = 1;
  while (joined.Step()) ++read;
  EXPECT_EQ(read, 60);
}

TEST_F(ReadsWhileTheHolderClosesTest, OneThatStandsStillIsWaitedForOnlySoLong) {
  Statement rows(*db_, "SELECT doc_id FROM view_tags WHERE key = 'many'");
  ASSERT_TRUE(rows.Step());
  other_.Close();
  try {
    while (rows.Step()) {
    }
    ADD_FAILURE() << "it went on to its end";
  } catch (const std::exception&) {
    EXPECT_EQ(sqlite3_errcode(db_->handle()), SQLITE_IOERR);
  }
}

TEST_F(TakeoverTest, AWriteAfterAKillTakesOver) {
  other_.Kill();
  db_->Run(kAppendDog);
  EXPECT_THAT(db_->Query("SELECT seq, key FROM events"), ElementsAre("1|'cat'", "2|'dog'"));
}

TEST_F(TakeoverTest, ATransactionThatWasOpenInAKilledHolderIsGone) {
  other_.Run("BEGIN");
  other_.Run(kAppendDog);
  other_.Kill();
  EXPECT_EQ(db_->Integer("SELECT sv_head()"), 1);
  db_->Run(kAppendDog);
  EXPECT_EQ(db_->Integer("SELECT sv_head()"), 2);
}

TEST_F(TakeoverTest, ATransactionGoesOnWhenTheHolderIsKilled) {
  db_->Run("BEGIN");
  db_->Run(kAppendDog);
  db_->Run("INSERT INTO plain VALUES (1)");
  other_.Kill();
  db_->Run(kAppendCat);
  db_->Run("COMMIT");
  EXPECT_THAT(db_->Query("SELECT seq, key FROM events"),
              ElementsAre("1|'cat'", "2|'dog'", "3|'cat'"));
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM plain"), 1);
}

// Its token is in the log and, not committed, in the database as this connection sees it.
TEST_F(TakeoverTest, ATransactionWhoseCommitWasBusyGoesOnWhenTheHolderIsKilled) {
  const auto reader = Connect();
  reader->Run("BEGIN; SELECT * FROM plain");
  db_->Run("PRAGMA busy_timeout = 0");
  db_->Run("BEGIN");
  db_->Run(kAppendDog);
  db_->Run("INSERT INTO plain VALUES (1)");
  EXPECT_EQ(db_->Try("COMMIT").code, SQLITE_BUSY);
  other_.Kill();
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM events"), 2);
  reader->Run("COMMIT");
  db_->Run("COMMIT");
  reader->Close();
  Reopen();
  EXPECT_THAT(db_->Query("SELECT seq, key FROM events"), ElementsAre("1|'cat'", "2|'dog'"));
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM plain"), 1);
}

// Where the log cannot be opened at once as the savepoint begins.
class HeldDirectory {
 public:
  explicit HeldDirectory(const std::string& directory)
      : fd_(::open((directory + "/HOLDER").c_str(), O_RDWR | O_CLOEXEC)) {
    struct flock whole = {};
    whole.l_type = F_WRLCK;
    if (::fcntl(fd_, F_OFD_SETLK, &whole) != 0) throw std::runtime_error("HOLDER");
  }
  ~HeldDirectory() { ::close(fd_); }

 private:
  const int fd_;
};

TEST_F(TakeoverTest, ASavepointThatBeganWhileNobodyHeldTheLogIsRolledBackTo) {
  db_->Run("BEGIN");
  db_->Run(kAppendDog);
  other_.Kill();
  {
    const HeldDirectory held(log_dir_);
    db_->Run("SAVEPOINT s");
  }
  db_->Run(kAppendCat);
  db_->Run("INSERT OR REPLACE INTO docs(key, value) VALUES ('bird', '{}')");
  db_->Run("ROLLBACK TO s");
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM events"), 2);
  db_->Run("COMMIT");
  EXPECT_THAT(db_->Query("SELECT seq, key FROM events"), ElementsAre("1|'cat'", "2|'dog'"));
}

TEST_F(TakeoverTest, ASavepointBeforeTheFirstUseOfALogThatNobodyHoldsIsRolledBackTo) {
  Reopen();  // this connection has not used it
  db_->Run("PRAGMA busy_timeout = 5000");
  db_->Run("BEGIN");
  other_.Kill();
  {
    const HeldDirectory held(log_dir_);
    db_->Run("PRAGMA busy_timeout = 0");
    EXPECT_EQ(db_->Try(kAppendDog).code, SQLITE_BUSY);  // the table has joined the transaction
    db_->Run("SAVEPOINT s");
  }
  db_->Run(kAppendDog);
  db_->Run("INSERT OR REPLACE INTO docs(key, value) VALUES ('bird', '{}')");
  db_->Run("ROLLBACK TO s");
  db_->Run("COMMIT");
  EXPECT_THAT(db_->Query("SELECT seq, key FROM events"), ElementsAre("1|'cat'"));
}

TEST_F(TakeoverTest, AKilledClientLeavesNoTurn) {
  OtherProcess client(path_);
  client.Run("BEGIN");
  client.Run(kAppendDog);
  client.Kill();
  db_->Run(kAppendDog);
  EXPECT_EQ(db_->Integer("SELECT sv_head()"), 2);
}

TEST_F(TakeoverTest, AStoppedHolderIsNamed) {
  other_.Stop();
  EXPECT_THAT(db_->Try("SELECT count(*) FROM view_tags"),
              Fails(SQLITE_BUSY, HasSubstr(std::to_string(other_.pid()))));
  other_.Continue();
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM view_tags"), 2);
}

}  // namespace
}  // namespace streamview::testing
