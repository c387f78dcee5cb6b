#include "tests/ext/testing/model.h"

#include <algorithm>
#include <map>

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

Lines ToLines(const std::vector<Row>& rows) {
  Lines lines;
  for (const Row& row : rows) lines.push_back(ToLine(row));
  return lines;
}

}  // namespace streamview::testing
