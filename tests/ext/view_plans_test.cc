// The queries that a view is for: each uses the index (EXPLAIN QUERY PLAN) and answers as an
// ordinary table with the same rows.

#include <regex>

#include "tests/ext/testing/fixture.h"

namespace streamview::testing {
namespace {

using ::testing::_;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

// What EXPLAIN QUERY PLAN shows of a view (ext/plan_text.h).
MATCHER_P(UsesIndex, plan, "") {
  return ::testing::ExplainMatchResult(HasSubstr("INDEX 0:" + std::string(plan) + ";"), arg + ";",
                                       result_listener);
}
MATCHER(Sorts, "sorts") { return arg.find("TEMP B-TREE") != std::string::npos; }

class ViewPlansTest : public DatabaseTest {
 protected:
  // `v` is ordered by `key`, the documents' tags; `pairs` by `a`, then `b`. `plain_v` and
  // `plain_pairs` are ordinary tables with the same rows.
  ViewPlansTest() {
    CreateLog();
    CreateView("v",
               "SELECT tag.value AS key, events.key || '!' AS value "
               "FROM events, json_each(events.value, '$.tags') AS tag");
    db_->Run(
        "CREATE VIRTUAL TABLE pairs USING sv_view(log = events, keys = 2, map = ("
        "SELECT events.value ->> '$.a' AS a, tag.value AS b, 'c' AS c "
        "FROM events, json_each(events.value, '$.tags') AS tag))");
    const std::vector<std::string> tags = {
        "\"cat\"", "\"car\"", "\"Cat\"", "\"cb\"", "\"c\"", "\"dog\"", "\"\"",  "\"1x\"", "12",
        "1.5",     "-1",      "2",       "null",   "\"ä\"", "\"CAT\"", "\"C\"", "\"kat\""};
    for (int document = 0; document < 40; ++document) {
      std::string list;
      for (size_t i = 0; i < tags.size(); ++i) {
        if ((document + i) % 4 == 0) list += (list.empty() ? "" : ",") + tags[i];
      }
      Append("doc" + std::to_string(document),
             "{\"a\":" + std::to_string(document % 3) + ",\"tags\":[" + list + "]}");
    }
    // What JSON cannot say.
    db_->Run(
        "INSERT INTO events(value) VALUES ('{\"tags\":[9e999, -9e999]}');"
        "CREATE TABLE plain_v AS SELECT * FROM v; CREATE TABLE plain_pairs AS SELECT * FROM pairs");
  }

