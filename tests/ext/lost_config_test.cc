// A log whose shadow table is dropped or emptied: its directory has the entries, the id and the
// views, and sv_adopt makes the table anew from that.

#include <filesystem>

#include "tests/ext/testing/fixture.h"

namespace streamview::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kLost[] =
    "the table events_config, which says where the log events is, is lost, or its rows are: "
    "SELECT sv_adopt('events') makes it anew from the log's directory";

class LostConfigTest : public DatabaseTest {
 protected:
  void Make(const std::string& options = "") {
    db_->Run("CREATE VIRTUAL TABLE events USING sv_log" + options +
             "; CREATE VIRTUAL TABLE docs USING sv_docs(log = events); CREATE TABLE plain(x)");
    CreateView("view_tags");
    db_->Run("CREATE VIRTUAL TABLE other USING sv_view(log = main.events, emit = '$.tags[*]')");
    Both("a");
  }
  // A transaction that writes to the log and to the database.
  void Both(const std::string& key) {
    db_->Run("BEGIN; INSERT INTO plain VALUES (1)");
    Append(key, R"({"tags":["cat"]})");
    db_->Run("COMMIT");
  }
  void ExpectLost() {
    for (const std::string sql :
         {"SELECT * FROM events", "SELECT * FROM view_tags", "SELECT * FROM docs",
          "INSERT INTO events(value) VALUES (1)", "SELECT sv_head('events')"}) {
      EXPECT_THAT(db_->Try(sql), Fails(SQLITE_CANTOPEN, HasSubstr(kLost))) << sql;
    }
    EXPECT_THAT(db_->Query("SELECT name, state, last_error FROM sv_status WHERE kind = 'log'"),
                ElementsAre(AllOf(HasSubstr("'events'|'failed'"), HasSubstr("sv_adopt"))));
    EXPECT_GE(db_->Integer("SELECT count(*) FROM plain"), 1);
  }
  void ExpectWhole(int64_t entries) {
    EXPECT_EQ(db_->Integer("SELECT count(*) FROM events"), entries);
    EXPECT_EQ(db_->Integer("SELECT count(*) FROM view_tags"), entries);
    EXPECT_EQ(db_->Integer("SELECT count(*) FROM other WHERE key = 'cat'"), entries);
    EXPECT_EQ(db_->Integer("SELECT count(*) FROM docs"), entries);
    for (const std::string table : {"events", "view_tags", "other"}) {
      db_->Run("INSERT INTO " + table + "(" + table + ") VALUES ('integrity-check')");
    }
    EXPECT_THAT(db_->Query("SELECT name FROM sv_status"),
                ElementsAre("'events'", "'other'", "'view_tags'"));
  }
};

class LostConfigKindsTest : public LostConfigTest,
                            public ::testing::WithParamInterface<const char*> {};

TEST_P(LostConfigKindsTest, IsMadeAnewByAdopting) {
  Make();
  const Lines ids = db_->Query("SELECT key, value FROM events_config WHERE key <> 'token'");
  for (int64_t round = 1; round <= 2; ++round) {
    db_->Run(GetParam());
    Reopen();
    ExpectLost();
    EXPECT_EQ(db_->Integer("SELECT sv_adopt('events')"), round);
    EXPECT_EQ(db_->Query("SELECT key, value FROM events_config WHERE key <> 'token'"), ids);
    ExpectWhole(round);
    Both("again " + std::to_string(round));
    Reopen();
    ExpectWhole(round + 1);
  }
  db_->Run("DROP TABLE view_tags; DROP TABLE other; DROP TABLE docs; DROP TABLE events");
  EXPECT_FALSE(fs::exists(log_dir_));
}

INSTANTIATE_TEST_SUITE_P(Kinds, LostConfigKindsTest,
                         ::testing::Values("DROP TABLE events_config", "DELETE FROM events_config",
                                           "DELETE FROM events_config WHERE key = 'log_id'"));

TEST_F(LostConfigTest, ItCanBeAdoptedByTheConnectionThatLostIt) {
  Make();
  db_->Run("DROP TABLE events_config");
  EXPECT_EQ(db_->Integer("SELECT sv_adopt('events')"), 1);
  ExpectWhole(1);
  Both("b");
  Reopen();
  ExpectWhole(2);
}

