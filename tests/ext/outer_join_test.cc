// Patterns in ON clauses of outer joins: they do not keep rows of other tables from being read, and
// where they are in a WHERE clause the index serves them.

#include <algorithm>
#include <regex>

#include "tests/ext/testing/fixture.h"
#include "tests/ext/testing/steps.h"

namespace streamview::testing {
namespace {

// `v`, `docs` and `events` are ours; `plain_v` and so on ordinary tables with the same rows.
class OuterJoinTest : public DatabaseTest {
 protected:
  OuterJoinTest() {
    CreateLog();
    CreateView("v",
               "SELECT tag.value AS key, events.key AS value "
               "FROM events, json_each(events.value, '$.tags') AS tag");
    db_->Run("CREATE VIRTUAL TABLE docs USING sv_docs(log = events)");
    Append("cat", R"({"tags":["cat","Catfish","car","dog",12,1.5,null,"","12/a"]})");
    Append("car", R"({"tags":["CAT","x","12"]})");
    Append("dog", R"({"tags":[]})");
    Append(12, R"({"tags":["cat"]})");
    Append("12/a", "{}");
    Append(kNull, R"({"tags":["an event"]})");
    db_->Run(
        "CREATE TABLE plain_v AS SELECT * FROM v;"
        "CREATE TABLE plain_docs AS SELECT * FROM docs;"
        "CREATE TABLE plain_events AS SELECT * FROM events;"
        "CREATE TABLE u(x, p); INSERT INTO u VALUES (1, 'ca*'), (2, 'ca%'), (3, '1*'), (4, NULL);"
        "CREATE TABLE w(p); INSERT INTO w VALUES ('ca*'), ('1%')");
  }

  void ExpectSame(const std::string& sql, const Params& params) {
    static const std::regex tables(R"(\b(v|docs|events)\b)");
    Lines ours = db_->Query(sql, params);
    Lines plain = db_->Query(std::regex_replace(sql, tables, "plain_$1"), params);
    std::sort(ours.begin(), ours.end());
    std::sort(plain.begin(), plain.end());
    EXPECT_EQ(ours, plain) << sql;
    ++compared_;
  }

  // Each pattern in each join of `table`. `T.key OP P` stands for the term.
  void TryAll(const std::string& table, const std::vector<std::string>& joins) {
    const std::vector<std::string> patterns = {"'ca%'", "'ca*'",  "'CA%'", "'1%'",        "'1*'",
                                               "'12%'", "'12/*'", "'%'",   "'c' || 'a*'", "NULL",
                                               "?1",    "'I%'",   "12"};
    for (const std::string& join : joins) {
      for (const std::string& pattern : patterns) {
        for (const char* op : {"GLOB", "LIKE", "NOT LIKE"}) {
          std::string sql = std::regex_replace(join, std::regex("\\bT\\b"), table);
          sql = std::regex_replace(sql, std::regex("\\bOP P\\b"), op + (" " + pattern));
          ExpectSame(sql, {"ca*"});
        }
      }
    }
  }

