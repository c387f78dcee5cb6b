// What CREATE, DROP and RENAME do to the log's directory and the engine's views.

#include <filesystem>

#include "tests/ext/testing/fixture.h"

namespace streamview::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::_;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class SchemaChangesTest : public DatabaseTest {
 protected:
  void SetUp() override {
    CreateLogAndView();
    Append("a", R"({"tags":["cat"]})");
  }
  // The engine's id of a view.
  Lines ViewId(const std::string& name) {
    return db_->Query("SELECT value FROM events_config WHERE key = 'view." + name + "'");
  }
};

TEST_F(SchemaChangesTest, DropOfALogWithViewsNamesThemAndChangesNothing) {
  CreateView("other");
  EXPECT_THAT(db_->Try("DROP TABLE events"),
              Fails(SQLITE_CONSTRAINT, AllOf(HasSubstr("drop its views first"),
                                             HasSubstr("view_tags"), HasSubstr("other"))));
  EXPECT_THAT(db_->Query("SELECT key FROM view_tags"), ElementsAre("'cat'"));
}

TEST_F(SchemaChangesTest, DropOfALogWithViewsInATransactionSaysWhyAndKeepsTheTransaction) {
  const auto refused =
      Fails(SQLITE_CONSTRAINT, "cannot drop the log events: drop its views first: view_tags");
  db_->Run("CREATE TABLE plain(x); INSERT INTO plain VALUES (1), (2)");
  Statement plain(*db_, "SELECT x FROM plain");
  ASSERT_TRUE(plain.Step());
  Statement view(*db_, "SELECT key FROM view_tags");
  ASSERT_TRUE(view.Step());
  db_->Run("BEGIN; CREATE TABLE made(x); CREATE TEMP TABLE own(x); INSERT INTO made VALUES (1)");
  Append("b", R"({"tags":["dog"]})");
  for (const std::string sql :
       {"DROP TABLE events", "DROP TABLE main.events", "DROP TABLE IF EXISTS EVENTS"}) {
    EXPECT_THAT(db_->Try(sql), refused);
  }
  db_->Run("SAVEPOINT s; INSERT INTO made VALUES (2)");
  EXPECT_THAT(db_->Try("DROP TABLE events"), refused);
  db_->Run("ROLLBACK TO s; INSERT INTO own VALUES (3)");
  EXPECT_TRUE(plain.Step());
  EXPECT_FALSE(view.Step());
  Append("c", "{}");
  plain.Reset();
  view.Reset();
  db_->Run("COMMIT");
  EXPECT_THAT(db_->Query("SELECT key FROM events"), ElementsAre("'a'", "'b'", "'c'"));
  EXPECT_THAT(db_->Query("SELECT (SELECT count(*) FROM made), (SELECT x FROM own)"),
              ElementsAre("1|3"));
  EXPECT_THAT(db_->Query("SELECT key FROM view_tags"), ElementsAre("'cat'", "'dog'"));
  db_->Run("BEGIN; DROP TABLE view_tags; DROP TABLE events; COMMIT");
  EXPECT_FALSE(fs::exists(log_dir_));
}

TEST_F(SchemaChangesTest, ARefusedDropLeavesTheConnectionsSettings) {
  db_->Run("PRAGMA writable_schema = ON; BEGIN");
  EXPECT_THAT(db_->Try("DROP TABLE events"),
              Fails(SQLITE_CONSTRAINT, HasSubstr("drop its views first")));
  EXPECT_EQ(db_->Integer("PRAGMA writable_schema"), 1);
  // Once it is said, it is not said again.
  EXPECT_THAT(db_->Query("SELECT key FROM events"), ElementsAre("'a'"));
  db_->Run("ROLLBACK; PRAGMA writable_schema = OFF");
}

TEST_F(SchemaChangesTest, RenameOfALogWithViewsNamesThem) {
  EXPECT_THAT(db_->Try("ALTER TABLE events RENAME TO happenings"),
              Fails(SQLITE_CONSTRAINT, HasSubstr("view_tags")));
  EXPECT_THAT(db_->Query("SELECT key FROM view_tags"), ElementsAre("'cat'"));
}

TEST_F(SchemaChangesTest, TheSameDefinitionAgainInOneTransactionIsTheSameIndex) {
  const Lines id = ViewId("view_tags");
  db_->Run("BEGIN; DROP TABLE view_tags");
  CreateView("renamed");
  db_->Run("COMMIT");
  EXPECT_EQ(ViewId("renamed"), id);
  EXPECT_THAT(db_->Query("SELECT name FROM sv_status WHERE kind = 'view'"),
              ElementsAre("'renamed'"));
  EXPECT_THAT(db_->Query("SELECT key FROM renamed"), ElementsAre("'cat'"));
}