TEST_F(LostConfigTest, OptionsAreThoseOfTheStatement) {
  Make("(path = 'elsewhere', sync = off)");
  db_->Run("DROP TABLE events_config");
  Reopen();
  EXPECT_EQ(db_->Integer("SELECT sv_adopt('events')"), 1);
  EXPECT_THAT(
      db_->Query("SELECT key, value FROM events_config WHERE key IN ('path', 'sync', 'suffix')"),
      ElementsAre("'path'|'elsewhere'", "'sync'|'off'"));
  ExpectWhole(1);
}

TEST_F(LostConfigTest, ARenamedLogIsFoundUnderItsOldName) {
  CreateLog();
  Append("a", "{}");
  db_->Run(
      "ALTER TABLE events RENAME TO history; CREATE VIRTUAL TABLE second USING sv_log;"
      "DROP TABLE history_config");
  Reopen();
  EXPECT_THAT(db_->Try("ALTER TABLE history RENAME TO h"),
              Fails(SQLITE_CANTOPEN, HasSubstr("the table history_config is lost")));
  EXPECT_EQ(db_->Integer("SELECT sv_adopt('history')"), 1);
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM history"), 1);
}

TEST_F(LostConfigTest, WhereItMayBeOneOfSeveralNothingIsGuessed) {
  CreateLog();
  Append("a", "{}");
  db_->Run(
      "SELECT sv_backup('events', 'app.db-copy'); ALTER TABLE events RENAME TO history;"
      "DROP TABLE history_config");
  Reopen();
  EXPECT_THAT(db_->Try("SELECT sv_adopt('history')"),
              Fails(SQLITE_CANTOPEN,
                    HasSubstr("it may be " + path_ + "-copy " + path_ + "-events; move all")));
  fs::rename(path_ + "-copy", dir_ / "copy");
  EXPECT_EQ(db_->Integer("SELECT sv_adopt('history')"), 1);
}

TEST_F(LostConfigTest, WithoutItsDirectoryItSaysSo) {
  Make();
  db_->Run("DROP TABLE events_config");
  db_->Close();
  fs::rename(log_dir_, dir_ / "away");
  db_ = Connect();
  EXPECT_THAT(db_->Try("SELECT sv_adopt('events')"),
              Fails(SQLITE_CANTOPEN, HasSubstr("there is none beside " + path_)));
  db_->Run("DROP TABLE view_tags; DROP TABLE other; DROP TABLE docs; DROP TABLE events");
}

TEST_F(LostConfigTest, ALogThatAnotherConnectionHasOpenIsNotTakenOver) {
  Make();
  const auto other = Connect();
  EXPECT_EQ(other->Integer("SELECT count(*) FROM events"), 1);
  db_->Run("DROP TABLE events_config");
  EXPECT_THAT(db_->Try("SELECT sv_adopt('events')"),
              Fails(SQLITE_BUSY, HasSubstr("is open in this process")));
  other->Close();
  EXPECT_EQ(db_->Integer("SELECT sv_adopt('events')"), 1);
  ExpectWhole(1);
}

TEST_F(LostConfigTest, SomethingElseOfThatNameIsLeftAlone) {
  Make();
  db_->Run("DROP TABLE events_config; CREATE TABLE events_config(mine)");
  Reopen();
  EXPECT_THAT(db_->Try("SELECT * FROM events"),
              Fails(SQLITE_CANTOPEN, HasSubstr("is another one: rename or drop that one")));
  EXPECT_THAT(db_->Try("SELECT sv_adopt('events')"),
              Fails(SQLITE_ERROR, HasSubstr("already exists")));
  db_->Run("DROP TABLE events_config");
  EXPECT_EQ(db_->Integer("SELECT sv_adopt('events')"), 1);
}

TEST_F(LostConfigTest, AViewThatTheDirectoryDoesNotKnowIsBuiltAnew) {
  Make();
  db_->Run("DROP TABLE events_config");
  // As where a process died between the commit of a RENAME and its end.
  db_->Run(
      "PRAGMA writable_schema = ON;"
      "UPDATE sqlite_schema SET name = 'labels', tbl_name = 'labels', sql = replace(sql, "
      "'TABLE view_tags', 'TABLE labels') WHERE name = 'view_tags'");
  Reopen();
  EXPECT_EQ(db_->Integer("SELECT sv_adopt('events')"), 1);
  EXPECT_THAT(db_->Query("SELECT key, doc_id FROM labels"), ElementsAre("'cat'|'a'"));
  Reopen();
  EXPECT_THAT(db_->Query("SELECT key, doc_id FROM labels"), ElementsAre("'cat'|'a'"));
}

}  // namespace
}  // namespace streamview::testing
