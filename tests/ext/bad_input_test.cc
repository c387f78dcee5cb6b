// Bad input: each a clear error, and nothing is lost.

#include <filesystem>
#include <fstream>

#include "tests/ext/testing/fixture.h"

namespace streamview::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::_;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Matcher;

class BadInputTest : public DatabaseTest {
 protected:
  BadInputTest() {
    CreateLogAndView();
    Append("a", R"({"tags":["cat"]})");
  }
  // The log and the view work as before.
  void TearDown() override {
    const int64_t head = db_->Integer("SELECT sv_head('events')");
    EXPECT_EQ(db_->Append("events", "after", R"({"tags":["after"]})"), head + 1);
    EXPECT_THAT(db_->Query("SELECT key, doc_id FROM view_tags WHERE doc_id IN ('a', 'after')"),
                ElementsAre("'after'|'after'", "'cat'|'a'"));
  }

  Outcome TryView(const std::string& options) {
    return db_->Try("CREATE VIRTUAL TABLE v USING sv_view(" + options + ")");
  }
  // CREATE of a view with this map is refused with such a message, and leaves the name free.
  void ExpectMapRefused(const std::string& map, const Matcher<std::string>& message) {
    EXPECT_THAT(TryView("log = events, map = (" + map + ")"), Fails(_, message)) << map;
    EXPECT_THAT(db_->Query("SELECT name FROM sqlite_schema WHERE name = 'v'"), IsEmpty());
    EXPECT_THAT(db_->Query("SELECT name FROM sv_status WHERE kind = 'view'"),
                ElementsAre("'view_tags'"));
  }
};

TEST_F(BadInputTest, AMapWithASyntaxErrorIsRefused) {
  ExpectMapRefused("SELECT key FORM events", HasSubstr("syntax error"));
  ExpectMapRefused("SELEKT key FROM events", HasSubstr("SELEKT"));
  ExpectMapRefused("", _);
}

TEST_F(BadInputTest, AMapWithAnUnknownColumnIsRefused) {
  ExpectMapRefused("SELECT events.nonesuch AS key FROM events", HasSubstr("nonesuch"));
}

TEST_F(BadInputTest, AMapOfTwoStatementsIsRefused) {
  ExpectMapRefused("SELECT key AS key FROM events; SELECT 1 AS key", HasSubstr("SELECT"));
}

TEST_F(BadInputTest, AMapThatWritesIsRefused) {
  ExpectMapRefused("DELETE FROM events", HasSubstr("may not be modified"));
  ExpectMapRefused("INSERT INTO events(key) VALUES (1)", HasSubstr("SELECT"));
  ExpectMapRefused("CREATE TABLE t(x)", HasSubstr("SELECT"));
}

TEST_F(BadInputTest, AMapThatIsNoSelectIsRefused) {
  ExpectMapRefused("ATTACH 'x.db' AS x", HasSubstr("SELECT"));
  ExpectMapRefused("PRAGMA user_version", HasSubstr("SELECT"));
  ExpectMapRefused("EXPLAIN SELECT key AS key FROM events", HasSubstr("SELECT"));
  EXPECT_FALSE(fs::exists("x.db"));
}

TEST_F(BadInputTest, AMapThatReadsAnotherTableIsRefused) {
  db_->Run("CREATE TABLE orders(amount)");
  ExpectMapRefused("SELECT amount AS key FROM orders", HasSubstr("orders"));
  ExpectMapRefused("SELECT total(orders.amount) AS key FROM orders", HasSubstr("orders"));
  ExpectMapRefused("SELECT name AS key FROM events, sqlite_schema", HasSubstr("sqlite_"));
  ExpectMapRefused("SELECT key AS key FROM events, pragma_database_list", _);
}

TEST_F(BadInputTest, AMapThatAggregatesOverWhatItCannotSeeIsRefused) {
  ExpectMapRefused("SELECT sum(orders.amount) AS key FROM events", HasSubstr("orders.amount"));
}

TEST_F(BadInputTest, AMapThatGivesARowForNoEntryIsRefused) {
  ExpectMapRefused("SELECT count(*) AS key FROM events", HasSubstr("aggregate"));
  ExpectMapRefused("SELECT 1 AS key", HasSubstr("events"));
}

