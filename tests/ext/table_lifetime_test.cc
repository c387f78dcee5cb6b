// CREATE, DROP and RENAME of logs and views, committed and rolled back, and reopening.

#include <filesystem>

#include "tests/ext/testing/fixture.h"

namespace streamview::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::_;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class TableLifetimeTest : public DatabaseTest {
 protected:
  int64_t AppendCat(const SqlValue& key) { return Append(key, R"({"tags":["cat"]})"); }
  Lines Cats() { return db_->Query("SELECT doc_id FROM view_tags WHERE key = 'cat'"); }
};

TEST_F(TableLifetimeTest, ACreateThatIsRolledBackLeavesNothingBehind) {
  db_->Run("BEGIN");
  CreateLogAndView();
  AppendCat("a");
  EXPECT_THAT(Cats(), ElementsAre("'a'"));
  db_->Run("ROLLBACK");
  EXPECT_THAT(db_->Try("SELECT * FROM events"), Fails(SQLITE_ERROR, HasSubstr("no such table")));
  Reopen();
  EXPECT_FALSE(fs::exists(log_dir_));
  CreateLogAndView();
  EXPECT_THAT(db_->Query("SELECT * FROM events"), IsEmpty());
  EXPECT_EQ(AppendCat("b"), 1);
  EXPECT_THAT(Cats(), ElementsAre("'b'"));
}

TEST_F(TableLifetimeTest, ALogMayBeCreatedAgainRightAfterTheRollback) {
  db_->Run("BEGIN");
  CreateLog();
  AppendCat("a");
  db_->Run("ROLLBACK");
  CreateLogAndView();
  EXPECT_EQ(AppendCat("b"), 1);
  EXPECT_THAT(Cats(), ElementsAre("'b'"));
}

TEST_F(TableLifetimeTest, AViewMayBeCreatedAgainRightAfterTheRollback) {
  CreateLog();
  AppendCat("a");
  db_->Run("BEGIN");
  CreateView("view_tags");
  EXPECT_THAT(Cats(), ElementsAre("'a'"));
  db_->Run("ROLLBACK");
  EXPECT_THAT(db_->Query("SELECT name FROM sv_status WHERE kind = 'view'"), IsEmpty());
  CreateView("view_tags", "SELECT 'cat' AS key, 2 AS value FROM events");
  EXPECT_THAT(db_->Query("SELECT value FROM view_tags"), ElementsAre("2"));
  EXPECT_THAT(db_->Query("SELECT name FROM sv_status WHERE kind = 'view'"),
              ElementsAre("'view_tags'"));
}

TEST_F(TableLifetimeTest, ACreateUnderASavepointIsUndoneWithIt) {
  db_->Run("BEGIN; SAVEPOINT s");
  CreateLog();
  AppendCat("a");
  db_->Run("ROLLBACK TO s");
  EXPECT_THAT(db_->Try("SELECT * FROM events"), Fails(SQLITE_ERROR, HasSubstr("no such table")));
  CreateLogAndView();
  EXPECT_EQ(AppendCat("b"), 1);
  db_->Run("COMMIT");
  EXPECT_THAT(Cats(), ElementsAre("'b'"));
}

TEST_F(TableLifetimeTest, LogAndViewAndRowsMayComeInOneTransaction) {
  db_->Run("BEGIN");
  CreateLog();
  AppendCat("a");
  CreateView("view_tags");
  AppendCat("b");
  EXPECT_THAT(Cats(), ElementsAre("'a'", "'b'"));
  db_->Run("COMMIT");
  EXPECT_THAT(Cats(), ElementsAre("'a'", "'b'"));
  Reopen();
  EXPECT_THAT(Cats(), ElementsAre("'a'", "'b'"));
}

TEST_F(TableLifetimeTest, ADropOfAViewThatIsRolledBackKeepsIt) {
  CreateLogAndView();
  AppendCat("a");
  db_->Run("BEGIN; DROP TABLE view_tags; ROLLBACK");
  EXPECT_THAT(Cats(), ElementsAre("'a'"));
  AppendCat("b");
  EXPECT_THAT(Cats(), ElementsAre("'a'", "'b'"));
  Reopen();
  EXPECT_THAT(Cats(), ElementsAre("'a'", "'b'"));
}

TEST_F(TableLifetimeTest, ADropOfALogThatIsRolledBackKeepsIt) {
  CreateLogAndView();
  AppendCat("a");
  db_->Run("BEGIN; DROP TABLE view_tags; DROP TABLE events; ROLLBACK");
  EXPECT_EQ(AppendCat("b"), 2);
  EXPECT_THAT(Cats(), ElementsAre("'a'", "'b'"));
  Reopen();
  EXPECT_THAT(Cats(), ElementsAre("'a'", "'b'"));
}

