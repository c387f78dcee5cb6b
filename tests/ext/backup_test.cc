// sv_backup: the copy of a log, and with the matching copy of the database a backup of the whole.

#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/ext/testing/fixture.h"
#include "tests/ext/testing/model.h"

namespace streamview::testing {
namespace {

namespace fs = std::filesystem;

using ::testing::_;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kBackup[] = "SELECT sv_backup('events', ?1)";

class BackupTest : public DatabaseTest {
 protected:
  BackupTest() {
    db_->Run("PRAGMA journal_mode = WAL");
    CreateLogAndView();
    db_->Run("CREATE TABLE ordinary(txn)");
    fs::create_directory(dir_ / "b");
  }

  // Copies the database by SQLite's own means, as a process does that knows nothing of the log.
  void CopyDatabase(const std::string& target) {
    Database source(path_, Database::Extension::kNone), copy(target, Database::Extension::kNone);
    sqlite3_backup* const backup =
        sqlite3_backup_init(copy.handle(), "main", source.handle(), "main");
    ASSERT_EQ(sqlite3_backup_step(backup, -1), SQLITE_DONE);
    ASSERT_EQ(sqlite3_backup_finish(backup), SQLITE_OK);
  }

  // The whole, as docs/transactions.md says, into `directory`; returns the last entry of the log.
  int64_t BackUpAll(const std::string& directory) {
    fs::create_directory(directory);
    db_->Run("BEGIN IMMEDIATE");
    const int64_t last = db_->Integer(kBackup, {directory + "/app.db-events"});
    CopyDatabase(directory + "/app.db");
    db_->Run("ROLLBACK");
    return last;
  }

  static void ExpectSound(Database& db) {
    db.Run("SELECT sv_consistency('latest')");
    EXPECT_EQ(db.Query("SELECT * FROM view_tags"), ToLines(ComputeView(db, "events", kTagsMap)));
    db.Run("INSERT INTO view_tags(view_tags) VALUES ('integrity-check')");
    db.Run("INSERT INTO events(events) VALUES ('integrity-check')");
    EXPECT_EQ(db.Query("PRAGMA integrity_check"), Lines{"'ok'"});
  }
};

TEST_F(BackupTest, ACopyOfBothIsADatabaseOfItsOwn) {
  Append("a", R"({"tags":["cat"]})");
  Append("b", R"({"tags":["cat"]})");
  EXPECT_EQ(BackUpAll(dir_ / "b/1"), 2);
  Append("a", R"({"tags":["dog"]})");

  Database copy(dir_ / "b/1/app.db");
  EXPECT_THAT(copy.Query("SELECT key, doc_id FROM view_tags"),
              ElementsAre("'cat'|'a'", "'cat'|'b'"));
  EXPECT_EQ(copy.Append("events", "c", R"({"tags":["cow"]})"), 3);
  EXPECT_THAT(db_->Query("SELECT key, doc_id FROM view_tags"),
              ElementsAre("'cat'|'b'", "'dog'|'a'"));
  EXPECT_THAT(copy.Query("SELECT key, doc_id FROM view_tags"),
              ElementsAre("'cat'|'a'", "'cat'|'b'", "'cow'|'c'"));
  ExpectSound(*db_);
  ExpectSound(copy);
}

TEST_F(BackupTest, AnEmptyLogHasABackup) {
  EXPECT_EQ(BackUpAll(dir_ / "b/1"), 0);
  Database copy(dir_ / "b/1/app.db");
  EXPECT_EQ(copy.Append("events", "a", "{}"), 1);
}

TEST_F(BackupTest, ABackupOfABackupTakesThePlaceOfTheOriginal) {
  Append("a", R"({"tags":["cat"]})");
  BackUpAll(dir_ / "b/1");
  db_->Close();
  for (const char* name : {"app.db", "app.db-events"}) {
    fs::remove_all(dir_ / name);
    fs::copy(dir_ / "b/1/" + name, dir_ / name, fs::copy_options::recursive);
  }
  fs::remove(dir_ / "app.db-wal");
  db_ = Connect();
  EXPECT_EQ(Append("b", R"({"tags":["cat"]})"), 2);
  EXPECT_EQ(BackUpAll(dir_ / "b/2"), 2);
  Database copy(dir_ / "b/2/app.db");
  ExpectSound(copy);
}

// The entries of a transaction that the process had committed, and of which only the token in the
// database would tell.
TEST_F(BackupTest, AMixedTransactionAtTheEndOfTheLogIsInTheCopy) {
  db_->Run("BEGIN; INSERT INTO ordinary VALUES (1)");
  Append("a", R"({"tags":["cat"]})");
  db_->Run("COMMIT");
  BackUpAll(dir_ / "b/1");
  Database copy(dir_ / "b/1/app.db");
  EXPECT_THAT(copy.Query("SELECT txn, seq FROM ordinary, events"), ElementsAre("1|1"));
}

TEST_F(BackupTest, OneUnderLoadHoldsWholeTransactionsOfBothParts) {
  constexpr int kBackups = 4;
  std::atomic<bool> stop{false};
  std::vector<std::thread> writers;
  for (int thread = 0; thread < 3; ++thread) {
    writers.emplace_back([&, thread] {
      try {
        Database db(path_);
        db.Run("PRAGMA busy_timeout = 60000; PRAGMA synchronous = NORMAL");
        for (int i = 0; !stop; ++i) {
          const std::string txn = std::to_string(thread) + "-" + std::to_string(i);
          const std::string value = R"({"tags":["cat","dog"],"txn":")" + txn + "\"}";
          db.Append("events", "plain" + std::to_string(i % 20), R"({"tags":["plain"]})");
          db.Run("BEGIN IMMEDIATE; INSERT INTO ordinary VALUES (?1)", {txn});
          for (const int part : {1, 2, 3}) db.Append("events", part == 2 ? kNull : txn, value);
          db.Run("COMMIT");
        }
      } catch (const std::exception& e) {
        ADD_FAILURE() << "writer " << thread << ": " << e.what();
      }
    });
  }
  db_->Run("PRAGMA busy_timeout = 60000");
  std::vector<int64_t> last;
  for (int i = 0; i < kBackups; ++i) {
    db_->Run("SELECT sv_wait(sv_head() + 100, NULL, 60000)");
    last.push_back(BackUpAll(dir_ / "b/" + std::to_string(i)));
  }
  stop = true;
  for (std::thread& writer : writers) writer.join();
  ExpectSound(*db_);

