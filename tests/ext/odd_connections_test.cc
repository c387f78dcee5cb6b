// Connections as SQLite allows them and few people use them: read-only in several ways, one file
// attached twice, a shared cache, low limits, a defensive one, and a schema that is edited while it
// is in use.

#include <filesystem>

#include "tests/ext/testing/fixture.h"

namespace streamview::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::_;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class OddConnectionsTest : public DatabaseTest {
 protected:
  OddConnectionsTest() {
    CreateLogAndView();
    Append("a", R"({"tags":["cat"]})");
  }
  void ExpectSound() {
    db_->Run("INSERT INTO events(events) VALUES ('integrity-check')");
    db_->Run("INSERT INTO view_tags(view_tags) VALUES ('integrity-check')");
  }
};

TEST_F(OddConnectionsTest, AConnectionForQueriesOnlyWritesNothing) {
  db_->Run("PRAGMA query_only = ON");
  for (const std::string sql :
       {"INSERT INTO events(value) VALUES (1)", "SELECT sv_append('events', 1, 1)",
        "INSERT INTO view_tags(view_tags) VALUES ('rebuild')", "DROP TABLE view_tags",
        "CREATE VIRTUAL TABLE other USING sv_log"}) {
    EXPECT_THAT(db_->Try(sql), Fails(SQLITE_READONLY, HasSubstr("readonly"))) << sql;
  }
  EXPECT_FALSE(fs::exists(dir_ / "app.db-other"));
  EXPECT_THAT(db_->Query("SELECT doc_id FROM view_tags"), ElementsAre("'a'"));
}

TEST_F(OddConnectionsTest, OneFileAttachedTwiceHasOneLog) {
  db_->Run("ATTACH '" + path_ + "' AS again");
  db_->Run("INSERT INTO again.events(key, value) VALUES ('b', '{\"tags\":[\"cat\"]}')");
  EXPECT_THAT(db_->Query("SELECT doc_id FROM view_tags"), ElementsAre("'a'", "'b'"));
  EXPECT_THAT(db_->Query("SELECT doc_id FROM again.view_tags"), ElementsAre("'a'", "'b'"));
  db_->Run("BEGIN; INSERT INTO events(value) VALUES (1)");
  EXPECT_THAT(db_->Try("INSERT INTO again.events(value) VALUES (2)"), Fails(SQLITE_BUSY, _));
  db_->Run("ROLLBACK; DETACH again");
  EXPECT_EQ(db_->Integer("SELECT sv_head()"), 2);
  ExpectSound();
}

TEST_F(OddConnectionsTest, ConnectionsMayShareACache) {
  sqlite3_enable_shared_cache(1);
  {
    const auto one = Connect(), two = Connect();
    sqlite3_enable_shared_cache(0);
    one->Append("events", "b", R"({"tags":["dog"]})");
    two->Run("SELECT sv_consistency('latest')");
    EXPECT_THAT(two->Query("SELECT key FROM view_tags"), ElementsAre("'cat'", "'dog'"));
    one->Run("DROP TABLE view_tags");
    EXPECT_THAT(two->Try("SELECT * FROM view_tags"),
                Fails(SQLITE_ERROR, HasSubstr("no such table")));
    two->Run("CREATE VIRTUAL TABLE view_tags USING sv_view(log = events, emit = '$.tags[*]')");
    EXPECT_EQ(one->Integer("SELECT count(*) FROM view_tags"), 2);
  }
  ExpectSound();
}

TEST_F(OddConnectionsTest, LowLimitsAreErrorsAndNothingIsLost) {
  for (int category = 0; category <= SQLITE_LIMIT_WORKER_THREADS; category++) {
    SCOPED_TRACE(category);
    const auto limited = Connect();
    sqlite3_limit(limited->handle(), category, 3);
    for (const std::string sql :
         {"SELECT * FROM view_tags", "SELECT * FROM sv_status", "SELECT sv_wait(1)",
          "BEGIN; DROP TABLE view_tags", "CREATE VIRTUAL TABLE other USING sv_log", "ROLLBACK"}) {
      limited->Try(sql);
    }
  }
  EXPECT_THAT(db_->Query("SELECT doc_id FROM view_tags"), ElementsAre("'a'"));
  EXPECT_FALSE(fs::exists(dir_ / "app.db-other"));
  ExpectSound();
}

TEST_F(OddConnectionsTest, ADefensiveConnectionWorksAndKeepsTheConfiguration) {
  sqlite3_db_config(db_->handle(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  EXPECT_THAT(db_->Try("UPDATE events_config SET value = 'x'"), Fails(SQLITE_ERROR, _));
  db_->Run("CREATE TABLE plain(a); BEGIN; INSERT INTO plain VALUES (1)");
  Append("b", "{}");
  db_->Run("COMMIT; DROP TABLE view_tags; ALTER TABLE events RENAME TO log");
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM log"), 2);
  db_->Run("DROP TABLE log");
  EXPECT_FALSE(fs::exists(log_dir_));
}

TEST_F(OddConnectionsTest, ASchemaThatIsEditedInUseIsFollowed) {
  const auto other = Connect();
  EXPECT_EQ(other->Integer("SELECT count(*) FROM view_tags"), 1);
  db_->Run(
      "PRAGMA writable_schema = ON;"
      "UPDATE sqlite_schema SET sql = 'CREATE VIRTUAL TABLE view_tags USING sv_view(log = "
      "view_tags, emit = ''$'')' WHERE name = 'view_tags'; PRAGMA schema_version = 1000");
  for (Database* db : {db_.get(), other.get()}) {
    EXPECT_THAT(db->Try("SELECT * FROM view_tags"),
                Fails(_, HasSubstr("no such log: main.view_tags")));
  }
  db_->Run("DELETE FROM sqlite_schema WHERE name = 'events_config'; PRAGMA schema_version = 1001");
  for (Database* db : {db_.get(), other.get()}) {
    EXPECT_THAT(db->Try("SELECT * FROM events"),
                Fails(SQLITE_CANTOPEN, HasSubstr("the table events_config")));
    EXPECT_THAT(db->Query("SELECT name, state FROM sv_status"), ElementsAre("'events'|'failed'"));
  }
  db_->Run("DROP TABLE events");
  EXPECT_TRUE(fs::exists(log_dir_));  // nothing says any more that it is this database's
}

TEST_F(OddConnectionsTest, AFileThatIsSaidNotToChangeIsRead) {
  db_->Close();
  sqlite3* handle = nullptr;
  const std::string uri = "file:" + path_ + "?immutable=1";
  ASSERT_EQ(sqlite3_open_v2(uri.c_str(), &handle, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, nullptr),
            SQLITE_OK);
  sqlite3_enable_load_extension(handle, 1);
  ASSERT_EQ(sqlite3_load_extension(handle, STREAMVIEW_SO, nullptr, nullptr), SQLITE_OK);
  const auto run = [handle](const char* sql) {
    return sqlite3_exec(handle, sql, nullptr, nullptr, nullptr);
  };
  EXPECT_EQ(run("SELECT * FROM view_tags"), SQLITE_OK);
  EXPECT_EQ(run("INSERT INTO events(value) VALUES (1)"), SQLITE_READONLY);
  EXPECT_EQ(run("SELECT sv_append('events', 1, 1)"), SQLITE_READONLY);
  EXPECT_EQ(run("DROP TABLE view_tags"), SQLITE_READONLY);
  EXPECT_EQ(sqlite3_close(handle), SQLITE_OK);
  db_ = Connect();
  EXPECT_EQ(db_->Integer("SELECT sv_head()"), 1);
}

}  // namespace
}  // namespace streamview::testing
