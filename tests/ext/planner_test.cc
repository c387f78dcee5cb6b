// Random queries on a view and on the log, against ordinary tables with the same rows: whatever the
// plan, the answer must be the same.

#include <algorithm>
#include <chrono>

#include "tests/ext/testing/fixture.h"
#include "tests/ext/testing/seed.h"

namespace streamview::testing {
namespace {

// SQL literals of the values that occur in the rows, and of some that do not.
const std::vector<std::string>& Literals() {
  static const auto* literals = new std::vector<std::string>{
      "NULL", "0",   "1",   "2",    "3",   "1.0",   "1.5", "-1",   "''",
      "'a'",  "'b'", "'A'", "'ab'", "x''", "x'61'", "'1'", "1e99", "-1e99"};
  return *literals;
}

const std::vector<std::string>& Patterns() {
  static const auto* patterns =
      new std::vector<std::string>{"GLOB 'a*'", "GLOB '[a-z]*'", "GLOB '1*'", "GLOB '-*'",
                                   "LIKE 'A%'", "LIKE '_b'",     "LIKE '1%'"};
  return *patterns;
}

// A random query, the same for either table: `Text(table)` is the SQL.
class RandomQuery {
 public:
  // `columns`: in the order of the index.
  RandomQuery(Random& random, const std::vector<std::string>& columns)
      : random_(random), columns_(columns) {
    where_ = Where();
    if (random_.OneIn(6)) {
      group_ = random_.OneIn(2) ? columns_[0] : columns_[0] + ", " + columns_[1];
    } else {
      MakeOrder();
    }
  }

  std::string Text(const std::string& table) const {
    const std::string from = " FROM " + table + where_;
    if (!group_.empty()) {
      return "SELECT " + group_ + ", count(*), min(seq), max(seq)" + from + " GROUP BY " + group_;
    }
    std::string list;
    for (const std::string& column : columns_) list += (list.empty() ? "" : ", ") + column;
    return "SELECT " + list + from + order_ + limit_;
  }

  // The columns that the order of the rows is fixed by, as positions in the answer.
  const std::vector<size_t>& ordered_columns() const { return ordered_columns_; }

 private:
  std::string Condition(bool in_or) {
    const std::string& column = random_.Pick(columns_);
    static const std::vector<std::string> kOperators = {
        "=", "=", "=", "<", "<=", ">", ">=", "IS", "<>", "IS NOT"};
    switch (random_.Below(10)) {
      case 0:
        return column + " IN (" + random_.Pick(Literals()) + ", " + random_.Pick(Literals()) +
               ", " + random_.Pick(Literals()) + ")";
      case 1:
        return column + " BETWEEN " + random_.Pick(Literals()) + " AND " + random_.Pick(Literals());
      case 2:
        return column + (random_.OneIn(2) ? " IS NULL" : " IS NOT NULL");
      case 3:
        // SQLite 3.40 makes an IN of an OR of equalities and then forgets their collation, in an
        // ordinary table as well wherever an index serves the IN.
        return column + " " + random_.Pick(kOperators) + " " + random_.Pick(Literals()) +
               (in_or ? "" : " COLLATE NOCASE");
      case 4:
        return column + " " + random_.Pick(Patterns());
      case 5:
        return column + " = " + random_.Pick(columns_);
      default:
        return column + " " + random_.Pick(kOperators) + " " + random_.Pick(Literals());
    }
  }

  std::string Where() {
    std::string where;
    const bool has_or = random_.OneIn(4);
    for (int i = random_.Below(5); i > 0; --i) {
      where += where.empty() ? " WHERE " : has_or && random_.OneIn(2) ? " OR " : " AND ";
      where += Condition(has_or);
    }
    return where;
  }