TEST_F(BadInputTest, AMapThatIsNoPureFunctionIsRefused) {
  ExpectMapRefused("SELECT random() AS key FROM events", HasSubstr("random"));
  ExpectMapRefused("SELECT hex(randomblob(4)) AS key FROM events", HasSubstr("randomblob"));
  ExpectMapRefused("SELECT datetime('now') AS key FROM events", HasSubstr("current time"));
  ExpectMapRefused("SELECT date() AS key FROM events", HasSubstr("current time"));
  ExpectMapRefused("SELECT CURRENT_TIMESTAMP AS key FROM events",
                   AnyOf(HasSubstr("urrent"), HasSubstr("CURRENT"), HasSubstr("now")));
  ExpectMapRefused("SELECT last_insert_rowid() AS key FROM events", HasSubstr("last_insert_rowid"));
  ExpectMapRefused("SELECT changes() AS key FROM events", HasSubstr("changes"));
  ExpectMapRefused("SELECT load_extension('x') AS key FROM events", HasSubstr("load_extension"));
}

TEST_F(BadInputTest, AMapWithAnUnknownFunctionIsRefused) {
  ExpectMapRefused("SELECT nonesuch(key) AS key FROM events", HasSubstr("nonesuch"));
}

TEST_F(BadInputTest, AMapWithAParameterIsRefused) {
  ExpectMapRefused("SELECT ?1 AS key FROM events", _);
  ExpectMapRefused("SELECT :key AS key FROM events", _);
}

TEST_F(BadInputTest, AFunctionOfTheHostIsUnknownToAMap) {
  sqlite3_create_function(
      db_->handle(), "host_function", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, nullptr,
      [](sqlite3_context* context, int, sqlite3_value**) { sqlite3_result_int(context, 1); },
      nullptr, nullptr);
  ExpectMapRefused("SELECT host_function(key) AS key FROM events", HasSubstr("host_function"));
}

TEST_F(BadInputTest, AnUnknownLogIsNamed) {
  EXPECT_THAT(TryView("log = nonesuch, emit = '$.tags[*]'"), Fails(_, HasSubstr("nonesuch")));
  EXPECT_THAT(TryView("log = view_tags, emit = '$.tags[*]'"), Fails(_, HasSubstr("view_tags")));
  db_->Run("CREATE TABLE plain(x)");
  EXPECT_THAT(TryView("log = plain, emit = '$.tags[*]'"), Fails(_, HasSubstr("plain")));
}

TEST_F(BadInputTest, AnUnknownOptionIsNamed) {
  EXPECT_THAT(TryView("log = events, emit = '$.tags[*]', colour = red"),
              Fails(_, HasSubstr("colour")));
  EXPECT_THAT(db_->Try("CREATE VIRTUAL TABLE l USING sv_log(colour = red)"),
              Fails(_, HasSubstr("colour")));
  EXPECT_FALSE(fs::exists(dir_ / "app.db-l"));
}

TEST_F(BadInputTest, AnOptionGivenTwiceIsNamed) {
  EXPECT_THAT(TryView("log = events, emit = '$.a', emit = '$.b'"), Fails(_, HasSubstr("emit")));
}

TEST_F(BadInputTest, AnOptionWithABadValueIsNamed) {
  const std::string view = "log = events, emit = '$.tags[*]', ";
  EXPECT_THAT(TryView(view + "keys = 0"), Fails(_, HasSubstr("keys")));
  EXPECT_THAT(TryView(view + "keys = 3"), Fails(_, HasSubstr("keys")));
  EXPECT_THAT(TryView(view + "keys = many"), Fails(_, HasSubstr("keys")));
  EXPECT_THAT(TryView(view + "version = new"), Fails(_, HasSubstr("version")));
  EXPECT_THAT(TryView(view + "on_error = 'panic'"), Fails(_, HasSubstr("on_error")));
  EXPECT_THAT(db_->Try("CREATE VIRTUAL TABLE l USING sv_log(sync = 'sometimes')"),
              Fails(_, HasSubstr("sync")));
}

TEST_F(BadInputTest, AViewNeedsALogAndOneWayToMap) {
  EXPECT_THAT(TryView("emit = '$.tags[*]'"), Fails(_, HasSubstr("log")));
  EXPECT_THAT(TryView("log = events"), Fails(_, HasSubstr("map")));
  EXPECT_THAT(TryView("log = events, emit = '$.a', map = (SELECT key AS key FROM events)"),
              Fails(_, HasSubstr("map")));
  EXPECT_THAT(TryView("log = events, value = '$.a'"), Fails(_, HasSubstr("emit")));
}