TEST_F(SchemaChangesTest, ARedefinitionUndoneByASavepointLeavesTheDrop) {
  db_->Run("BEGIN; DROP TABLE view_tags; SAVEPOINT s");
  CreateView("view_tags");
  db_->Run("ROLLBACK TO s; COMMIT");
  EXPECT_THAT(db_->Try("SELECT * FROM view_tags"), Fails(SQLITE_ERROR, _));
  Reopen();
  CreateView("view_tags");
  EXPECT_THAT(db_->Query("SELECT key FROM view_tags"), ElementsAre("'cat'"));
}

TEST_F(SchemaChangesTest, ADropBeforeFirstUseThatIsRolledBackKeepsTheView) {
  Reopen();
  // The engine opens while the database says that there is no view.
  db_->Run("BEGIN; DROP TABLE view_tags; SELECT * FROM events; ROLLBACK");
  EXPECT_THAT(db_->Query("SELECT key FROM view_tags"), ElementsAre("'cat'"));
}

TEST_F(SchemaChangesTest, ALogMayBeReplacedInOneTransaction) {
  db_->Run("DROP TABLE view_tags; BEGIN; DROP TABLE events");
  CreateLogAndView();
  Append("new", R"({"tags":["dog"]})");
  db_->Run("COMMIT");
  EXPECT_THAT(db_->Query("SELECT key FROM view_tags"), ElementsAre("'dog'"));
  Reopen();
  EXPECT_THAT(db_->Query("SELECT key FROM view_tags"), ElementsAre("'dog'"));
  EXPECT_FALSE(fs::exists(log_dir_));
}

TEST_F(SchemaChangesTest, ADroppedLogGoesWhenTheLastConnectionHasLetGoOfIt) {
  const auto other = Connect();
  EXPECT_THAT(other->Query("SELECT key FROM events"), ElementsAre("'a'"));
  db_->Run("DROP TABLE view_tags; DROP TABLE events");
  CreateLog();
  EXPECT_THAT(other->Query("SELECT key FROM events"), ElementsAre());
  EXPECT_FALSE(fs::exists(log_dir_));
}

TEST_F(SchemaChangesTest, AMissingDirectoryLeavesTheRestOfTheDatabaseUsable) {
  db_->Run("CREATE TABLE ordinary(x); INSERT INTO ordinary VALUES (1)");
  db_->Close();
  fs::rename(log_dir_, dir_ / "elsewhere");
  db_ = Connect();
  for (const char* table : {"events", "view_tags"}) {
    EXPECT_THAT(db_->Try(std::string("SELECT * FROM ") + table),
                Fails(SQLITE_CANTOPEN, HasSubstr(log_dir_)));
  }
  EXPECT_THAT(db_->Query("SELECT x FROM ordinary"), ElementsAre("1"));
  EXPECT_THAT(CheckOrdinaryTables(*db_), ElementsAre("'ok'"));

  fs::rename(dir_ / "elsewhere", log_dir_);
  EXPECT_THAT(db_->Query("SELECT key FROM view_tags"), ElementsAre("'cat'"));
}

TEST_F(SchemaChangesTest, ALogWhoseDirectoryIsMissingCanBeDropped) {
  db_->Close();
  fs::rename(log_dir_, dir_ / "elsewhere");
  db_ = Connect();
  db_->Run("DROP TABLE view_tags; DROP TABLE events");
  CreateLogAndView();
  EXPECT_TRUE(fs::exists(dir_ / "elsewhere"));
}

TEST_F(SchemaChangesTest, NamesThatClashWithColumnsAreRefused) {
  EXPECT_THAT(db_->Try("CREATE VIRTUAL TABLE \"Value\" USING sv_log"),
              Fails(SQLITE_ERROR, HasSubstr("one of its columns")));
  EXPECT_THAT(db_->Try("ALTER TABLE view_tags RENAME TO key"),
              Fails(SQLITE_ERROR, HasSubstr("\"key\" is taken")));
  EXPECT_THAT(db_->Query("SELECT key FROM view_tags"), ElementsAre("'cat'"));
}

TEST_F(SchemaChangesTest, AStatementThatOutlivesItsTransactionKeepsItsRows) {
  db_->Run("BEGIN");
  Append("b", "1");
  Append("c", "2");
  Statement rows(*db_, "SELECT key FROM events");
  ASSERT_TRUE(rows.Step());
  db_->Run("COMMIT");
  ASSERT_TRUE(rows.Step());
  EXPECT_EQ(ToLine(rows.row()), "'b'");
  ASSERT_TRUE(rows.Step());
  EXPECT_EQ(ToLine(rows.row()), "'c'");
  EXPECT_FALSE(rows.Step());
}

}  // namespace
}  // namespace streamview::testing
