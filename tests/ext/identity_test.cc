// Which log belongs to which database, and of what time: what does not fit is told and left alone,
// until it is adopted.

#include <filesystem>

#include "tests/ext/testing/fixture.h"

namespace streamview::testing {
namespace {

using ::testing::_;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

constexpr auto kRecursive = fs::copy_options::recursive | fs::copy_options::overwrite_existing;

class IdentityTest : public DatabaseTest {
 protected:
  IdentityTest() {
    CreateLogAndView();
    db_->Run("CREATE TABLE ordinary(x)");
    CommitToBoth("a");  // entry 1
  }
  void CommitToBoth(const std::string& key) {
    db_->Run("BEGIN; INSERT INTO ordinary VALUES ('" + key + "')");
    Append(key, R"({"tags":["cat"]})");
    db_->Run("COMMIT");
  }
  // Keeps what there is now of the database or the directory, for PutBack.
  void Keep(const fs::path& path) {
    db_->Close();
    fs::copy(path, Kept(path), kRecursive);
    db_ = Connect();
  }
  void PutBack(const fs::path& path) {
    db_->Close();
    fs::remove_all(path);
    fs::rename(Kept(path), path);
    db_ = Connect();
  }
  static fs::path Kept(const fs::path& path) { return path.string() + ".kept"; }