TEST_F(BadInputTest, ABadJsonPathIsNamed) {
  for (const std::string path :
       {"tags", "", "$.", "$.tags[", "$.tags[x]", "$..tags", "$tags", "$.a[-1]x", "$.\"open"}) {
    EXPECT_THAT(TryView("log = events, emit = '" + path + "'"), Fails(_, HasSubstr(path))) << path;
    EXPECT_THAT(TryView("log = events, emit = '$.tags[*]', value = '" + path + "'"),
                Fails(_, HasSubstr(path)))
        << path;
  }
}

TEST_F(BadInputTest, AnUnknownCommandListsTheKnownOnes) {
  EXPECT_THAT(
      db_->Try("INSERT INTO view_tags(view_tags) VALUES ('explode')"),
      Fails(_, ::testing::AllOf(HasSubstr("explode"), HasSubstr("rebuild"), HasSubstr("flush"))));
  EXPECT_THAT(db_->Try("INSERT INTO events(events) VALUES ('explode')"),
              Fails(_, ::testing::AllOf(HasSubstr("explode"), HasSubstr("flush"))));
  EXPECT_THAT(db_->Query("SELECT count(*) FROM events"), ElementsAre("1"));
}

TEST_F(BadInputTest, AKeyBeyond64KiBIsRefused) {
  const std::string longest(65536, 'k');
  Append(std::string(60000, 'k'), "{}");
  EXPECT_THAT(db_->Try("INSERT INTO events(key, value) VALUES (?1, '{}')", {longest + "k"}),
              Fails(AnyOf(SQLITE_CONSTRAINT, SQLITE_TOOBIG), HasSubstr("key")));
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM events"), 2);
}

TEST_F(BadInputTest, AnEmittedKeyBeyond64KiBIsAnErrorOfItsDocument) {
  CreateView("by_value", "SELECT value AS key FROM events");
  Append("long", std::string(70000, 'k'));
  EXPECT_THAT(db_->Query("SELECT doc_id FROM by_value"), ElementsAre("'a'"));
  EXPECT_THAT(db_->Query("SELECT doc_id FROM sv_errors WHERE view = 'by_value'"),
              ElementsAre("'long'"));
}

// --- documents that a map fails on

TEST_F(BadInputTest, ADocumentThatIsNoJsonIsRecordedAndTheViewGoesOn) {
  Append("bad", "{\"tags\":");
  Append("good", R"({"tags":["cat"]})");
  EXPECT_THAT(db_->Query("SELECT doc_id FROM view_tags WHERE key = 'cat'"),
              ElementsAre("'a'", "'good'"));
  EXPECT_THAT(db_->Query("SELECT log, view, seq, doc_id FROM sv_errors"),
              ElementsAre("'events'|'view_tags'|2|'bad'"));
  EXPECT_THAT(db_->Query("SELECT message FROM sv_errors"), ElementsAre(HasSubstr("JSON")));
  const std::string status = "SELECT errors, last_error FROM sv_status WHERE name = 'view_tags'";
  const Lines before = db_->Query(status);
  EXPECT_THAT(before,
              ElementsAre(AllOf(HasSubstr("entry 2 ("), HasSubstr("bad"), HasSubstr("JSON"))));
  Reopen();
  EXPECT_EQ(db_->Query(status), before);
}

TEST_F(BadInputTest, ADocumentThatIsNoJsonIsRecordedByTheShorthandToo) {
  db_->Run("CREATE VIRTUAL TABLE by_path USING sv_view(log = events, emit = '$.tags[*]')");
  const std::vector<SqlValue> bad = {"{\"tags\":[\"x\"",
                                     "{\"tags\":[\"x\"]} trailing",
                                     "",
                                     "\xff",
                                     Blob{"\x01\x02"},
                                     std::string("{\"tags\":[\"x\"]}\0y", 16),
                                     "{'tags':['x']}",
                                     "{\"tags\":[tru]}"};
  for (size_t i = 0; i < bad.size(); ++i) Append(static_cast<int64_t>(i), bad[i]);
  Append("good", R"({"tags":["cat"]})");
  EXPECT_THAT(db_->Query("SELECT key, doc_id FROM by_path"),
              ElementsAre("'cat'|'a'", "'cat'|'good'"));
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM sv_errors WHERE view = 'by_path'"),
            static_cast<int64_t>(bad.size()));
}