  // The plan of `sql` on a view, once its answer was found to be that of the ordinary table.
  std::string PlanOf(const std::string& sql, const Params& params = {}) {
    static const std::regex views(R"(\b(v|pairs)\b)");
    const std::string plain = std::regex_replace(sql, views, "plain_$1");
    EXPECT_EQ(db_->Query(sql, params), db_->Query(plain, params)) << sql;
    return db_->Plan(sql);
  }
};

TEST_F(ViewPlansTest, ExactKey) {
  EXPECT_THAT(PlanOf("SELECT doc_id FROM v WHERE key = 'cat' ORDER BY doc_id"),
              AllOf(UsesIndex("key=?"), Not(Sorts())));
  EXPECT_THAT(PlanOf("SELECT doc_id FROM v WHERE key = 2 ORDER BY doc_id DESC"),
              AllOf(UsesIndex("key=? DESC"), Not(Sorts())));
  EXPECT_THAT(PlanOf("SELECT count(*) FROM v WHERE key = 'cat'"), UsesIndex("key=?"));
  EXPECT_THAT(PlanOf("SELECT value FROM v WHERE key = 'cat' AND doc_id = 'doc8'"),
              UsesIndex("key=? AND doc_id=?"));
}

TEST_F(ViewPlansTest, RangesWithOneOrTwoBounds) {
  const std::string order = " ORDER BY key, doc_id";
  const auto plan = [&](const std::string& where) {
    return PlanOf("SELECT key, doc_id FROM v WHERE " + where + order);
  };
  EXPECT_THAT(plan("key > 'cat'"), AllOf(UsesIndex("key>?"), Not(Sorts())));
  EXPECT_THAT(plan("key <= 'cat'"), AllOf(UsesIndex("key<=?"), Not(Sorts())));
  EXPECT_THAT(plan("key BETWEEN 1 AND 'cat'"), AllOf(UsesIndex("key>=? AND key<=?"), Not(Sorts())));
  EXPECT_THAT(plan("key > 'c' AND key > 'car' AND key < 'e' AND key <= 'dog'"),
              AllOf(UsesIndex("key>? AND key>? AND key<? AND key<=?"), Not(Sorts())));
  EXPECT_THAT(plan("key > 'x' AND key < 'c'"), UsesIndex("key>? AND key<?"));
  EXPECT_THAT(plan("key > 'cat' AND key < 'cat'"), UsesIndex("key>? AND key<?"));
  EXPECT_THAT(plan("key IS NOT NULL AND key < 'b'"), UsesIndex("key<?"));
  EXPECT_THAT(PlanOf("SELECT doc_id FROM v WHERE key = 'cat' AND doc_id > 'doc2' "
                     "AND doc_id <= 'doc30' ORDER BY doc_id"),
              AllOf(UsesIndex("key=? AND doc_id>? AND doc_id<=?"), Not(Sorts())));
}

TEST_F(ViewPlansTest, Descending) {
  EXPECT_THAT(PlanOf("SELECT key, doc_id FROM v ORDER BY key DESC, doc_id DESC"),
              AllOf(UsesIndex("scan DESC"), Not(Sorts())));
  EXPECT_THAT(
      PlanOf("SELECT key FROM v WHERE key < 'dog' ORDER BY key DESC, doc_id DESC LIMIT 3 OFFSET 2"),
      AllOf(UsesIndex("key<? DESC"), Not(Sorts())));
}

TEST_F(ViewPlansTest, LimitAndOffset) {
  for (const char* direction : {"", " DESC"}) {
    const std::string d = direction;
    EXPECT_THAT(PlanOf("SELECT key, doc_id FROM v ORDER BY key" + d + ", doc_id" + d +
                       " LIMIT 5 OFFSET 60"),
                Not(Sorts()));
  }
  // By pages: from the last row on.
  EXPECT_THAT(PlanOf("SELECT key, doc_id FROM v WHERE key >= 'cat' AND (key, doc_id) > ('cat', "
                     "'doc20') ORDER BY key, doc_id LIMIT 4"),
              AllOf(HasSubstr("INDEX 0:key>=?"), Not(Sorts())));
}

TEST_F(ViewPlansTest, GlobReadsWhatBeginsLikeThePattern) {
  const std::string select = "SELECT key, doc_id FROM v WHERE key GLOB ";
  const std::string order = " ORDER BY key, doc_id";
  // SQLite adds the bounds of a constant pattern by itself.
  EXPECT_THAT(PlanOf(select + "'ca*'" + order),
              AllOf(UsesIndex("key GLOB ? AND key>=? AND key<?"), Not(Sorts())));
  EXPECT_THAT(PlanOf(select + "'ca' || '*'" + order), AllOf(UsesIndex("key GLOB ?"), Not(Sorts())));
  EXPECT_THAT(PlanOf(select + "'ca*' ORDER BY key DESC, doc_id DESC"),
              AllOf(UsesIndex("key GLOB ? AND key>=? AND key<? DESC"), Not(Sorts())));
  EXPECT_THAT(PlanOf(select + "?1" + order, {"c*"}), AllOf(UsesIndex("key GLOB ?"), Not(Sorts())));
  EXPECT_THAT(PlanOf("SELECT count(*) FROM v WHERE key GLOB 'c*'"),
              UsesIndex("key GLOB ? AND key>=? AND key<?"));
  EXPECT_THAT(PlanOf(select + "'c*' AND key > 'car'" + order),
              UsesIndex("key GLOB ? AND key>? AND key>=? AND key<?"));
  EXPECT_THAT(PlanOf("SELECT doc_id FROM v WHERE key = 'cat' AND doc_id GLOB 'doc1*' "
                     "ORDER BY doc_id"),
              AllOf(UsesIndex("key=? AND doc_id GLOB ? AND doc_id>=? AND doc_id<?"), Not(Sorts())));
}

// GLOB and LIKE look at numbers as text, and LIKE at letters in either case.
TEST_F(ViewPlansTest, PatternsFindAllThatSqliteFinds) {
  std::vector<std::string> patterns;
  for (const char* start : {"", "c", "C", "ca", "cA", "1", "12", "1.", "-", "-1", "I", "i", "In",
                            "-I", "d", "k", "ä", "é", "x"}) {
    for (const char* rest : {"*", "%", "", "?", "_", "[a-z]*", "_%", "*t"}) {
      patterns.push_back(std::string(start) + rest);
    }
  }
  for (const bool case_sensitive : {false, true}) {
    db_->Run(std::string("PRAGMA case_sensitive_like = ") + (case_sensitive ? "ON" : "OFF"));
    for (const std::string& pattern : patterns) {
      // SQLite itself then looks for text only, which infinity is not.
      if (case_sensitive && pattern.find('I') != std::string::npos) continue;
      for (const std::string op : {"GLOB", "LIKE"}) {
        const std::string where = " FROM v WHERE key " + op;
        PlanOf("SELECT key, doc_id" + where + " ?1 ORDER BY key, doc_id", {pattern});
        PlanOf("SELECT key" + where + " ?1 || '' ORDER BY key DESC, doc_id DESC", {pattern});
        PlanOf("SELECT count(*)" + where + " ?1 AND key > 'c' AND key <= 'cat'", {pattern});
      }
    }
  }
}

// Most builds of SQLite look at a BLOB as text, too, which the bounds of a pattern leave out.
TEST_F(ViewPlansTest, OfTwoPatternsOneIsUsedWithoutBounds) {
  EXPECT_THAT(PlanOf("SELECT count(*) FROM v WHERE key GLOB 'c*' AND key LIKE 'C%'"),
              UsesIndex("key LIKE ?"));
  CreateView("blobs",
             "SELECT CAST(tag.value AS BLOB) AS key, tag.value AS value "
             "FROM events, json_each(events.value, '$.tags') AS tag");
  const std::string select = "SELECT count(*) FROM blobs WHERE value = 'cat' AND ";
  EXPECT_EQ(db_->Query(select + "key GLOB 'c*' AND key LIKE 'C%'"),
            db_->Query(select + "+key GLOB 'c*' AND +key LIKE 'C%'"));
}

TEST_F(ViewPlansTest, PatternsThatAreNoText) {
  for (const SqlValue& pattern : {kNull, SqlValue(12), SqlValue(1.5), SqlValue(Blob{"ca*"}),
                                  SqlValue(std::string("cat\0*", 5))}) {
    PlanOf("SELECT key, doc_id FROM v WHERE key GLOB ?1 ORDER BY key, doc_id", {pattern});
    PlanOf("SELECT key, doc_id FROM v WHERE key LIKE ?1 ORDER BY key, doc_id", {pattern});
  }
}

TEST_F(ViewPlansTest, InfinityLooksLikeText) {
  EXPECT_THAT(db_->Query("SELECT key FROM v WHERE key LIKE 'inf%' OR key GLOB '-Inf'"),
              ::testing::UnorderedElementsAre("inf", "-inf"));
}

TEST_F(ViewPlansTest, LikeReadsWhatBeginsLikeThePatternInAnyCase) {
  const std::string select = "SELECT key, doc_id FROM v WHERE key LIKE ";
  EXPECT_THAT(PlanOf(select + "'ca%' ORDER BY key, doc_id"),
              AllOf(UsesIndex("key LIKE ?"), Not(Sorts())));
  EXPECT_THAT(PlanOf(select + "'CA%' ORDER BY key DESC, doc_id DESC"),
              AllOf(UsesIndex("key LIKE ? DESC"), Not(Sorts())));
  EXPECT_THAT(PlanOf("SELECT count(*) FROM v WHERE key LIKE 'c%'"), UsesIndex("key LIKE ?"));
  // A pattern with ESCAPE is SQLite's to check, row by row.
  EXPECT_THAT(PlanOf(select + "'ca%' ESCAPE '\\' ORDER BY key, doc_id"), UsesIndex("scan"));
  db_->Run("PRAGMA case_sensitive_like = ON");
  EXPECT_THAT(PlanOf(select + "'ca%' ORDER BY key, doc_id"),
              AllOf(UsesIndex("key>=? AND key<?"), Not(Sorts())));
}

// An application's own like() or glob() may match anything.
TEST_F(ViewPlansTest, PatternsOfTheApplicationAreLeftToIt) {
  const auto always = [](sqlite3_context* context, int, sqlite3_value**) {
    sqlite3_result_int(context, 1);
  };
  for (const char* name : {"glob", "like"}) {
    ASSERT_EQ(sqlite3_create_function(db_->handle(), name, 2, SQLITE_UTF8, nullptr, always, nullptr,
                                      nullptr),
              SQLITE_OK);
  }
  EXPECT_THAT(PlanOf("SELECT count(*) FROM v WHERE key GLOB 'ca*'"), UsesIndex("scan"));
  EXPECT_THAT(PlanOf("SELECT count(*) FROM v WHERE key LIKE 'ca%'"), UsesIndex("scan"));
}

TEST_F(ViewPlansTest, AllKeysIntersectionSeeksKeyAndDocument) {
  EXPECT_THAT(PlanOf("SELECT a.doc_id FROM v a JOIN v b ON b.doc_id = a.doc_id "
                     "WHERE a.key = 'cat' AND b.key = 'c' ORDER BY a.doc_id"),
              AllOf(HasSubstr("SCAN a VIRTUAL TABLE INDEX 0:key=?;"),
                    HasSubstr("SCAN b VIRTUAL TABLE INDEX 0:key=? AND doc_id=?"), Not(Sorts())));
  EXPECT_THAT(PlanOf("SELECT doc_id FROM v WHERE key = 'cat' AND doc_id IN "
                     "(SELECT doc_id FROM v WHERE key = 'c') ORDER BY doc_id"),
              AllOf(UsesIndex("key=? AND doc_id IN (?)"),
                    HasSubstr("SCAN v VIRTUAL TABLE INDEX 0:key=?;")));
  EXPECT_THAT(PlanOf("SELECT doc_id FROM v a WHERE key = 'cat' AND EXISTS "
                     "(SELECT 0 FROM v b WHERE b.key = 'c' AND b.doc_id = a.doc_id)"),
              HasSubstr("VIRTUAL TABLE INDEX 0:key=? AND doc_id=?"));
  EXPECT_THAT(PlanOf("SELECT doc_id FROM v WHERE key = 'cat' INTERSECT "
                     "SELECT doc_id FROM v WHERE key = 'c'"),
              Not(UsesIndex("scan")));
}

TEST_F(ViewPlansTest, GroupByTheKeyNeedsNoSorter) {
  EXPECT_THAT(PlanOf("SELECT key, count(*) FROM v GROUP BY key"), Not(Sorts()));
  EXPECT_THAT(PlanOf("SELECT key, count(*) FROM v GROUP BY key ORDER BY key DESC"),
              AllOf(UsesIndex("scan DESC"), Not(Sorts())));
  EXPECT_THAT(PlanOf("SELECT key, count(*) FROM v WHERE key GLOB 'c*' GROUP BY key"),
              AllOf(UsesIndex("key GLOB ? AND key>=? AND key<?"), Not(Sorts())));
  EXPECT_THAT(PlanOf("SELECT key, doc_id, count(*) FROM v GROUP BY key, doc_id"), Not(Sorts()));
  EXPECT_THAT(PlanOf("SELECT a, count(*) FROM pairs GROUP BY a"), Not(Sorts()));
  EXPECT_THAT(PlanOf("SELECT a, b, count(*) FROM pairs GROUP BY a, b"), Not(Sorts()));
  EXPECT_THAT(PlanOf("SELECT b, count(*) FROM pairs WHERE a = 1 GROUP BY b"), Not(Sorts()));
}

TEST_F(ViewPlansTest, DistinctKeysInOrderNeedNoSorter) {
  EXPECT_THAT(PlanOf("SELECT DISTINCT key FROM v ORDER BY key"), Not(Sorts()));
  EXPECT_THAT(PlanOf("SELECT DISTINCT key FROM v ORDER BY key DESC"),
              AllOf(UsesIndex("scan DESC"), Not(HasSubstr("ORDER BY"))));
  EXPECT_THAT(PlanOf("SELECT DISTINCT a, b FROM pairs ORDER BY a, b"), Not(Sorts()));
  EXPECT_THAT(PlanOf("SELECT DISTINCT b FROM pairs WHERE a = 1 ORDER BY b"), Not(Sorts()));
  EXPECT_THAT(PlanOf("SELECT count(*) FROM (SELECT 0 FROM v GROUP BY key)"), Not(Sorts()));
}

// Groups may come in any order, but for an ORDER BY that SQLite then does not sort for.
TEST_F(ViewPlansTest, OtherOrdersThanTheIndexAreSorted) {
  for (const char* sql :
       {"SELECT b, a, count(*) FROM pairs GROUP BY b, a ORDER BY b, a",
        "SELECT b, count(*) FROM pairs GROUP BY b", "SELECT DISTINCT b, a FROM pairs ORDER BY b, a",
        "SELECT DISTINCT a, b FROM pairs ORDER BY b, a",
        "SELECT a, b, doc_id FROM pairs ORDER BY a, b DESC, doc_id",
        "SELECT key, doc_id FROM v WHERE key IN ('cat', 'car') ORDER BY doc_id, key",
        "SELECT a, b, count(*) FROM pairs GROUP BY a, b ORDER BY a DESC, b"}) {
    EXPECT_THAT(PlanOf(sql), Sorts()) << sql;
  }
}

TEST_F(ViewPlansTest, ListsAreReadInOrderInOnePass) {
  const std::string list = "(12, 'cat', 1.5, NULL, 'car', 'car', 12.0, 'none')";
  EXPECT_THAT(PlanOf("SELECT key, doc_id FROM v WHERE key IN " + list + " ORDER BY key, doc_id"),
              AllOf(UsesIndex("key IN (?)"), Not(Sorts())));
  EXPECT_THAT(PlanOf("SELECT key, doc_id FROM v WHERE key IN " + list +
                     " ORDER BY key DESC, doc_id DESC LIMIT 7"),
              AllOf(UsesIndex("key IN (?) DESC"), Not(Sorts())));
  EXPECT_THAT(PlanOf("SELECT key, count(*) FROM v WHERE key IN " + list + " GROUP BY key"),
              AllOf(UsesIndex("key IN (?)"), Not(Sorts())));
  EXPECT_THAT(PlanOf("SELECT key, doc_id FROM v WHERE key IN ('cat', 'car') AND doc_id > 'doc2' "
                     "ORDER BY key, doc_id"),
              AllOf(UsesIndex("key IN (?) AND doc_id>?"), Not(Sorts())));
  EXPECT_THAT(PlanOf("SELECT key FROM v WHERE key IN (SELECT key FROM plain_v WHERE key > 'cat') "
                     "ORDER BY key"),
              AllOf(UsesIndex("key IN (?)"), Not(Sorts())));
  EXPECT_THAT(PlanOf("SELECT a, b, doc_id FROM pairs WHERE a IN (2, 0) AND b = 'cat' "
                     "ORDER BY a, doc_id"),
              AllOf(UsesIndex("a IN (?) AND b=?"), Not(Sorts())));
  EXPECT_THAT(PlanOf("SELECT a, b, doc_id FROM pairs WHERE a = 1 AND b IN ('dog', 'cat') "
                     "ORDER BY b DESC, doc_id DESC"),
              AllOf(UsesIndex("a=? AND b IN (?) DESC"), Not(Sorts())));
  EXPECT_THAT(PlanOf("SELECT key FROM v WHERE key IN (SELECT 1 WHERE 0) ORDER BY key"),
              UsesIndex("key IN (?)"));
}

// Where no order is asked for, or several lists are, SQLite goes through a list by itself.
TEST_F(ViewPlansTest, OtherListsAreReadValueByValue) {
  EXPECT_THAT(PlanOf("SELECT count(*) FROM v WHERE key IN ('cat', 'dog', 12)"), UsesIndex("key=?"));
  EXPECT_THAT(PlanOf("SELECT a, b, doc_id FROM pairs WHERE a IN (2, 0) AND b IN ('dog', 'cat') "
                     "ORDER BY a, b, doc_id"),
              AllOf(UsesIndex("a=? AND b=?"), Sorts()));
  EXPECT_THAT(PlanOf("SELECT count(*) FROM v WHERE key IN ('cat', 'dog') AND key = 'cat'"),
              UsesIndex("key=?"));
}

TEST_F(ViewPlansTest, SeveralKeyColumns) {
  EXPECT_THAT(PlanOf("SELECT b, doc_id FROM pairs WHERE a = 1 ORDER BY b, doc_id"),
              AllOf(UsesIndex("a=?"), Not(Sorts())));
  EXPECT_THAT(PlanOf("SELECT doc_id FROM pairs WHERE a = 1 AND b = 'cat' ORDER BY doc_id"),
              AllOf(UsesIndex("a=? AND b=?"), Not(Sorts())));
  EXPECT_THAT(PlanOf("SELECT b, doc_id FROM pairs WHERE a = 1 AND b > 1 AND b <= 'cat' "
                     "ORDER BY b DESC, doc_id DESC"),
              AllOf(UsesIndex("a=? AND b>? AND b<=? DESC"), Not(Sorts())));
  EXPECT_THAT(PlanOf("SELECT b, doc_id FROM pairs WHERE a = 1 AND b GLOB 'c*' ORDER BY b, doc_id"),
              AllOf(UsesIndex("a=? AND b GLOB ? AND b>=? AND b<?"), Not(Sorts())));
  EXPECT_THAT(PlanOf("SELECT a, b FROM pairs WHERE a >= 1 AND b = 'cat' ORDER BY a, doc_id"),
              UsesIndex("a>=?"));
  EXPECT_THAT(PlanOf("SELECT a, doc_id FROM pairs WHERE b = 'cat' ORDER BY a, b, doc_id"),
              AllOf(UsesIndex("scan"), Not(Sorts())));
  EXPECT_THAT(PlanOf("SELECT a FROM pairs WHERE a IS NULL AND b IS NULL"),
              UsesIndex("a IS ? AND b IS ?"));
}

TEST_F(ViewPlansTest, UncommittedRowsAreInTheirPlaces) {
  db_->Run("BEGIN");
  Append("doc3", R"({"a":1,"tags":["cab","cat","Car",1]})");
  Append("doc8", kNull);
  db_->Run("DELETE FROM plain_v; INSERT INTO plain_v SELECT * FROM v");
  PlanOf("SELECT key, doc_id FROM v WHERE key GLOB 'ca*' ORDER BY key, doc_id");
  PlanOf("SELECT key, doc_id FROM v WHERE key LIKE 'ca%' ORDER BY key DESC, doc_id DESC");
  PlanOf("SELECT key, doc_id FROM v WHERE key IN ('cat', 'cab', 1) ORDER BY key, doc_id");
  EXPECT_THAT(db_->Query("SELECT key FROM v WHERE key GLOB 'cab*'"), ElementsAre("'cab'"));
}

TEST_F(ViewPlansTest, TheLogIsReadByNumberInEitherDirection) {
  db_->Run(
      "CREATE TABLE entries(seq INTEGER PRIMARY KEY, key);"
      "INSERT INTO entries SELECT seq, key FROM events");
  const std::vector<std::string> bounds = {"",           "seq > 5",  "seq >= 5", "seq < 5",
                                           "seq <= 5",   "seq > 41", "seq < 1",  "seq >= 9.5",
                                           "seq <= 9.5", "seq = 7",  "seq > 'x'"};
  for (const std::string& lower : bounds) {
    for (const std::string& upper : bounds) {
      std::string where = lower.empty() ? "" : " WHERE " + lower;
      if (!upper.empty()) where += (where.empty() ? " WHERE " : " AND ") + upper;
      for (const std::string direction : {"", " DESC"}) {
        for (const std::string limit : {"", " LIMIT 3", " LIMIT 2 OFFSET 1", " LIMIT 0"}) {
          const std::string rest = where + " ORDER BY seq" + direction + limit;
          EXPECT_EQ(db_->Query("SELECT seq, key FROM events" + rest),
                    db_->Query("SELECT seq, key FROM entries" + rest))
              << rest;
          const std::string plan = db_->Plan("SELECT seq FROM events" + rest);
          EXPECT_THAT(plan, AllOf(HasSubstr("INDEX 0:"), Not(Sorts())));
          EXPECT_EQ(plan.find(" DESC; ") != std::string::npos, !direction.empty()) << plan;
        }
      }
    }
  }
}

}  // namespace
}  // namespace streamview::testing