  void ExpectTold(const std::string& message) {
    for (const std::string sql : {"SELECT * FROM events", "SELECT * FROM view_tags",
                                  "INSERT INTO events(value) VALUES (1)"}) {
      EXPECT_THAT(db_->Try(sql), Fails(SQLITE_CANTOPEN, HasSubstr(message))) << sql;
    }
    EXPECT_GE(db_->Integer("SELECT count(*) FROM ordinary"), 1);  // goes on
  }
  void ExpectSound() {
    db_->Run("INSERT INTO events(events) VALUES ('integrity-check')");
    db_->Run("INSERT INTO view_tags(view_tags) VALUES ('integrity-check')");
    CommitToBoth("new");
    Reopen();
    EXPECT_EQ(db_->Integer("SELECT count(*) FROM events WHERE key = 'new'"), 1);
    EXPECT_EQ(db_->Integer("SELECT count(*) FROM view_tags WHERE doc_id = 'new'"), 1);
  }
};

TEST_F(IdentityTest, AnOlderDirectoryIsTold) {
  Keep(log_dir_);
  CommitToBoth("b");
  CommitToBoth("c");
  PutBack(log_dir_);
  ExpectTold("log directory " + log_dir_ +
             ": the log is older than its database: it ends with entry 1, and the database knows "
             "of entry 3");
  EXPECT_EQ(db_->Integer("SELECT sv_adopt('events')"), 1);
  EXPECT_THAT(db_->Query("SELECT key FROM events"), ElementsAre("'a'"));
  ExpectSound();
}

TEST_F(IdentityTest, AnOlderDatabaseIsToldAndTheLogKeepsItsEntries) {
  Keep(path_);
  CommitToBoth("b");
  CommitToBoth("c");
  Append("d", "{}");
  PutBack(path_);
  ExpectTold(
      "the database is older than its log: of what was written to both, the log has "
      "transactions up to entry 3, and the database up to entry 1");
  EXPECT_EQ(db_->Integer("SELECT sv_adopt('events')"), 4);
  EXPECT_THAT(db_->Query("SELECT key FROM events"), ElementsAre("'a'", "'b'", "'c'", "'d'"));
  ExpectSound();
}

// Its only transaction of both kinds is the log's last one.
TEST_F(IdentityTest, ANewDatabaseAdoptsTheLogOfALostOneWhole) {
  db_->Close();
  fs::rename(log_dir_, Kept(log_dir_));
  fs::remove(path_);
  db_ = Connect();
  CreateLogAndView();
  db_->Run("CREATE TABLE ordinary(x); INSERT INTO ordinary VALUES (1)");
  db_->Close();
  fs::remove_all(log_dir_);
  fs::rename(Kept(log_dir_), log_dir_);
  db_ = Connect();
  ExpectTold("and the database expects log");
  EXPECT_EQ(db_->Integer("SELECT sv_adopt('events')"), 1);
  EXPECT_THAT(db_->Query("SELECT key FROM view_tags"), ElementsAre("'cat'"));
  ExpectSound();
}

TEST_F(IdentityTest, ADatabaseThatIsPutBackWithItsLogIsWhole) {
  Keep(path_);
  Keep(log_dir_);
  CommitToBoth("b");
  PutBack(path_);
  PutBack(log_dir_);
  EXPECT_THAT(db_->Query("SELECT key FROM events"), ElementsAre("'a'"));
  ExpectSound();
}

TEST_F(IdentityTest, AnotherDatabasesLogIsToldAndMayBeAdopted) {
  const std::string other = dir_ / "other.db";
  {
    Database db(other);
    db.Run("CREATE VIRTUAL TABLE events USING sv_log");
    db.Append("events", "x", "1");
    db.Append("events", "y", R"({"tags":["dog"]})");
  }
  db_->Close();
  fs::rename(log_dir_, Kept(log_dir_));
  fs::rename(other + "-events", log_dir_);
  db_ = Connect();
  ExpectTold("and the database expects log");
  EXPECT_THAT(db_->Try("BEGIN; SELECT sv_adopt('events')"),
              Fails(SQLITE_MISUSE, HasSubstr("within a transaction")));
  db_->Run("ROLLBACK");
  EXPECT_EQ(db_->Integer("SELECT sv_adopt('events')"), 2);
  EXPECT_THAT(db_->Query("SELECT key FROM events"), ElementsAre("'x'", "'y'"));
  EXPECT_THAT(db_->Query("SELECT key FROM view_tags"), ElementsAre("'dog'"));
  ExpectSound();
}

TEST_F(IdentityTest, ACopyOfTheDatabaseMayTakeTheLogOver) {
  const std::string directory = dir_ / "elsewhere";
  db_->Run("CREATE VIRTUAL TABLE far USING sv_log(path = '" + directory +
           "'); INSERT INTO far(value) VALUES (1)");
  Keep(path_);
  db_->Close();
  Database copy(Kept(path_));
  EXPECT_THAT(copy.Try("SELECT * FROM far"),
              Fails(SQLITE_CANTOPEN, AllOf(HasSubstr(path_), HasSubstr("sv_adopt"))));
  EXPECT_EQ(copy.Integer("SELECT sv_adopt('far')"), 1);
  EXPECT_EQ(copy.Integer("SELECT count(*) FROM far"), 1);
  copy.Close();
  db_ = Connect();
  EXPECT_THAT(db_->Try("SELECT * FROM far"), Fails(SQLITE_CANTOPEN, HasSubstr("is a copy of it")));
}

TEST_F(IdentityTest, ThereMustBeALogToAdopt) {
  EXPECT_EQ(db_->Integer("SELECT sv_adopt('events')"), 1);  // it fits: nothing to do
  db_->Close();
  fs::rename(log_dir_, Kept(log_dir_));
  db_ = Connect();
  EXPECT_THAT(db_->Try("SELECT sv_adopt('events')"),
              Fails(SQLITE_CANTOPEN, HasSubstr("directory is missing: " + log_dir_)));
  EXPECT_FALSE(fs::exists(log_dir_));
  fs::rename(Kept(log_dir_), log_dir_);
  EXPECT_THAT(db_->Query("SELECT key FROM events"), ElementsAre("'a'"));
}

TEST_F(IdentityTest, ALogThatIsInUseCannotBeAdopted) {
  const std::string other = dir_ / "other.db";
  Database owner(other);
  owner.Run("CREATE VIRTUAL TABLE events USING sv_log; INSERT INTO events(value) VALUES (1)");
  db_->Close();
  fs::remove_all(log_dir_);
  fs::create_directory_symlink(other + "-events", log_dir_);
  db_ = Connect();
  EXPECT_THAT(db_->Try("SELECT sv_adopt('events')"), Fails(SQLITE_CANTOPEN, HasSubstr(other)));
  EXPECT_EQ(owner.Integer("SELECT count(*) FROM events"), 1);
}

}  // namespace
}  // namespace streamview::testing