  for (int i = 0; i < kBackups; ++i) {
    Database copy(dir_ / "b/" + std::to_string(i) + "/app.db");
    EXPECT_EQ(copy.Integer("SELECT sv_head()"), last[i]);
    EXPECT_GT(copy.Integer("SELECT count(*) FROM ordinary"), 0);
    const std::string in_log =
        "SELECT value ->> '$.txn' AS txn, count(*) AS n FROM events "
        "WHERE value ->> '$.txn' IS NOT NULL GROUP BY txn";
    EXPECT_EQ(copy.Query("SELECT txn, 3 FROM ordinary EXCEPT " + in_log), Lines());
    EXPECT_EQ(copy.Query(in_log + " EXCEPT SELECT txn, 3 FROM ordinary"), Lines());
    ExpectSound(copy);
  }
}

TEST_F(BackupTest, AViewThatIsBeingBuiltIsBuiltOnInTheCopy) {
  db_->Run(
      "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
      "INSERT INTO events(key, value) SELECT i, '{\"tags\":[\"cat\"],\"n\":' || i || '}' FROM n");
  db_->Run("SELECT sv_wait(sv_seq())");
  CreateView("late", "SELECT events.value ->> '$.n' % 7 AS key FROM events");
  db_->Run("INSERT INTO view_tags(view_tags) VALUES ('rebuild')");
  BackUpAll(dir_ / "b/1");
  Database copy(dir_ / "b/1/app.db");
  EXPECT_EQ(copy.Integer("SELECT count(*) FROM late WHERE key = 3"), 2857);
  EXPECT_EQ(copy.Integer("SELECT count(*) FROM view_tags WHERE key = 'cat'"), 20000);
  copy.Run("INSERT INTO late(late) VALUES ('integrity-check')");
  copy.Run("INSERT INTO view_tags(view_tags) VALUES ('integrity-check')");
}

TEST_F(BackupTest, ADirectoryOnAnotherFileSystemGetsCopies) {
  struct stat here, shared;
  if (stat(dir_.path().c_str(), &here) != 0 || stat("/dev/shm", &shared) != 0 ||
      here.st_dev == shared.st_dev) {
    GTEST_SKIP() << "/dev/shm is no other file system here";
  }
  const TempDir elsewhere("/dev/shm");
  db_->Run("BEGIN");
  for (int i = 0; i < 1000; ++i) Append(i, R"({"tags":["cat"]})");
  db_->Run("COMMIT");
  EXPECT_EQ(BackUpAll(elsewhere / "1"), 1000);
  Database copy(elsewhere / "1/app.db");
  EXPECT_EQ(copy.Integer("SELECT count(*) FROM view_tags"), 1000);
  ExpectSound(copy);
}

TEST_F(BackupTest, ARelativeDirectoryIsBesideTheDatabaseOfTheLog) {
  db_->Run("ATTACH ?1 AS aux1; CREATE VIRTUAL TABLE aux1.audit USING sv_log",
           {dir_ / "b/other.db"});
  EXPECT_EQ(db_->Integer("SELECT sv_backup('events', 'one')"), 0);
  EXPECT_EQ(db_->Integer("SELECT sv_backup('aux1.audit', 'two/')"), 0);
  EXPECT_TRUE(fs::exists(dir_ / "one/STREAMVIEW"));
  EXPECT_TRUE(fs::exists(dir_ / "b/two/STREAMVIEW"));
  EXPECT_THAT(db_->Try("SELECT sv_backup(NULL, 'three')"),
              Fails(SQLITE_ERROR, AllOf(HasSubstr("events"), HasSubstr("audit"))));
  db_->Run("DETACH aux1");
  EXPECT_EQ(db_->Integer("SELECT sv_backup(NULL, 'three')"), 0);
}

TEST_F(BackupTest, AnEmptyDirectoryIsUsed) {
  fs::create_directory(dir_ / "empty");
  Append("a", "{}");
  EXPECT_EQ(db_->Integer(kBackup, {"empty"}), 1);
  EXPECT_TRUE(fs::exists(dir_ / "empty/STREAMVIEW"));
}

TEST_F(BackupTest, ItIsRefusedWithinTheLogsOwnDirectory) {
  EXPECT_THAT(db_->Try(kBackup, {"app.db-events/sub"}),
              Fails(SQLITE_ERROR, HasSubstr("within the log's own directory")));
  EXPECT_FALSE(fs::exists(log_dir_ + "/sub"));
}

TEST_F(BackupTest, WhatIsInADirectoryIsNeverTouched) {
  Append("a", R"({"tags":["cat"]})");
  fs::create_directory(dir_ / "full");
  std::ofstream(dir_ / "full/000001.log") << "mine";
  const auto refused = Fails(SQLITE_CANTOPEN, HasSubstr("not empty"));
  EXPECT_THAT(db_->Try(kBackup, {"full"}), refused);
  EXPECT_EQ(fs::file_size(dir_ / "full/000001.log"), 4u);
  EXPECT_EQ(std::distance(fs::directory_iterator(dir_ / "full"), fs::directory_iterator()), 1);

  EXPECT_THAT(db_->Try(kBackup, {"app.db-events"}), refused);
  EXPECT_EQ(db_->Integer(kBackup, {"once"}), 1);
  EXPECT_THAT(db_->Try(kBackup, {"once"}), refused);
  Reopen();
  ExpectSound(*db_);
  EXPECT_THAT(db_->Try(kBackup, {"app.db"}), Fails(SQLITE_CANTOPEN, HasSubstr("app.db")));
  EXPECT_THAT(db_->Try(kBackup, {"no/such"}), Fails(SQLITE_CANTOPEN, HasSubstr("no/such")));
}

// A log directory holds plain files only: with another one in it, it would not open any more.
TEST_F(BackupTest, NothingIsPutIntoTheDirectoryOfALog) {
  Append("a", "{}");
  db_->Run("CREATE VIRTUAL TABLE other USING sv_log");
  const auto refused = Fails(SQLITE_CANTOPEN, HasSubstr("would be within the log directory"));
  for (const char* place : {"app.db-other/b", "app.db-other/derived/b"}) {
    EXPECT_THAT(db_->Try(kBackup, {place}), refused);
    EXPECT_THAT(
        db_->Try(std::string("CREATE VIRTUAL TABLE inner USING sv_log(path = '") + place + "')"),
        refused);
  }
  Reopen();
  db_->Run("INSERT INTO other(value) VALUES (1)");
}

TEST_F(BackupTest, ItIsRefusedInATransactionThatHasWrittenToTheLog) {
  db_->Run("BEGIN");
  Append("a", "{}");
  EXPECT_THAT(db_->Try(kBackup, {"b/1"}), Fails(SQLITE_MISUSE, HasSubstr("COMMIT first")));
  db_->Run("COMMIT; BEGIN; INSERT INTO ordinary VALUES (1)");
  EXPECT_EQ(db_->Integer(kBackup, {"b/1"}), 1);
  db_->Run("COMMIT");
}

// A backup that waits, in a thread of its own, for another connection's transaction.
class WaitingBackupTest : public BackupTest {
 protected:
  WaitingBackupTest() {
    writer_->Run("BEGIN");
    writer_->Append("events", "a", "{}");
  }
  void Start() {
    db_->Run("PRAGMA busy_timeout = 60000");
    thread_ = std::thread([this] {
      outcome_ = db_->Try(kBackup, {"b/1"});
      done_ = true;
    });
    while (!fs::exists(dir_ / "b/1") && !done_) std::this_thread::yield();
    EXPECT_FALSE(done_);
  }

