#include "tests/ext/testing/model.h"

#include <algorithm>
#include <map>
#include <set>

namespace streamview::testing {
namespace {

struct SqlLess {
  bool operator()(const SqlValue& a, const SqlValue& b) const { return CompareSql(a, b) < 0; }
};

// Which of `keys` (one for each entry, oldest first) no later entry supersedes.
std::vector<bool> Newest(const std::vector<SqlValue>& keys) {
  std::map<SqlValue, size_t, SqlLess> newest;
  for (size_t i = 0; i < keys.size(); ++i) newest[keys[i]] = i;
  std::vector<bool> result;
  for (size_t i = 0; i < keys.size(); ++i) {
    result.push_back(keys[i] == kNull || newest[keys[i]] == i);
  }
  return result;
}

// Sorts rows that end in doc_id and seq as a view does, where they come in order of emission.
void SortAsView(size_t key_columns, std::vector<Row>* rows) {
  std::stable_sort(rows->begin(), rows->end(), [key_columns](const Row& a, const Row& b) {
    for (size_t i = 0; i < key_columns; ++i) {
      if (const int order = CompareSql(a[i], b[i]); order != 0) return order < 0;
    }
    return CompareSql(a[a.size() - 2], b[b.size() - 2]) < 0;
  });
}

Row WithDocument(Row row, const SqlValue& key, int64_t seq) {
  row.push_back(key == kNull ? SqlValue(seq) : key);
  row.push_back(seq);
  return row;
}

}  // namespace

std::vector<Row> Model::Log() const {
  std::vector<Row> rows;
  for (const Entry& entry : entries_) {
    rows.push_back({static_cast<int64_t>(rows.size() + 1), entry.key, entry.value});
  }
  return rows;
}

std::vector<Row> Model::View(size_t view, size_t key_columns) const {
  std::vector<SqlValue> keys;
  for (const Entry& entry : entries_) keys.push_back(entry.key);
  const std::vector<bool> newest = Newest(keys);
  std::vector<Row> rows;
  for (size_t i = 0; i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    if (!newest[i] || (entry.key != kNull && entry.value == kNull)) continue;
    for (const Row& row : entry.emitted[view]) {
      rows.push_back(WithDocument(row, entry.key, static_cast<int64_t>(i + 1)));
    }
  }
  SortAsView(key_columns, &rows);
  return rows;
}

std::vector<Row> ComputeView(Database& db, const std::string& log, const std::string& map,
                             size_t key_columns) {
  const auto entries = db.QueryRows("SELECT seq, time, key, value FROM " + log + " ORDER BY seq");
  std::vector<SqlValue> keys;
  for (const Row& entry : entries) keys.push_back(entry[2]);
  const std::vector<bool> newest = Newest(keys);

  Database plain(":memory:", Database::Extension::kNone);
  plain.Run("CREATE TABLE " + log + "(seq, time, key, value)");
  std::vector<Row> rows;
  for (size_t i = 0; i < entries.size(); ++i) {
    const SqlValue& key = entries[i][2];
    const SqlValue& value = entries[i][3];
    if (!newest[i] || (key != kNull && value == kNull)) continue;
    plain.Run("DELETE FROM " + log);
    plain.Run("INSERT INTO " + log + " VALUES (?1, ?2, ?3, ?4)", entries[i]);
    const Outcome mapped = plain.Try(map);
    if (mapped.code != SQLITE_OK) continue;
    for (const Row& row : mapped.rows) {
      rows.push_back(WithDocument(row, key, std::get<int64_t>(entries[i][0])));
    }
  }
  SortAsView(key_columns, &rows);
  return rows;
}

namespace {

bool IsNumber(const SqlValue& value) {
  return std::holds_alternative<int64_t>(value) || std::holds_alternative<double>(value);
}

double ToDouble(const SqlValue& value) {
  const int64_t* const integer = std::get_if<int64_t>(&value);
  return integer != nullptr ? static_cast<double>(*integer) : std::get<double>(value);
}

// Of numbers that are equal an INTEGER, where one is.
void PreferInteger(const SqlValue& value, SqlValue* shown) {
  if (CompareSql(value, *shown) == 0 && std::holds_alternative<int64_t>(value)) *shown = value;
}

Row Stats(const std::vector<SqlValue>& values) {
  SqlValue least = values[0], greatest = values[0];
  double sum = 0, squares = 0;
  bool has_reals = false;
  for (const SqlValue& value : values) {
    sum += ToDouble(value);
    squares += ToDouble(value) * ToDouble(value);
    has_reals = has_reals || std::holds_alternative<double>(value);
    if (CompareSql(value, least) < 0) least = value;
    if (CompareSql(value, greatest) > 0) greatest = value;
    PreferInteger(value, &least);
    PreferInteger(value, &greatest);
  }
  const auto number = [&](double x) {
    return has_reals ? SqlValue(x) : SqlValue(static_cast<int64_t>(x));
  };
  return {static_cast<int64_t>(values.size()), number(sum), least, greatest, number(squares)};
}

}  // namespace

std::vector<Row> ReduceRows(const std::vector<Row>& rows, size_t key_columns,
                            const std::string& reduce) {
  if (reduce.empty()) return rows;
  std::set<int64_t> failed;  // entries that gave a value that is no number
  for (const Row& row : rows) {
    if (reduce != "count" && !IsNumber(row[key_columns]))
      failed.insert(std::get<int64_t>(row.back()));
  }
  std::vector<Row> keys;
  std::vector<std::vector<SqlValue>> values;  // of each key
  for (const Row& row : rows) {
    if (failed.count(std::get<int64_t>(row.back())) != 0) continue;
    const auto same = [&](size_t i) { return CompareSql(row[i], keys.back()[i]) == 0; };
    bool is_new = keys.empty();
    for (size_t i = 0; i < key_columns && !is_new; ++i) is_new = !same(i);
    if (is_new) {
      keys.emplace_back(row.begin(), row.begin() + static_cast<long>(key_columns));
      values.emplace_back();
    }
    for (size_t i = 0; i < key_columns; ++i) PreferInteger(row[i], &keys.back()[i]);
    values.back().push_back(reduce == "count" ? SqlValue(0) : row[key_columns]);
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    const Row stats = Stats(values[i]);
    const size_t first = reduce == "sum" ? 1 : 0, end = reduce == "stats" ? 5 : first + 1;
    keys[i].insert(keys[i].end(), stats.begin() + static_cast<long>(first),
                   stats.begin() + static_cast<long>(end));
  }
  return keys;
}

Lines ToLines(const std::vector<Row>& rows) {
  Lines lines;
  for (const Row& row : rows) lines.push_back(ToLine(row));
  return lines;
}

}  // namespace streamview::testing
