// What depends on the version of SQLite that the extension is loaded into, whichever it was
// compiled for (tests/sqlite/run.sh).

#include <cstdlib>
#include <filesystem>

#include "tests/ext/testing/fixture.h"

namespace streamview::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

using SqliteVersionTest = DatabaseTest;

TEST_F(SqliteVersionTest, IsTheOneThatIsToBeTested) {
  const char* const expected = std::getenv("STREAMVIEW_EXPECTED_SQLITE");
  if (expected == nullptr) GTEST_SKIP() << "STREAMVIEW_EXPECTED_SQLITE is not set";
  EXPECT_STREQ(sqlite3_libversion(), expected);
  EXPECT_THAT(db_->Query("SELECT sv_version() ->> '$.sqlite'"),
              ElementsAre("'" + std::string(expected) + "'"));
}

// --- PRAGMA integrity_check

TEST_F(SqliteVersionTest, IntegrityCheckFindsNothingWhereNothingIsWrong) {
  CreateLogAndView();
  for (int i = 0; i < 300; ++i) Append(i % 50, i % 7 == 0 ? kNull : R"({"tags":["cat","x"]})");
  db_->Run("CREATE VIRTUAL TABLE docs USING sv_docs(log = events); BEGIN");
  Append("uncommitted", "{}");
  for (const char* pragma : {"integrity_check", "quick_check", "integrity_check(view_tags)"}) {
    EXPECT_THAT(db_->Query(std::string("PRAGMA ") + pragma), ElementsAre("'ok'"));
  }
}

TEST_F(SqliteVersionTest, IntegrityCheckReportsLogsThatCannotBeOpened) {
  CreateLogAndView();
  db_->Run("CREATE TABLE plain(x)");
  db_->Close();
  std::filesystem::rename(log_dir_, log_dir_ + ".elsewhere");
  db_ = Connect();
  for (const char* pragma : {"integrity_check", "quick_check"}) {
    const Lines lines = db_->Query(std::string("PRAGMA ") + pragma);
    if (ChecksVirtualTables()) {
      EXPECT_THAT(lines,
                  UnorderedElementsAre(AllOf(HasSubstr("main.events: "), HasSubstr(log_dir_)),
                                       AllOf(HasSubstr("main.view_tags: "), HasSubstr(log_dir_))));
    } else {
      EXPECT_THAT(lines, ElementsAre("'ok'"));
    }
  }
}

TEST_F(SqliteVersionTest, IntegrityCheckReportsViewsThatHaveStopped) {
  CreateLog();
  db_->Run(
      "CREATE VIRTUAL TABLE strict USING sv_view(log = events, emit = '$.a', on_error = stop)");
  Append("a", "no JSON");
  EXPECT_THAT(db_->Try("SELECT * FROM strict"), Fails(SQLITE_ERROR, HasSubstr("has stopped")));
  if (!ChecksVirtualTables()) GTEST_SKIP() << "this SQLite does not check virtual tables";
  for (const char* pragma : {"integrity_check", "quick_check"}) {
    EXPECT_THAT(db_->Query(std::string("PRAGMA ") + pragma),
                ElementsAre(AllOf(HasSubstr("main.strict: "), HasSubstr("has stopped"))));
  }
}

}  // namespace
}  // namespace streamview::testing