TEST_F(TableLifetimeTest, AppendsAndDropRolledBackTogetherKeepWhatWasBefore) {
  CreateLogAndView();
  AppendCat("a");
  db_->Run("BEGIN");
  AppendCat("b");
  db_->Run("DROP TABLE view_tags; DROP TABLE events; ROLLBACK");
  EXPECT_THAT(db_->Query("SELECT seq, key FROM events"), ElementsAre("1|'a'"));
  EXPECT_EQ(AppendCat("c"), 2);
  EXPECT_THAT(Cats(), ElementsAre("'a'", "'c'"));
}

TEST_F(TableLifetimeTest, AppendsAndDropCommittedTogetherLeaveNothing) {
  CreateLogAndView();
  db_->Run("BEGIN");
  AppendCat("a");
  db_->Run("DROP TABLE view_tags; DROP TABLE events; COMMIT");
  CreateLogAndView();
  EXPECT_EQ(AppendCat("b"), 1);
  EXPECT_THAT(Cats(), ElementsAre("'b'"));
}

TEST_F(TableLifetimeTest, AViewMayBeDroppedAndRedefined) {
  CreateLogAndView();
  AppendCat("a");
  EXPECT_THAT(Cats(), ElementsAre("'a'"));
  db_->Run("DROP TABLE view_tags");
  EXPECT_THAT(db_->Try("SELECT * FROM view_tags"), Fails(SQLITE_ERROR, _));
  CreateView("view_tags", "SELECT upper(key) AS key FROM events");
  EXPECT_THAT(db_->Query("SELECT key FROM view_tags"), ElementsAre("'A'"));
}

TEST_F(TableLifetimeTest, AViewMayBeRedefinedInOneTransaction) {
  CreateLogAndView();
  AppendCat("a");
  db_->Run("BEGIN; DROP TABLE view_tags");
  CreateView("view_tags", "SELECT upper(key) AS key FROM events");
  EXPECT_THAT(db_->Query("SELECT key FROM view_tags"), ElementsAre("'A'"));
  db_->Run("COMMIT");
  EXPECT_THAT(db_->Query("SELECT key FROM view_tags"), ElementsAre("'A'"));
  Reopen();
  EXPECT_THAT(db_->Query("SELECT key FROM view_tags"), ElementsAre("'A'"));
}

TEST_F(TableLifetimeTest, ARedefinitionThatIsRolledBackKeepsTheOldOne) {
  CreateLogAndView();
  AppendCat("a");
  db_->Run("BEGIN; DROP TABLE view_tags");
  CreateView("view_tags", "SELECT upper(key) AS key FROM events");
  db_->Run("ROLLBACK");
  EXPECT_THAT(Cats(), ElementsAre("'a'"));
  Reopen();
  EXPECT_THAT(Cats(), ElementsAre("'a'"));
}

TEST_F(TableLifetimeTest, ALogMayBeDroppedAndMadeAnew) {
  CreateLogAndView();
  AppendCat("a");
  db_->Run("DROP TABLE view_tags; DROP TABLE events");
  CreateLogAndView();
  EXPECT_THAT(db_->Query("SELECT * FROM events"), IsEmpty());
  EXPECT_EQ(AppendCat("b"), 1);
  EXPECT_THAT(Cats(), ElementsAre("'b'"));
  Reopen();
  EXPECT_THAT(Cats(), ElementsAre("'b'"));
}

TEST_F(TableLifetimeTest, ADroppedLogLeavesNoDirectory) {
  CreateLogAndView();
  AppendCat("a");
  db_->Run("DROP TABLE view_tags; DROP TABLE events");
  Reopen();
  EXPECT_FALSE(fs::exists(log_dir_));
}

TEST_F(TableLifetimeTest, ADroppedViewIsGoneFromStatus) {
  CreateLogAndView();
  db_->Run("DROP TABLE view_tags");
  EXPECT_THAT(db_->Query("SELECT name FROM sv_status"), ElementsAre("'events'"));
}

TEST_F(TableLifetimeTest, ARenamedLogKeepsItsEntries) {
  CreateLog();
  AppendCat("a");
  db_->Run("ALTER TABLE events RENAME TO history");
  EXPECT_THAT(db_->Query("SELECT seq, key FROM history"), ElementsAre("1|'a'"));
  EXPECT_EQ(db_->Append("history", "b", "{}"), 2);
  Reopen();
  EXPECT_THAT(db_->Query("SELECT seq, key FROM history"), ElementsAre("1|'a'", "2|'b'"));
}

TEST_F(TableLifetimeTest, ARenamedViewKeepsItsRows) {
  CreateLogAndView();
  AppendCat("a");
  db_->Run("ALTER TABLE view_tags RENAME TO labels");
  AppendCat("b");
  EXPECT_THAT(db_->Query("SELECT doc_id FROM labels WHERE key = 'cat'"), ElementsAre("'a'", "'b'"));
  EXPECT_EQ(db_->Integer("SELECT sv_wait(2, 'labels')"), 2);
  Reopen();
  EXPECT_THAT(db_->Query("SELECT doc_id FROM labels WHERE key = 'cat'"), ElementsAre("'a'", "'b'"));
}