TEST_F(BadInputTest, AnErrorGoesWhenItsDocumentIsSuperseded) {
  Append("bad", "{");
  db_->Run("SELECT sv_wait(sv_seq())");
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM sv_errors"), 1);
  Append("bad", R"({"tags":["cat"]})");
  db_->Run("SELECT sv_wait(sv_seq())");
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM sv_errors"), 0);
  EXPECT_THAT(db_->Query("SELECT errors FROM sv_status WHERE name = 'view_tags'"),
              ElementsAre("0"));
}

TEST_F(BadInputTest, ErrorsAreThereAfterReopening) {
  Append("bad", "{");
  db_->Run("SELECT sv_wait(sv_seq())");
  Reopen();
  db_->Run("SELECT sv_wait(sv_head())");
  EXPECT_THAT(db_->Query("SELECT view, doc_id FROM sv_errors"), ElementsAre("'view_tags'|'bad'"));
}

TEST_F(BadInputTest, ABadVersionHidesTheGoodOneBeforeIt) {
  Append("x", R"({"tags":["dog"]})");
  Append("x", "{");
  EXPECT_THAT(db_->Query("SELECT key FROM view_tags"), ElementsAre("'cat'"));
}

TEST_F(BadInputTest, RowsEmittedBeforeTheErrorDoNotCount) {
  CreateView(
      "risky",
      "SELECT tag.value AS key, CASE tag.value WHEN 3 THEN abs(-9223372036854775807 - 1) END "
      "AS value FROM events, json_each(events.value, '$.n') AS tag");
  Append("bad", R"({"n":[1,2,3,4]})");
  Append("good", R"({"n":[5]})");
  EXPECT_THAT(db_->Query("SELECT key, doc_id FROM risky"), ElementsAre("5|'good'"));
  EXPECT_THAT(db_->Query("SELECT doc_id FROM sv_errors WHERE view = 'risky'"),
              ElementsAre("'bad'"));
}

TEST_F(BadInputTest, AMapThatRunsWithoutEndIsCutOff) {
  CreateView("endless",
             "SELECT CASE value ->> '$.loop' WHEN 1 THEN (WITH RECURSIVE n(i) AS (VALUES (1) UNION "
             "ALL SELECT i + 1 FROM n) SELECT max(i) FROM n) ELSE 'fine' END AS key FROM events");
  Append("loops", R"({"loop":1})");
  Append("good", "{}");
  EXPECT_THAT(db_->Query("SELECT doc_id FROM endless WHERE key = 'fine'"),
              ElementsAre("'a'", "'good'"));
  EXPECT_THAT(db_->Query("SELECT doc_id FROM sv_errors WHERE view = 'endless'"),
              ElementsAre("'loops'"));
}

TEST_F(BadInputTest, AMapThatEmitsWithoutEndIsCutOff) {
  CreateView("endless",
             "WITH RECURSIVE n(i) AS (SELECT 1 FROM events WHERE events.key = 'loops' "
             "UNION ALL SELECT i + 1 FROM n) SELECT i AS key FROM events, n");
  Append("loops", "{}");
  EXPECT_THAT(db_->Query("SELECT count(*) FROM endless"), ElementsAre("0"));
  EXPECT_THAT(db_->Query("SELECT doc_id FROM sv_errors WHERE view = 'endless'"),
              ElementsAre("'loops'"));
}

class StoppedViewTest : public BadInputTest {
 protected:
  StoppedViewTest() {
    db_->Run(
        "CREATE VIRTUAL TABLE strict USING sv_view("
        "log = events, emit = '$.tags[*]', on_error = 'stop')");
    Append("bad", "{");
    Append("good", R"({"tags":["cat"]})");
  }
};