  const std::unique_ptr<Database> writer_ = Connect();
  std::thread thread_;
  std::atomic<bool> done_{false};
  Outcome outcome_;
};

TEST_F(WaitingBackupTest, ItHoldsWhatTheOtherHasCommitted) {
  Start();
  writer_->Run("COMMIT");
  thread_.join();
  ASSERT_THAT(outcome_, Succeeds());
  EXPECT_EQ(ToLine(outcome_.rows.at(0)), "1");
}

TEST_F(WaitingBackupTest, PastTheBusyTimeoutItLeavesNothing) {
  EXPECT_THAT(db_->Try(kBackup, {"b/1"}), Fails(SQLITE_BUSY, HasSubstr("another transaction")));
  EXPECT_FALSE(fs::exists(dir_ / "b/1"));
}

TEST_F(BackupTest, AnInterruptEndsTheCopyThatNobodyIsInTheWayOf) {
  Append("a", "{}");
  sqlite3_progress_handler(
      db_->handle(), 1000, [](void*) { return 1; }, nullptr);
  // A handler is asked now and then only, and one copy takes no time.
  Outcome outcome;
  for (int i = 0; i < 1000 && outcome.code == SQLITE_OK; i++) {
    fs::remove_all(dir_ / "b/1");
    outcome = db_->Try(kBackup, {"b/1"});
  }
  sqlite3_progress_handler(db_->handle(), 0, nullptr, nullptr);
  EXPECT_THAT(outcome, Fails(SQLITE_INTERRUPT, _));
  EXPECT_FALSE(fs::exists(dir_ / "b/1"));
}

TEST_F(WaitingBackupTest, InterruptedItLeavesNothing) {
  Start();
  while (!done_) {
    sqlite3_interrupt(db_->handle());
    std::this_thread::yield();
  }
  thread_.join();
  EXPECT_THAT(outcome_, Fails(SQLITE_INTERRUPT, _));
  EXPECT_FALSE(fs::exists(dir_ / "b/1"));
  writer_->Run("COMMIT");
  EXPECT_EQ(db_->Integer(kBackup, {"b/1"}), 1);
}

TEST_F(BackupTest, ALogInMemoryHasNone) {
  Database memory(":memory:");
  memory.Run("CREATE VIRTUAL TABLE events USING sv_log");
  EXPECT_THAT(memory.Try(kBackup, {dir_ / "b/1"}), Fails(SQLITE_ERROR, HasSubstr("in memory")));
  EXPECT_FALSE(fs::exists(dir_ / "b/1"));
}

TEST_F(BackupTest, ArgumentsAreChecked) {
  const auto no_path = Fails(SQLITE_ERROR, HasSubstr("directory must be the path"));
  for (const SqlValue& value : {kNull, SqlValue(1), SqlValue(""), SqlValue(Blob{"b/1"})}) {
    EXPECT_THAT(db_->Try(kBackup, {value}), no_path) << ToLiteral(value);
  }
  EXPECT_THAT(db_->Try("SELECT sv_backup('nosuch', 'b/1')"), Fails(_, HasSubstr("nosuch")));
  EXPECT_THAT(db_->Try("SELECT sv_backup(7, 'b/1')"), Fails(_, HasSubstr("name of a table")));
  EXPECT_THAT(db_->Try("SELECT sv_backup('events')"), Fails(_, HasSubstr("number of arguments")));
  db_->Run("CREATE VIEW trap AS SELECT sv_backup('events', 'b/1')");
  EXPECT_THAT(db_->Try("SELECT * FROM trap"), Fails(_, HasSubstr("unsafe use")));
  EXPECT_FALSE(fs::exists(dir_ / "b/1"));
}

}  // namespace
}  // namespace streamview::testing
