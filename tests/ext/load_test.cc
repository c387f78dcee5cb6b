// Loading the extension, and letting go of it.

#include <filesystem>

#include "tests/ext/testing/fixture.h"

namespace streamview::testing {
namespace {

using ::testing::_;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using LoadTest = DatabaseTest;

size_t ThreadCount() {
  const auto tasks = std::filesystem::directory_iterator("/proc/self/task");
  return std::distance(begin(tasks), end(tasks));
}

TEST_F(LoadTest, LoadingTwiceIntoOneConnectionIsHarmless) {
  CreateLogAndView();
  Append("a", R"({"tags":["cat"]})");
  EXPECT_THAT(db_->LoadExtension(), Succeeds());
  Append("b", R"({"tags":["cat"]})");
  EXPECT_THAT(db_->Query("SELECT doc_id FROM view_tags"), ElementsAre("'a'", "'b'"));
  EXPECT_EQ(db_->Integer("SELECT sv_seq()"), 2);
}

// Nor does it wait for anybody.
TEST_F(LoadTest, LoadingNeedsNoLockOfTheDatabase) {
  Database other(path_, Database::Extension::kNone);
  db_->Run("CREATE TABLE plain(x); BEGIN EXCLUSIVE; INSERT INTO plain VALUES (1)");
  EXPECT_THAT(other.Try("SELECT * FROM plain"), Fails(SQLITE_BUSY, _));
  EXPECT_THAT(other.LoadExtension(), Succeeds());
  EXPECT_THAT(other.LoadExtension(), Succeeds());
  db_->Run("COMMIT");
  EXPECT_EQ(other.Integer("SELECT count(*) FROM plain"), 1);
}

TEST_F(LoadTest, LoadingStartsNoThread) {
  const size_t before = ThreadCount();
  const auto other = Connect();
  EXPECT_EQ(ThreadCount(), before);
}

TEST_F(LoadTest, ConnectionThatUsesNoTableCloses) {
  CreateLogAndView();
  const auto idle = Connect();
  idle->Close();
  EXPECT_EQ(Append("a", "{}"), 1);
}

TEST_F(LoadTest, TheFirstConnectionMayCloseFirst) {
  CreateLogAndView();
  Append("a", R"({"tags":["cat"]})");
  auto other = Connect();
  EXPECT_THAT(other->Query("SELECT doc_id FROM view_tags"), ElementsAre("'a'"));
  db_->Close();
  other->Append("events", "b", R"({"tags":["cat"]})");
  EXPECT_THAT(other->Query("SELECT doc_id FROM view_tags"), ElementsAre("'a'", "'b'"));
}

TEST_F(LoadTest, TheLastConnectionMayCloseFirst) {
  CreateLogAndView();
  Append("a", R"({"tags":["cat"]})");
  auto other = Connect();
  other->Append("events", "b", R"({"tags":["cat"]})");
  other->Close();
  db_->Run("SELECT sv_consistency('latest')");
  EXPECT_THAT(db_->Query("SELECT doc_id FROM view_tags"), ElementsAre("'a'", "'b'"));
}

TEST_F(LoadTest, ManyConnectionsOpenAndCloseInAnyOrder) {
  CreateLogAndView();
  std::vector<std::unique_ptr<Database>> open;
  for (int i = 0; i < 6; ++i) {
    open.push_back(Connect());
    if (i % 2 == 0) open.back()->Append("events", i, R"({"tags":["cat"]})");
  }
  db_->Run("SELECT sv_consistency('latest')");
  for (size_t i : {3, 0, 2, 0, 1, 0}) {
    open[i]->Close();
    open.erase(open.begin() + i);
    EXPECT_EQ(db_->Integer("SELECT count(*) FROM view_tags WHERE key = 'cat'"), 3);
  }
}

TEST_F(LoadTest, AViewThatLagsAtCloseCatchesUpLater) {
  CreateLogAndView();
  db_->Run(
      "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 2000) "
      "INSERT INTO events(key, value) SELECT i, '{\"tags\":[\"cat\"]}' FROM n");
  Reopen();
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM view_tags WHERE key = 'cat'"), 2000);
}

TEST_F(LoadTest, SchemaChangeByAnotherConnectionIsSeen) {
  CreateLogAndView();
  Statement prepared(*db_, "SELECT doc_id FROM view_tags WHERE key = 'cat'");
  EXPECT_FALSE(prepared.Step());
  prepared.Reset();

  const auto other = Connect();
  other->Run(
      "CREATE TABLE plain(x);"
      "CREATE VIRTUAL TABLE by_place USING sv_view(log = events, emit = '$.location');"
      "DROP TABLE view_tags;"
      "CREATE VIRTUAL TABLE view_tags USING sv_view(log = events, emit = '$.tags[*]')");
  Append("a", R"({"tags":["cat"],"location":"oahu"})");

  EXPECT_TRUE(prepared.Step());
  EXPECT_EQ(ToLine(prepared.row()), "'a'");
  EXPECT_THAT(db_->Query("SELECT key FROM by_place"), ElementsAre("'oahu'"));
}

TEST_F(LoadTest, AConnectionMayCloseBeforeItsStatements) {
  CreateLogAndView();
  for (int i = 0; i < 3; ++i) Append(i, R"({"tags":["cat"]})");
  auto other = Connect();
  Statement scan(*other, "SELECT doc_id, doc FROM view_tags");
  ASSERT_TRUE(scan.Step());
  other.reset();
  db_->Close();
  EXPECT_TRUE(scan.Step());
  EXPECT_TRUE(scan.Step());
  EXPECT_FALSE(scan.Step());
}

TEST_F(LoadTest, VersionIsJsonThatNamesSqlite) {
  EXPECT_EQ(db_->Integer("SELECT json_valid(sv_version())"), 1);
  EXPECT_THAT(db_->Query("SELECT sv_version()"), ElementsAre(HasSubstr(sqlite3_libversion())));
}

TEST_F(LoadTest, ADatabaseInMemoryHasItsLogInMemory) {
  Database memory(":memory:");
  memory.Run(
      "CREATE VIRTUAL TABLE events USING sv_log;"
      "CREATE VIRTUAL TABLE view_tags USING sv_view(log = events, emit = '$.tags[*]')");
  memory.Append("events", "a", R"({"tags":["cat"]})");
  EXPECT_THAT(memory.Query("SELECT key, doc_id FROM view_tags"), ElementsAre("'cat'|'a'"));
}

// Instrumented builds export their runtime's symbols as well.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST(LibraryTest, ExportsItsEntryPointOnly) {
  std::FILE* nm = popen("nm -D --defined-only " STREAMVIEW_SO, "r");
  ASSERT_NE(nm, nullptr);
  char buffer[4096] = {};
  const size_t size = fread(buffer, 1, sizeof(buffer) - 1, nm);
  ASSERT_EQ(pclose(nm), 0);
  const std::string symbols(buffer, size);
  EXPECT_THAT(symbols, HasSubstr(" T sqlite3_streamview_init"));
  EXPECT_EQ(std::count(symbols.begin(), symbols.end(), '\n'), 1) << symbols;
}
#endif

}  // namespace
}  // namespace streamview::testing