TEST_F(StoppedViewTest, SaysWhyAtEveryRead) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(db_->Try("SELECT * FROM strict"),
                Fails(_, ::testing::AllOf(HasSubstr("strict"), HasSubstr("bad"))));
  }
  EXPECT_THAT(db_->Query("SELECT state FROM sv_status WHERE name = 'strict'"),
              ElementsAre("'failed'"));
  EXPECT_THAT(db_->Query("SELECT last_error FROM sv_status WHERE name = 'strict'"),
              ElementsAre(HasSubstr("bad")));
  EXPECT_THAT(db_->Query("SELECT doc_id FROM sv_errors WHERE view = 'strict'"),
              ElementsAre("'bad'"));
}

TEST_F(StoppedViewTest, LeavesTheOthersGoingOn) {
  EXPECT_THAT(db_->Query("SELECT doc_id FROM view_tags WHERE key = 'cat'"),
              ElementsAre("'a'", "'good'"));
}

TEST_F(StoppedViewTest, MakesAWaitForItAnError) {
  EXPECT_THAT(db_->Try("SELECT sv_wait(sv_seq(), 'strict')"), Fails(_, HasSubstr("strict")));
  EXPECT_EQ(db_->Integer("SELECT sv_wait(sv_seq(), 'view_tags')"), 3);
}

TEST_F(StoppedViewTest, IsStillStoppedAfterReopening) {
  EXPECT_THAT(db_->Try("SELECT * FROM strict"), Fails(_, HasSubstr("bad")));
  Reopen();
  EXPECT_THAT(db_->Try("SELECT * FROM strict"), Fails(_, HasSubstr("bad")));
}

TEST_F(StoppedViewTest, IsRevivedByRebuildOnceTheDocumentIsSuperseded) {
  EXPECT_THAT(db_->Try("SELECT * FROM strict"), Fails(_, HasSubstr("bad")));
  Append("bad", R"({"tags":["dog"]})");
  db_->Run("INSERT INTO strict(strict) VALUES ('rebuild')");
  EXPECT_TRUE(db_->Eventually("SELECT key, doc_id FROM strict",
                              {"'cat'|'a'", "'cat'|'good'", "'dog'|'bad'"}));
  EXPECT_THAT(db_->Query("SELECT count(*) FROM sv_errors WHERE view = 'strict'"), ElementsAre("0"));
}

TEST_F(StoppedViewTest, FailsAgainWhenTheRebuildMeetsTheSameDocument) {
  EXPECT_THAT(db_->Try("SELECT * FROM strict"), Fails(_, HasSubstr("bad")));
  db_->Run("INSERT INTO strict(strict) VALUES ('rebuild')");
  EXPECT_TRUE(db_->Eventually("SELECT state FROM sv_status WHERE name = 'strict'", {"'failed'"}));
  EXPECT_THAT(db_->Try("SELECT * FROM strict"), Fails(_, HasSubstr("bad")));
}

TEST_F(StoppedViewTest, IsReplacedByANewDefinition) {
  db_->Run(
      "DROP TABLE strict;"
      "CREATE VIRTUAL TABLE strict USING sv_view(log = events, emit = '$.tags[*]')");
  EXPECT_THAT(db_->Query("SELECT key, doc_id FROM strict"),
              ElementsAre("'cat'|'a'", "'cat'|'good'"));
}

TEST_F(StoppedViewTest, CanBeDropped) {
  db_->Run("DROP TABLE strict");
  EXPECT_EQ(db_->Integer("SELECT sv_wait(sv_seq())"), 3);
}

// --- directories

// A log, closed, whose directory the test may spoil.
class DirectoryTest : public DatabaseTest {
 protected:
  DirectoryTest() {
    CreateLogAndView();
    Append("a", R"({"tags":["cat"]})");
    db_->Run("CREATE TABLE plain(x); INSERT INTO plain VALUES (1)");
    db_->Close();
  }

  // Every use of the log fails so, and ordinary tables do not mind.
  void ExpectUnusable(int code, const Matcher<std::string>& message) {
    db_ = Connect();
    EXPECT_THAT(db_->Try("SELECT * FROM events"), Fails(code, message));
    EXPECT_THAT(db_->Try("INSERT INTO events(key, value) VALUES ('b', 1)"), Fails(code, message));
    EXPECT_THAT(db_->Try("SELECT * FROM view_tags"), Fails(code, message));
    EXPECT_THAT(db_->Query("SELECT x FROM plain"), ElementsAre("1"));
    db_->Run("UPDATE plain SET x = 2; UPDATE plain SET x = 1");
    EXPECT_THAT(CheckOrdinaryTables(*db_), ElementsAre("'ok'"));
  }
  void ExpectUsable() {
    db_ = Connect();
    EXPECT_THAT(db_->Query("SELECT doc_id FROM view_tags"), ElementsAre("'a'"));
  }
};