  void MakeOrder() {
    // Leading columns in order are what an index can give; any column is what it cannot.
    const bool leading = !random_.OneIn(3);
    const std::string direction = random_.OneIn(2) ? " DESC" : "";
    const int count = random_.Below(static_cast<int>(columns_.size()) + 1);
    for (int i = 0; i < count; ++i) {
      const size_t column = leading ? i : random_.Below(static_cast<int>(columns_.size()));
      order_ += (i == 0 ? " ORDER BY " : ", ") + columns_[column] +
                (leading            ? direction
                 : random_.OneIn(2) ? " DESC"
                                    : "");
      ordered_columns_.push_back(column);
    }
    if (!random_.OneIn(3)) return;
    // Which rows a LIMIT leaves is fixed only where the order is complete.
    for (size_t i = 0; i < columns_.size(); ++i) {
      order_ += (order_.empty() ? " ORDER BY " : ", ") + columns_[i] + direction;
      ordered_columns_.push_back(i);
    }
    limit_ = " LIMIT " + std::to_string(random_.Below(6)) + " OFFSET " +
             std::to_string(random_.Below(3));
  }

  Random& random_;
  const std::vector<std::string>& columns_;
  std::string where_, group_, order_, limit_;
  std::vector<size_t> ordered_columns_;
};

class PlannerTest : public DatabaseTest {
 protected:
  PlannerTest() { CreateLog(); }

  // The same rows, and the same values in the columns that fix the order.
  void ExpectSame(const RandomQuery& query, const std::string& table) {
    std::vector<Row> actual = db_->QueryRows(query.Text(table));
    std::vector<Row> expected = db_->QueryRows(query.Text("plain"));
    for (size_t i = 0; i < std::min(actual.size(), expected.size()); ++i) {
      for (const size_t column : query.ordered_columns()) {
        EXPECT_EQ(CompareSql(actual[i].at(column), expected[i].at(column)), 0);
      }
    }
    Lines actual_lines = ToSortedLines(actual);
    EXPECT_EQ(actual_lines, ToSortedLines(expected)) << query.Text(table) << "\n"
                                                     << db_->Plan(query.Text(table));
  }

  void RunRandomQueries(const std::string& table, const std::vector<std::string>& columns) {
    Random random(TestSeed());
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(3);
    // On a machine that is busy, no more queries than are needed to have met every shape.
    const auto goes_on = [&](int i) {
      return i < 500 || (i < 3000 && std::chrono::steady_clock::now() < end);
    };
    for (int i = 0; goes_on(i) && !HasFailure(); ++i) {
      const RandomQuery query(random, columns);
      SCOPED_TRACE(query.Text(table));
      ExpectSame(query, table);
    }
  }