  int compared_ = 0;
};

TEST_F(OuterJoinTest, PatternsOfOnClausesKeepAllRowsOfTheOtherTables) {
  const std::vector<std::string> joins = {
      "SELECT T.key, u.x FROM T LEFT JOIN u ON T.key OP P",
      "SELECT T.key, u.x FROM T LEFT JOIN u ON T.key OP P AND u.x > 2",
      "SELECT T.key, u.x FROM T LEFT JOIN u ON u.x = 1 WHERE T.key OP P",
      "SELECT T.key, u.x FROM T LEFT JOIN u ON T.key OP P WHERE T.key >= 'c'",
      "SELECT T.key, u.x FROM T LEFT JOIN u ON T.key OP P WHERE T.key >= 'ca' AND T.key < 'cb'",
      "SELECT T.key, u.x FROM T LEFT JOIN u ON T.key OP P WHERE T.key GLOB 'c*'",
      "SELECT T.key, u.x FROM u LEFT JOIN T ON T.key OP P",
      "SELECT T.key, u.x FROM u LEFT JOIN T ON T.key OP P WHERE T.key IS NULL",
      "SELECT T.key, u.x FROM T JOIN u ON T.key OP P",
      "SELECT T.key, a.x, b.x FROM T LEFT JOIN u a ON T.key OP P LEFT JOIN u b ON T.key OP P",
      "SELECT T.key, other.key FROM T LEFT JOIN T AS other ON T.key OP P AND other.key = T.key",
      "SELECT key FROM (SELECT T.key AS key FROM T LEFT JOIN u ON T.key OP P)",
      "SELECT (SELECT count(u.x) FROM T LEFT JOIN u ON T.key OP P) FROM w",
      "SELECT T.key, u.x FROM w, T LEFT JOIN u ON T.key GLOB w.p AND T.key OP P",
      "SELECT T.key, u.x FROM w, T LEFT JOIN u ON T.key LIKE w.p"};
  for (const char* table : {"v", "docs", "events"}) TryAll(table, joins);
  EXPECT_GE(compared_, 1500);
}

TEST_F(OuterJoinTest, RightAndFullJoinsToo) {
  if (sqlite3_libversion_number() < 3039000) GTEST_SKIP() << "SQLite has had them since 3.39";
  const std::vector<std::string> joins = {
      "SELECT T.key, u.x FROM T RIGHT JOIN u ON T.key OP P",
      "SELECT T.key, u.x FROM u RIGHT JOIN T ON T.key OP P",
      "SELECT T.key, u.x FROM T FULL JOIN u ON T.key OP P",
      // SQLite makes a LEFT JOIN of it.
      "SELECT T.key, u.x FROM T FULL JOIN u ON T.key OP P WHERE T.key <> 'x'",
      "SELECT T.key, u.x FROM u FULL JOIN T ON T.key OP P WHERE T.key >= 'c'"};
  for (const char* table : {"v", "docs"}) TryAll(table, joins);
  EXPECT_GE(compared_, 300);
}

// The text of the statement does not say it then.
TEST_F(OuterJoinTest, AlsoInTempViews) {
  for (const std::string table : {"v", "plain_v"}) {
    db_->Run("CREATE TEMP VIEW joined_" + table + " AS SELECT " + table + ".key, u.x FROM " +
             table + " lEFt JOIN u ON " + table + ".key GLOB '1*'");
  }
  EXPECT_EQ(db_->Query("SELECT count(*), count(x) FROM joined_v"),
            db_->Query("SELECT count(*), count(x) FROM joined_plain_v"));
}

TEST_F(OuterJoinTest, PatternsOfWhereClausesUseTheIndex) {
  for (int i = 0; i < 500; ++i) {
    Append("doc" + std::to_string(i), R"({"tags":["other"]})");
  }
  const int all = StepsOf(*db_, "SELECT 0 FROM v WHERE value GLOB 'x*'");
  ASSERT_GE(all, 1500);
  for (const char* few :
       {"SELECT 0 FROM v WHERE key GLOB 'ca*'", "SELECT 0 FROM v WHERE key LIKE 'ca%'",
        "SELECT 0 FROM v WHERE key GLOB '1*'", "SELECT 0 FROM v WHERE key LIKE '12/%'",
        "SELECT 0 FROM v JOIN w ON v.key GLOB w.p", "SELECT 0 FROM w JOIN v ON v.key GLOB w.p",
        "SELECT 0 FROM v JOIN u ON v.key LIKE 'ca%'",
        // The pattern's bounds show that it is not of the ON clause.
        "SELECT 0 FROM v LEFT JOIN w ON w.p = v.value WHERE v.key LIKE 'ca%'",
        "SELECT 0 FROM v LEFT JOIN w ON w.p = v.value WHERE v.key GLOB ?1",
        "SELECT 0 FROM v LEFT JOIN w ON w.p = v.value WHERE v.key GLOB 'c*' AND v.key LIKE 'ca%'",
        "SELECT 0 FROM w LEFT JOIN v ON v.key LIKE 'ca%'"}) {
    EXPECT_LT(StepsOf(*db_, few, "ca*"), all / 2) << few;
  }
}

}  // namespace
}  // namespace streamview::testing
