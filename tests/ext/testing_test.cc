// The tests' own tools, without the extension: what they compare with must be right itself.

#include <signal.h>

#include <iostream>

#include "tests/ext/testing/child_process.h"
#include "tests/ext/testing/database.h"
#include "tests/ext/testing/model.h"
#include "tests/ext/testing/packages.h"

namespace streamview::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;

TEST(SqlValueTest, ComparesAsSqliteDoes) {
  const std::vector<SqlValue> values = {kNull,
                                        0,
                                        -1,
                                        1.0,
                                        1,
                                        1.5,
                                        9007199254740993,
                                        9007199254740992.0,
                                        -1e30,
                                        INT64_MAX,
                                        INT64_MIN,
                                        9.3e18,
                                        "",
                                        "a",
                                        "A",
                                        std::string("a\0b", 3),
                                        "ab",
                                        "\xff",
                                        Blob{""},
                                        Blob{"a"},
                                        "\x7f"};
  Database db(":memory:", Database::Extension::kNone);
  for (const SqlValue& a : values) {
    for (const SqlValue& b : values) {
      db.Run("CREATE TEMP TABLE t(v, i)");
      db.Run("INSERT INTO t VALUES (?1, 1), (?2, 2)", {a, b});
      const int64_t up = db.Integer("SELECT i FROM t ORDER BY v, i LIMIT 1");
      const int64_t down = db.Integer("SELECT i FROM t ORDER BY v DESC, i LIMIT 1");
      const int expected = up == down ? 0 : up == 1 ? -1 : 1;
      const int order = CompareSql(a, b);
      EXPECT_EQ((order > 0) - (order < 0), expected) << ToLine({a, b});
      db.Run("DROP TABLE t");
    }
  }
}

TEST(SqlValueTest, ALiteralShowsTheType) {
  EXPECT_EQ(ToLine({kNull, 1, 1.0, 1.5, "it's", Blob{std::string("\0\xff", 2)}}),
            "NULL|1|1.0|1.5|'it''s'|x'00ff'");
}

TEST(ComputeViewTest, KeepsWhatCountsInTheOrderOfAView) {
  Database db(":memory:", Database::Extension::kNone);
  db.Run(
      "CREATE TABLE events(seq, time, key, value);"
      "INSERT INTO events VALUES (1, 0, 'a', '[2,1]'), (2, 0, 'b', '[1]'), (3, 0, NULL, '[1,1]'),"
      "(4, 0, 'b', NULL), (5, 0, 'a', '[1,3]'), (6, 0, 'c', '{'), (7, 0, NULL, '[0]')");
  EXPECT_THAT(ToLines(ComputeView(db, "events",
                                  "SELECT e.value AS key, e.key AS value "
                                  "FROM events, json_each(events.value) AS e")),
              ElementsAre("0|0|7|7", "1|0|3|3", "1|1|3|3", "1|0|'a'|5", "3|1|'a'|5"));
}

TEST(PackagesTest, EachIsAKeyAndADocument) {
  const std::vector<Package> packages = ReadPackages();
  EXPECT_GE(packages.size(), 3000u);
  Database db(":memory:", Database::Extension::kNone);
  for (const Package& package : packages) {
    ASSERT_THAT(package.key, StartsWith("pkg/"));
    ASSERT_EQ(db.Query("SELECT 'pkg/' || (?1 ->> '$.package')", {package.value}),
              Lines{ToLiteral(package.key)});
  }
}

int Echo(const std::vector<std::string>& args) {
  for (const std::string& arg : args) std::cout << arg << std::endl;
  std::cout << "no newline" << std::flush;
  return std::cin.get() == std::char_traits<char>::eof() ? 7 : 1;
}
const ChildProgram kEcho("echo", Echo);

TEST(ChildProcessTest, LinesAndExitCodeComeBack) {
  ChildProcess child("echo", {"one", "two words"});
  EXPECT_EQ(child.ReadLine(), "one");
  EXPECT_EQ(child.ReadLine(), "two words");
  child.CloseInput();
  EXPECT_EQ(child.ReadLine(), std::nullopt);
  EXPECT_EQ(child.Wait(), 7);
}

TEST(ChildProcessTest, KillEndsIt) {
  ChildProcess child("echo", {"one"});
  EXPECT_EQ(child.ReadLine(), "one");
  child.Kill();
  EXPECT_EQ(child.Wait(), -SIGKILL);
}

}  // namespace
}  // namespace streamview::testing