TEST_F(DirectoryTest, AMissingDirectoryIsAnErrorAndIsNotMade) {
  fs::rename(log_dir_, dir_ / "moved");
  ExpectUnusable(SQLITE_CANTOPEN, HasSubstr(log_dir_));
  EXPECT_FALSE(fs::exists(log_dir_));
  db_->Close();
  fs::rename(dir_ / "moved", log_dir_);
  ExpectUsable();
}

TEST_F(DirectoryTest, ADirectoryOfOtherFilesIsAnErrorAndIsNotTouched) {
  fs::rename(log_dir_, dir_ / "moved");
  fs::create_directory(log_dir_);
  std::ofstream(log_dir_ + "/notes.txt") << "mine";
  ExpectUnusable(SQLITE_CANTOPEN, HasSubstr(log_dir_));
  const auto files = fs::directory_iterator(log_dir_);
  EXPECT_EQ(std::distance(begin(files), end(files)), 1);
}

TEST_F(DirectoryTest, AFileInPlaceOfTheDirectoryIsAnError) {
  fs::rename(log_dir_, dir_ / "moved");
  std::ofstream(log_dir_) << "a file";
  ExpectUnusable(SQLITE_CANTOPEN, HasSubstr(log_dir_));
}

TEST_F(DirectoryTest, TheDirectoryOfAnotherDatabaseIsAnError) {
  Database other(dir_ / "other.db");
  other.Run("CREATE VIRTUAL TABLE events USING sv_log");
  other.Append("events", "theirs", "{}");
  other.Close();
  fs::rename(log_dir_, dir_ / "moved");
  fs::rename(dir_ / "other.db-events", log_dir_);
  ExpectUnusable(SQLITE_CANTOPEN, HasSubstr(log_dir_));
  db_->Close();

  fs::rename(log_dir_, dir_ / "other.db-events");
  fs::rename(dir_ / "moved", log_dir_);
  ExpectUsable();
  Database theirs(dir_ / "other.db");
  EXPECT_THAT(theirs.Query("SELECT key FROM events"), ElementsAre("'theirs'"));
}

TEST_F(DirectoryTest, ADamagedDirectoryIsAnErrorAndIsNotOverwritten) {
  fs::rename(log_dir_ + "/CURRENT", dir_ / "CURRENT");
  db_ = Connect();
  EXPECT_THAT(db_->Try("SELECT * FROM events"),
              Fails(AnyOf(SQLITE_CANTOPEN, SQLITE_CORRUPT), HasSubstr(log_dir_)));
  EXPECT_THAT(db_->Query("SELECT x FROM plain"), ElementsAre("1"));
  db_->Close();
  fs::rename(dir_ / "CURRENT", log_dir_ + "/CURRENT");
  ExpectUsable();
}

TEST_F(DirectoryTest, ALogWithoutItsDirectoryCanBeDropped) {
  fs::remove_all(log_dir_);
  db_ = Connect();
  db_->Run("DROP TABLE view_tags; DROP TABLE events");
  CreateLogAndView();
  EXPECT_EQ(Append("b", "{}"), 1);
}

TEST_F(DirectoryTest, DroppingDoesNotDeleteAForeignDirectory) {
  fs::rename(log_dir_, dir_ / "moved");
  fs::create_directory(log_dir_);
  std::ofstream(log_dir_ + "/notes.txt") << "mine";
  db_ = Connect();
  db_->Try("DROP TABLE view_tags; DROP TABLE events");
  db_->Close();
  EXPECT_TRUE(fs::exists(log_dir_ + "/notes.txt"));
}

TEST_F(DirectoryTest, CreateInADirectoryOfOtherFilesIsRefused) {
  const std::string foreign = dir_ / "foreign";
  fs::create_directory(foreign);
  std::ofstream(foreign + "/notes.txt") << "mine";
  db_ = Connect();
  EXPECT_THAT(db_->Try("CREATE VIRTUAL TABLE l USING sv_log(path = '" + foreign + "')"),
              Fails(SQLITE_CANTOPEN, HasSubstr(foreign)));
  const auto files = fs::directory_iterator(foreign);
  EXPECT_EQ(std::distance(begin(files), end(files)), 1);
}