TEST_F(TableLifetimeTest, ARenameThatIsRolledBackKeepsTheName) {
  CreateLogAndView();
  AppendCat("a");
  db_->Run("BEGIN; ALTER TABLE view_tags RENAME TO labels; ROLLBACK");
  EXPECT_THAT(Cats(), ElementsAre("'a'"));
  EXPECT_EQ(db_->Integer("SELECT sv_wait(1, 'view_tags')"), 1);
}

TEST_F(TableLifetimeTest, TheNameOfARenamedViewIsFree) {
  CreateLogAndView();
  AppendCat("a");
  db_->Run("ALTER TABLE view_tags RENAME TO labels");
  CreateView("view_tags", "SELECT 'cat' AS key, 2 AS value FROM events");
  EXPECT_THAT(db_->Query("SELECT value FROM view_tags"), ElementsAre("2"));
  EXPECT_THAT(db_->Query("SELECT doc_id FROM labels WHERE key = 'cat'"), ElementsAre("'a'"));
}

TEST_F(TableLifetimeTest, EverythingIsThereAfterReopening) {
  CreateLogAndView();
  for (int i = 0; i < 100; ++i) AppendCat(i % 10);
  Append(3, kNull);
  const Lines log = db_->Query("SELECT * FROM events");
  const Lines view = db_->Query("SELECT * FROM view_tags");
  for (int i = 0; i < 3; ++i) {
    Reopen();
    EXPECT_EQ(db_->Query("SELECT * FROM events"), log);
    EXPECT_EQ(db_->Query("SELECT * FROM view_tags"), view);
  }
  EXPECT_EQ(AppendCat("next"), 102);
  EXPECT_EQ(Cats().size(), 10u);
}

TEST_F(TableLifetimeTest, DocumentsStillSupersedeEachOtherAfterReopening) {
  CreateLogAndView();
  AppendCat("a");
  AppendCat("b");
  Reopen();
  Append("a", kNull);
  Append("b", R"({"tags":["dog"]})");
  EXPECT_THAT(db_->Query("SELECT key, doc_id FROM view_tags"), ElementsAre("'dog'|'b'"));
}

TEST_F(TableLifetimeTest, AViewMadeWhileAnotherConnectionWorksIsSeenByIt) {
  CreateLog();
  const auto other = Connect();
  other->Append("events", "a", R"({"tags":["cat"]})");
  CreateView("view_tags");
  EXPECT_THAT(other->Query("SELECT doc_id FROM view_tags"), ElementsAre("'a'"));
}

TEST_F(TableLifetimeTest, AViewDroppedByAnotherConnectionIsGone) {
  CreateLogAndView();
  AppendCat("a");
  EXPECT_THAT(Cats(), ElementsAre("'a'"));
  Connect()->Run("DROP TABLE view_tags");
  EXPECT_THAT(db_->Try("SELECT * FROM view_tags"), Fails(SQLITE_ERROR, HasSubstr("no such table")));
  EXPECT_EQ(AppendCat("b"), 2);
}

TEST_F(TableLifetimeTest, TwoConnectionsMayMakeAndDropViewsInTurn) {
  CreateLog();
  const auto other = Connect();
  other->Run("SELECT sv_consistency('latest')");
  for (int i = 0; i < 10; ++i) {
    AppendCat(i);
    CreateView("view_tags");
    EXPECT_EQ(other->Integer("SELECT count(*) FROM view_tags"), i + 1);
    other->Run("INSERT INTO view_tags(view_tags) VALUES ('rebuild')");
    other->Run("DROP TABLE view_tags");
  }
}

TEST_F(TableLifetimeTest, AReaderOfAnOldSnapshotDoesNotLoseNewerViews) {
  db_->Run("PRAGMA journal_mode = WAL");
  CreateLog();
  Append("a", R"({"tags":["cat"]})");
  const auto reader = Connect();
  reader->Run("BEGIN; SELECT count(*) FROM sqlite_schema");
  CreateView("late", "SELECT key AS key FROM events");
  db_.reset();  // the engine closes, and the reader opens it anew
  EXPECT_EQ(reader->Integer("SELECT count(*) FROM events"), 1);
  reader->Run("COMMIT");
  EXPECT_THAT(reader->Query("SELECT doc_id FROM late"), ElementsAre("'a'"));
}

TEST_F(TableLifetimeTest, AViewIsDroppedByAConnectionThatHasNotUsedItsLog) {
  CreateLog();
  CreateView("v", "SELECT key AS key FROM events");
  Append("a", "1");
  const auto other = Connect();
  other->Run("DROP TABLE v");
  other->Run(
      "CREATE VIRTUAL TABLE v USING sv_view(log = events, "
      "map = (SELECT value AS key FROM events))");
  EXPECT_THAT(db_->Query("SELECT key FROM v"), ElementsAre("'1'"));
  EXPECT_THAT(db_->Query("SELECT count(*) FROM sv_status WHERE kind = 'view'"), ElementsAre("1"));
}

}  // namespace
}  // namespace streamview::testing
