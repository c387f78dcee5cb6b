// Views with reduce, as SQL sees them.

#include "tests/ext/testing/fixture.h"
#include "tests/ext/testing/model.h"

namespace streamview::testing {
namespace {

using ::testing::_;
using ::testing::AllOf;
using ::testing::HasSubstr;

class ReduceViewTest : public DatabaseTest {
 protected:
  // Sales: `sales` keeps the statistics of `amount` by year and month, `sales_rows` the rows.
  void CreateSales() {
    CreateLog();
    const std::string map =
        "SELECT value ->> '$.year' AS year, value ->> '$.month' AS month, "
        "value ->> '$.amount' AS amount FROM events";
    db_->Run(
        "CREATE VIRTUAL TABLE sales USING sv_view(log = events, keys = 2, reduce = 'stats', "
        "map = (" +
        map + "))");
    db_->Run("CREATE VIRTUAL TABLE sales_rows USING sv_view(log = events, keys = 2, map = (" + map +
             "))");
  }
  void Sell(const SqlValue& key, int year, int month, const std::string& amount) {
    Append(key, "{\"year\":" + std::to_string(year) + ",\"month\":" + std::to_string(month) +
                    ",\"amount\":" + amount + "}");
  }
  void SellSome() {
    int n = 0;
    for (const int year : {2022, 2023, 2024}) {
      for (int month = 1; month <= 12; ++month) {
        for (int i = 0; i < 3; ++i, ++n) {
          Sell("sale/" + std::to_string(n), year, month, std::to_string(n * 7 % 50));
        }
      }
    }
  }
  // That `sales` says the same as SQLite makes of `sales_rows`, for a query with the columns of the
  // first in its place %.
  void ExpectSame(const std::string& where) {
    const Lines expected = db_->Query(
        "SELECT * FROM (SELECT year, month, count(*) AS count, sum(amount) AS sum, min(amount) AS "
        "min, max(amount) AS max, sum(amount * amount) AS sumsqr FROM sales_rows GROUP BY year, "
        "month) " +
        where);
    EXPECT_EQ(db_->Query("SELECT * FROM sales " + where), expected) << where;
    EXPECT_FALSE(expected.empty()) << where;
  }
};

TEST_F(ReduceViewTest, CountsSumsAndStats) {
  CreateLog();
  db_->Run(
      "CREATE VIRTUAL TABLE counts USING sv_view(log = events, emit = '$.tags[*]', reduce = count);"
      "CREATE VIRTUAL TABLE sums USING sv_view(log = events, emit = '$.tags[*]', value = '$.n', "
      "reduce = 'sum');"
      "CREATE VIRTUAL TABLE stats USING sv_view(log = events, emit = '$.tags[*]', value = '$.n', "
      "reduce = STATS)");
  Append("a", R"({"tags":["cat","black"],"n":3})");
  Append("b", R"({"tags":["cat"],"n":1.5})");
  EXPECT_EQ(db_->Query("SELECT * FROM counts"), (Lines{"'black'|1", "'cat'|2"}));
  EXPECT_EQ(db_->Query("SELECT * FROM sums"), (Lines{"'black'|3", "'cat'|4.5"}));
  EXPECT_EQ(db_->Query("SELECT * FROM stats"),
            (Lines{"'black'|1|3|3|3|9", "'cat'|2|4.5|1.5|3|11.25"}));
  EXPECT_EQ(db_->Query("SELECT name FROM pragma_table_info('stats')"),
            (Lines{"'key'", "'count'", "'sum'", "'min'", "'max'", "'sumsqr'"}));
  EXPECT_EQ(db_->Query("SELECT definition FROM sv_status WHERE name = 'sums'"),
            (Lines{"'log=events, emit=''$.tags[*]'', value=''$.n'', reduce=''sum'''"}));
}

TEST_F(ReduceViewTest, FollowsUpdatesAndDeletesOfDocuments) {
  CreateSales();
  SellSome();
  db_->Run(
      "CREATE VIRTUAL TABLE docs USING sv_docs(log = events);"
      "UPDATE docs SET value = json_set(value, '$.amount', 100) WHERE key GLOB 'sale/1*';"
      "DELETE FROM docs WHERE key GLOB 'sale/2*'");
  ExpectSame("ORDER BY year, month");
  // The least and the greatest value, too, after these have gone.
  db_->Run("DELETE FROM docs WHERE value ->> '$.amount' IN (100, 0)");
  ExpectSame("ORDER BY year, month");
  db_->Run("INSERT INTO sales(sales) VALUES ('integrity-check')");
  db_->Run("DELETE FROM docs");
  EXPECT_EQ(db_->Query("SELECT * FROM sales"), Lines());
}

TEST_F(ReduceViewTest, IsReadByKeyRangeAndLeadingColumns) {
  CreateSales();
  SellSome();
  for (const char* where :
       {"WHERE year = 2023 AND month = 5", "WHERE year = 2023 ORDER BY month",
        "WHERE year = 2023 ORDER BY month DESC", "WHERE year >= 2023 ORDER BY year, month",
        "WHERE year < 2024 ORDER BY year DESC, month DESC LIMIT 5",
        "WHERE year = 2022 AND month BETWEEN 3 AND 6 ORDER BY month",
        "WHERE year IN (2022, 2024) ORDER BY year, month",
        "WHERE year = 2022 AND month = 1 OR year = 2024 AND month > 11 ORDER BY year",
        "WHERE count = 3 AND max > 45 ORDER BY year, month"}) {
    ExpectSame(where);
  }
}

TEST_F(ReduceViewTest, PlansAreThoseOfOtherViews) {
  CreateSales();
  const auto plan = [&](const std::string& sql) { return db_->Plan("SELECT * FROM sales " + sql); };
  EXPECT_EQ(plan("WHERE year = 2023 AND month = 5"),
            "SCAN sales VIRTUAL TABLE INDEX 0:year=? AND month=?; ");
  EXPECT_EQ(plan("WHERE year = 2023 AND month > 5 ORDER BY month DESC"),
            "SCAN sales VIRTUAL TABLE INDEX 0:year=? AND month>? DESC; ");
  EXPECT_EQ(plan("ORDER BY year DESC, month DESC"), "SCAN sales VIRTUAL TABLE INDEX 0:scan DESC; ");
  EXPECT_EQ(db_->Plan("SELECT year, sum(count) FROM sales GROUP BY year"),
            "SCAN sales VIRTUAL TABLE INDEX 0:scan; ");
  // What is reduced is no part of the index.
  EXPECT_THAT(plan("ORDER BY year, month, count"), HasSubstr("TEMP B-TREE"));
}

TEST_F(ReduceViewTest, LeadingColumnsAreSummedUpFromWhatIsStored) {
  CreateSales();
  SellSome();
  EXPECT_EQ(db_->Query("SELECT year, sum(count), sum(sum), min(min), max(max), sum(sumsqr) "
                       "FROM sales GROUP BY year"),
            db_->Query("SELECT year, count(*), sum(amount), min(amount), max(amount), "
                       "sum(amount * amount) FROM sales_rows GROUP BY year"));
}

TEST_F(ReduceViewTest, PrefixesAndTypesOfKeys) {
  CreateLog();
  db_->Run(
      "CREATE VIRTUAL TABLE v USING sv_view(log = events, reduce = 'count', "
      "map = (SELECT value AS k FROM events))");
  for (const SqlValue& value :
       {SqlValue("cat"), SqlValue("car"), SqlValue("dog"), kNull, SqlValue(1), SqlValue(1.0),
        SqlValue(2.5), SqlValue(Blob{"cat"}), SqlValue("cat")}) {
    Append(kNull, value);
  }
  EXPECT_EQ(db_->Query("SELECT * FROM v"),
            (Lines{"NULL|1", "1|2", "2.5|1", "'car'|1", "'cat'|2", "'dog'|1", "x'636174'|1"}));
  EXPECT_EQ(db_->Query("SELECT * FROM v WHERE k GLOB 'ca*' AND typeof(k) = 'text'"),
            (Lines{"'car'|1", "'cat'|2"}));
  EXPECT_EQ(db_->Query("SELECT * FROM v WHERE k IS NULL"), (Lines{"NULL|1"}));
  EXPECT_EQ(db_->Query("SELECT * FROM v WHERE k = 1.0"), (Lines{"1|2"}));
  EXPECT_EQ(db_->Query("SELECT * FROM v WHERE k IN ('dog', 'cat', 'cow') ORDER BY k DESC"),
            (Lines{"'dog'|1", "'cat'|2"}));
  EXPECT_EQ(db_->Query("SELECT * FROM v WHERE k = 'cat' OR k > 'car' OR k < 2"),
            (Lines{"'cat'|2", "'dog'|1", "x'636174'|1", "1|2"}));
}

TEST_F(ReduceViewTest, OwnUncommittedChangesAreSeenAndUndone) {
  CreateSales();
  SellSome();
  const Lines before = db_->Query("SELECT * FROM sales");
  db_->Run("BEGIN");
  Sell("sale/0", 2022, 1, "1000");
  Sell("sale/1", 2030, 1, "0.5");
  db_->Run("SAVEPOINT s");
  Append("sale/2", kNull);
  ExpectSame("ORDER BY year, month");
  auto other = Connect();
  EXPECT_EQ(other->Query("SELECT * FROM sales"), before);
  db_->Run("ROLLBACK TO s");
  ExpectSame("ORDER BY year, month");
  db_->Run("ROLLBACK");
  EXPECT_EQ(db_->Query("SELECT * FROM sales"), before);
}

TEST_F(ReduceViewTest, ADocumentWithAValueThatIsNoNumberIsAnError) {
  CreateLog();
  db_->Run(
      "CREATE VIRTUAL TABLE v USING sv_view(log = events, emit = '$.tags[*]', value = '$.n', "
      "reduce = 'sum')");
  Append("a", R"({"tags":["x"],"n":1})");
  Append("b", R"({"tags":["x","y"],"n":"many"})");
  Append("c", R"({"tags":["x"]})");
  EXPECT_EQ(db_->Query("SELECT * FROM v"), (Lines{"'x'|1"}));
  EXPECT_EQ(db_->Query("SELECT seq, doc_id, message FROM sv_errors"),
            (Lines{"2|'b'|'reduce = ''sum'' takes finite numbers, and the map emits the value "
                   "''many'''",
                   "3|'c'|'reduce = ''sum'' takes finite numbers, and the map emits the value "
                   "NULL'"}));
  Append("b", R"({"tags":["x","y"],"n":10})");
  Append("c", kNull);
  EXPECT_EQ(db_->Query("SELECT * FROM v"), (Lines{"'x'|11", "'y'|10"}));
  EXPECT_EQ(db_->Query("SELECT * FROM sv_errors"), Lines());
}

TEST_F(ReduceViewTest, OnErrorStopHaltsThere) {
  CreateLog();
  db_->Run(
      "CREATE VIRTUAL TABLE v USING sv_view(log = events, emit = '$.tags[*]', value = '$.n', "
      "reduce = 'sum', on_error = 'stop')");
  Append("a", R"({"tags":["x"],"n":1})");
  EXPECT_EQ(db_->Query("SELECT * FROM v"), (Lines{"'x'|1"}));
  Append("a", R"({"tags":["x"],"n":"many"})");
  EXPECT_THAT(db_->Try("SELECT * FROM v"), Fails(SQLITE_ERROR, HasSubstr("takes finite numbers")));
  Append("a", R"({"tags":["x"],"n":3})");
  db_->Run("INSERT INTO v(v) VALUES ('rebuild')");
  EXPECT_EQ(db_->Query("SELECT * FROM v"), (Lines{"'x'|3"}));
}

TEST_F(ReduceViewTest, DefinitionsThatDoNotFitAreRefused) {
  CreateLog();
  const auto create = [&](const std::string& options) {
    return db_->Try("CREATE VIRTUAL TABLE v USING sv_view(log = events, " + options + ")");
  };
  EXPECT_THAT(create("emit = '$.a', reduce = 'max'"),
              Fails(SQLITE_ERROR, HasSubstr("expected one of: count, sum, stats")));
  EXPECT_THAT(create("emit = '$.a', reduce = 'sum'"),
              Fails(SQLITE_ERROR, HasSubstr("reduce = 'sum' needs option value")));
  EXPECT_THAT(
      create("emit = '$.a', value = '$.b', reduce = 'count'"),
      Fails(SQLITE_ERROR, HasSubstr("no column but the key columns, and the map gives, with "
                                    "keys = 1, 2 columns: key, value")));
  EXPECT_THAT(
      create("reduce = 'stats', map = (SELECT 1 AS a, 2 AS b, 3 AS c FROM events)"),
      Fails(SQLITE_ERROR, HasSubstr("reduce = 'stats' wants one column after the key columns, "
                                    "and the map gives, with keys = 1, 3 columns: a, b, c")));
  EXPECT_THAT(create("reduce = 'sum', map = (SELECT 1 AS a FROM events)"),
              Fails(SQLITE_ERROR, HasSubstr("1 column: a")));
  EXPECT_THAT(create("reduce = 'count', map = (SELECT 1 AS a, 2 AS b FROM events)"),
              Fails(SQLITE_ERROR, HasSubstr("with keys = 1, 2 columns: a, b")));
  EXPECT_THAT(
      create("reduce = 'count', map = (SELECT 1 AS count FROM events)"),
      Fails(SQLITE_ERROR, HasSubstr("\"count\" is taken (each view with reduce = 'count' has "
                                    "count and a column called as itself)")));
  // What other views have is free.
  EXPECT_THAT(
      create("reduce = 'count', keys = 2, map = (SELECT 1 AS seq, 2 AS doc_id FROM events)"),
      Succeeds());
}

TEST_F(ReduceViewTest, IsReadOnlyAndTakesCommands) {
  CreateSales();
  SellSome();
  EXPECT_THAT(db_->Try("DELETE FROM sales"), Fails(SQLITE_READONLY, HasSubstr("append to events")));
  EXPECT_THAT(db_->Try("UPDATE sales SET count = 1"), Fails(SQLITE_READONLY, _));
  EXPECT_THAT(db_->Try("INSERT INTO sales VALUES (1, 2, 3, 4, 5, 6, 7)"),
              Fails(SQLITE_READONLY, _));
  EXPECT_THAT(db_->Try("INSERT INTO sales(sales) VALUES ('what')"),
              Fails(SQLITE_ERROR, HasSubstr("unknown command")));
  EXPECT_THAT(db_->Try("INSERT INTO sales(sales, year) VALUES ('flush', 1)"),
              Fails(SQLITE_ERROR, HasSubstr("takes no other values")));
  for (const std::string command : {"rebuild", "optimize", "integrity-check", "flush"}) {
    db_->Run("INSERT INTO sales(sales) VALUES (?1)", {command});
    ExpectSame("ORDER BY year, month");
  }
}

TEST_F(ReduceViewTest, SurvivesReopeningAndRenaming) {
  CreateSales();
  SellSome();
  const Lines before = db_->Query("SELECT * FROM sales");
  Reopen();
  EXPECT_EQ(db_->Query("SELECT * FROM sales"), before);
  db_->Run("ALTER TABLE sales RENAME TO takings");
  Reopen();
  EXPECT_EQ(db_->Query("SELECT * FROM takings"), before);
  EXPECT_THAT(db_->Try("ALTER TABLE takings RENAME TO sumsqr"),
              Fails(SQLITE_ERROR, HasSubstr("cannot be called")));
}

TEST_F(ReduceViewTest, AnotherReduceIsAnotherView) {
  CreateLog();
  const auto create = [&](const std::string& reduce) {
    db_->Run(
        "BEGIN; DROP TABLE IF EXISTS v; CREATE VIRTUAL TABLE v USING sv_view(log = events, "
        "emit = '$.a', value = '$.b'" +
        reduce + "); COMMIT");
  };
  Append("x", R"({"a":1,"b":5})");
  create("");
  EXPECT_EQ(db_->Query("SELECT * FROM v"), (Lines{"1|5|'x'|1"}));
  create(", reduce = 'sum'");
  EXPECT_EQ(db_->Query("SELECT * FROM v"), (Lines{"1|5"}));
  create(", reduce = 'stats'");
  EXPECT_EQ(db_->Query("SELECT * FROM v"), (Lines{"1|1|5|5|5|25"}));
}

TEST_F(ReduceViewTest, EventualReadsWaitForNothing) {
  CreateSales();
  SellSome();
  db_->Run("SELECT sv_wait(sv_seq())");
  const Lines before = db_->Query("SELECT * FROM sales");
  db_->Run("SELECT sv_consistency('eventual')");
  EXPECT_EQ(db_->Query("SELECT * FROM sales"), before);
  Sell("sale/1", 2022, 1, "77");
  db_->Run("SELECT sv_consistency('session')");
  ExpectSame("ORDER BY year, month");
}

}  // namespace
}  // namespace streamview::testing