  static Lines ToSortedLines(const std::vector<Row>& rows) {
    Lines lines;
    for (const Row& row : rows) lines.push_back(ToLine(row));
    std::sort(lines.begin(), lines.end());
    return lines;
  }
};

TEST_F(PlannerTest, RandomQueriesOnAViewAnswerAsOnAnOrdinaryTable) {
  db_->Run(
      "CREATE VIRTUAL TABLE pairs USING sv_view(log = events, keys = 2, map = ("
      "SELECT a.value AS a, b.value AS b, a.id AS c "
      "FROM events, json_each(events.value, '$.a') AS a, json_each(events.value, '$.b') AS b))");
  const std::vector<std::string> json = {"null",   "0",     "1",     "2",        "1.0",
                                         "1.5",    "\"\"",  "\"a\"", "\"b\"",    "\"A\"",
                                         "\"ab\"", "\"1\"", "3",     "\"a\\tb\""};
  const std::vector<SqlValue> keys = {"a", "b", "ab", "", 1, -1, 1.5, Blob{""}, Blob{"a"}};
  Random random(1);
  for (int i = 0; i < 60; ++i) {
    const auto pick = [&] { return random.Pick(json) + "," + random.Pick(json); };
    Append(random.OneIn(4) ? kNull : random.Pick(keys),
           "{\"a\":[" + pick() + "],\"b\":[" + pick() + "]}");
  }
  db_->Run(
      "CREATE TABLE plain(a, b, c, doc_id, seq INTEGER);"
      "INSERT INTO plain SELECT * FROM pairs");
  ASSERT_GT(db_->Integer("SELECT count(*) FROM plain"), 50);
  RunRandomQueries("pairs", {"a", "b", "doc_id", "seq", "c"});
}

TEST_F(PlannerTest, RandomQueriesOnTheLogAnswerAsOnAnOrdinaryTable) {
  const std::vector<SqlValue> values = {kNull, 0,   1,    1.0, 1.5,      -1,       "",
                                        "a",   "A", "ab", "1", Blob{""}, Blob{"a"}};
  Random random(2);
  for (int i = 0; i < 40; ++i) Append(random.Pick(values), random.Pick(values));
  db_->Run(
      "CREATE TABLE plain(seq INTEGER PRIMARY KEY, time INTEGER, key, value);"
      "INSERT INTO plain SELECT * FROM events");
  RunRandomQueries("events", {"seq", "time", "key", "value"});
}

TEST_F(PlannerTest, JoinsOfAViewWithItsLogAndWithItselfAnswerRight) {
  CreateView("view_tags");
  for (int i = 0; i < 12; ++i) {
    Append("doc" + std::to_string(i), "{\"location\":\"l" + std::to_string(i % 4) +
                                          "\",\"tags\":[\"t" + std::to_string(i % 2) + "\",\"t" +
                                          std::to_string(i % 3 + 1) + "\"]}");
  }
  db_->Run(
      "CREATE TABLE plain(key, value, doc_id, seq); INSERT INTO plain SELECT * FROM view_tags;"
      "CREATE TABLE entries(seq INTEGER PRIMARY KEY, time, key, value);"
      "INSERT INTO entries SELECT * FROM events;"
      "CREATE TABLE wanted(k); INSERT INTO wanted VALUES ('t1'), ('t9'), (NULL), ('t2')");
  const auto expect_same = [&](std::string sql) {
    const Lines actual = db_->Query(sql);
    EXPECT_FALSE(actual.empty()) << sql;
    for (const auto& [table, ordinary] :
         {std::pair<std::string, std::string>{"view_tags", "plain"}, {"events", "entries"}}) {
      for (size_t at; (at = sql.find(table)) != std::string::npos;) {
        sql.replace(at, table.size(), ordinary);
      }
    }
    EXPECT_EQ(actual, db_->Query(sql)) << sql;
  };
  expect_same("SELECT v.key, e.key FROM view_tags v JOIN events e USING (seq) ORDER BY 1, 2");
  expect_same(
      "SELECT x.doc_id, y.doc_id FROM view_tags x JOIN view_tags y ON x.key = y.value "
      "OR x.doc_id = y.doc_id ORDER BY 1, 2");
  expect_same(
      "SELECT k, doc_id FROM wanted LEFT JOIN view_tags ON key = k AND doc_id > 'doc3' "
      "ORDER BY k, doc_id");
  expect_same(
      "SELECT k, doc_id FROM wanted LEFT JOIN view_tags ON key = k WHERE doc_id IS NULL "
      "ORDER BY k");
  expect_same("SELECT doc_id FROM view_tags WHERE key IN (SELECT k FROM wanted) ORDER BY 1");
  expect_same(
      "SELECT key, doc_id FROM view_tags WHERE key IN ('t2', 't1') ORDER BY key, doc_id LIMIT 3");
  expect_same(
      "SELECT key, doc_id FROM view_tags WHERE key IN ('t1', 't2') "
      "ORDER BY key DESC, doc_id DESC LIMIT 3");
  expect_same("SELECT min(key), max(key), count(DISTINCT key) FROM view_tags WHERE key > 't0'");
  expect_same(
      "SELECT k, (SELECT group_concat(doc_id) FROM view_tags WHERE key = k) FROM wanted "
      "ORDER BY k");
}

}  // namespace
}  // namespace streamview::testing