TEST_F(DirectoryTest, CreateInTheDirectoryOfAnotherLogIsRefused) {
  db_ = Connect();
  EXPECT_THAT(db_->Try("CREATE VIRTUAL TABLE l USING sv_log(path = '" + log_dir_ + "')"),
              Fails(SQLITE_CANTOPEN, HasSubstr(log_dir_)));
  EXPECT_THAT(db_->Query("SELECT doc_id FROM view_tags"), ElementsAre("'a'"));
}

TEST_F(DirectoryTest, CreateWhereNothingCanBeWrittenIsRefused) {
  std::ofstream(dir_ / "file") << "a file";
  db_ = Connect();
  const std::string path = dir_ / "file/log";
  EXPECT_THAT(db_->Try("CREATE VIRTUAL TABLE l USING sv_log(path = '" + path + "')"),
              Fails(SQLITE_CANTOPEN, HasSubstr(path)));
  EXPECT_THAT(db_->Try("CREATE VIRTUAL TABLE l USING sv_log(path = '/proc/streamview')"),
              Fails(SQLITE_CANTOPEN, HasSubstr("/proc/streamview")));
  EXPECT_THAT(db_->Query("SELECT name FROM sqlite_schema WHERE name = 'l'"), IsEmpty());
  EXPECT_THAT(db_->Query("SELECT doc_id FROM view_tags"), ElementsAre("'a'"));
}

TEST_F(DirectoryTest, TwoTablesCannotShareADirectory) {
  const std::string path = dir_ / "shared";
  db_ = Connect();
  db_->Run("CREATE VIRTUAL TABLE one USING sv_log(path = '" + path + "')");
  EXPECT_THAT(db_->Try("CREATE VIRTUAL TABLE two USING sv_log(path = '" + path + "')"),
              Fails(SQLITE_CANTOPEN, HasSubstr(path)));
  EXPECT_EQ(db_->Append("one", "a", 1), 1);
}

TEST_F(DirectoryTest, ACopyOfTheDatabaseCannotTouchTheOriginalsLog) {
  const std::string copy = dir_ / "copy.db";
  db_ = Connect();
  db_->Run("CREATE VIRTUAL TABLE shared USING sv_log(path = '" + std::string(dir_ / "shared") +
           "')");
  db_->Append("shared", "a", 1);
  db_->Run("VACUUM INTO '" + copy + "'");
  EXPECT_THAT(Database(copy).Try("INSERT INTO shared(value) VALUES (1)"),
              Fails(SQLITE_CANTOPEN, HasSubstr("belongs to " + path_)));
  db_->Close();
  {
    Database other(copy);
    EXPECT_THAT(other.Try("SELECT * FROM shared"),
                Fails(SQLITE_CANTOPEN, HasSubstr("belongs to " + path_)));
    other.Run("DROP TABLE shared");  // of the copy's table; the directory is not its own
  }
  db_ = Connect();
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM shared"), 1);
}

TEST_F(DirectoryTest, AMovedDatabaseTakesItsLogAlong) {
  const std::string moved = dir_ / "moved";
  std::filesystem::create_directory(moved);
  std::filesystem::rename(path_, moved + "/app.db");
  std::filesystem::rename(log_dir_, moved + "/app.db-events");
  Database db(moved + "/app.db");
  EXPECT_THAT(db.Query("SELECT doc_id FROM view_tags"), ElementsAre("'a'"));
}

TEST_F(DirectoryTest, ACopyOfDatabaseAndDirectoryIsALogOfItsOwn) {
  const std::string copy = dir_ / "copy";
  std::filesystem::create_directory(copy);
  std::filesystem::copy(path_, copy + "/app.db");
  std::filesystem::copy(log_dir_, copy + "/app.db-events",
                        std::filesystem::copy_options::recursive);
  Database db(copy + "/app.db");
  EXPECT_EQ(db.Append("events", "b", R"({"tags":["cat"]})"), 2);
  db_ = Connect();
  EXPECT_THAT(db_->Query("SELECT doc_id FROM view_tags"), ElementsAre("'a'"));
}

}  // namespace
}  // namespace streamview::testing
