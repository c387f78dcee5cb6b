// Random operations against a plain model.

#include "tests/ext/testing/model.h"

#include <algorithm>
#include <chrono>
#include <map>

#include "tests/ext/testing/fixture.h"
#include "tests/ext/testing/seed.h"

namespace streamview::testing {
namespace {

// The views under test; the model knows them by these numbers.
enum ViewNumber { kByTag, kByTagPath, kByPair, kTagCounts, kTagStats, kViewCount };
const std::string kNames[kViewCount] = {"by_tag", "by_tag_path", "by_pair", "tag_counts",
                                        "tag_stats"};
const std::string kOptions[kViewCount] = {
    "map = (SELECT tag.value AS key, events.value ->> '$.n' AS value "
    "FROM events, json_each(events.value, '$.tags') AS tag)",
    "emit = '$.tags[*]', value = '$.n'",
    "keys = 2, map = (SELECT value ->> '$.n' AS n, json_array_length(value, '$.tags') AS size, "
    "'pair' AS label FROM events)",
    "emit = '$.tags[*]', reduce = 'count'",
    "emit = '$.tags[*]', value = '$.n', reduce = 'stats'",
};
constexpr size_t kKeyColumns[kViewCount] = {1, 1, 2, 1, 1};
const std::string kReduce[kViewCount] = {"", "", "", "count", "stats"};
// What orders each view completely, but for the order of emission.
const std::string kOrder[kViewCount] = {"key", "key", "n", "key", "key"};

// A tag, as it stands in the JSON text and as a view gives it.
struct Tag {
  std::string json;
  SqlValue value;
};

const std::vector<Tag>& Tags() {
  static const auto* tags = new std::vector<Tag>{
      {"\"a\"", "a"}, {"\"b\"", "b"},  {"\"cat\"", "cat"}, {"\"\"", ""},
      {"0", 0},       {"1", 1},        {"1.0", 1.0},       {"2.5", 2.5},
      {"-3", -3},     {"null", kNull}, {"true", 1},        {"9007199254740993", 9007199254740993},
      {"\"1\"", "1"},
  };
  return *tags;
}

const std::vector<SqlValue>& DocumentKeys() {
  static const auto* keys = new std::vector<SqlValue>{
      "a",  "b", "c",       "",       std::string("a\0b", 3), -1,
      -2.5, 1.5, Blob{"a"}, Blob{""}, "doc/long/name",
  };
  return *keys;
}

class ModelTest : public DatabaseTest {
 protected:
  ModelTest() {
    CreateLog();
    for (int view = 0; view < kViewCount; ++view) Create(view);
    db_->Run("CREATE VIRTUAL TABLE docs USING sv_docs(log = events)");
  }

  void Create(int view) {
    db_->Run("CREATE VIRTUAL TABLE " + kNames[view] + " USING sv_view(log = events, " +
             kOptions[view] + ")");
  }

  // A document, or one that is no JSON, with what the maps make of it.
  Model::Entry RandomEntry() {
    Model::Entry entry;
    entry.emitted.resize(kViewCount);
    if (!random_.OneIn(5)) entry.key = random_.Pick(DocumentKeys());
    if (random_.OneIn(12)) {
      entry.value = "{ not JSON";
      return entry;
    }
    const int64_t n = random_.Below(4);
    std::string json;
    const int count = random_.Below(4);
    for (int i = 0; i < count; ++i) {
      const Tag& tag = random_.Pick(Tags());
      json += (i > 0 ? "," : "") + tag.json;
      entry.emitted[kByTag].push_back({tag.value, n});
    }
    entry.value = "{\"n\":" + std::to_string(n) + ",\"tags\":[" + json + "]}";
    for (const int view : {kByTagPath, kTagCounts, kTagStats}) {
      entry.emitted[view] = entry.emitted[kByTag];
    }
    entry.emitted[kByPair] = {{n, static_cast<int64_t>(count), "pair"}};
    return entry;
  }

  void AppendRandom() {
    Model::Entry entry = RandomEntry();
    if (entry.key != kNull && random_.OneIn(6)) {
      entry.value = kNull;
      entry.emitted.assign(kViewCount, {});
    }
    EXPECT_EQ(Append(entry.key, entry.value), static_cast<int64_t>(model_.head()) + 1);
    model_.Append(std::move(entry));
  }

  // BEGIN, appends with savepoints among them, then COMMIT or ROLLBACK.
  void RunTransaction() {
    const size_t start = model_.head();
    std::vector<size_t> savepoints;  // the head at each open one
    db_->Run("BEGIN");
    for (int steps = random_.Below(12); steps > 0; --steps) {
      const int step = random_.Below(10);
      if (step == 0) {
        db_->Run("SAVEPOINT s" + std::to_string(savepoints.size()));
        savepoints.push_back(model_.head());
      } else if (step == 1 && !savepoints.empty()) {
        const int level = random_.Below(static_cast<int>(savepoints.size()));
        db_->Run("ROLLBACK TO s" + std::to_string(level));
        model_.Truncate(savepoints[level]);
        savepoints.resize(level + 1);
      } else if (step == 2 && !savepoints.empty()) {
        const int level = random_.Below(static_cast<int>(savepoints.size()));
        db_->Run("RELEASE s" + std::to_string(level));
        savepoints.resize(level);
      } else if (step == 3) {
        Query();
      } else {
        AppendRandom();
      }
    }
    const bool commit = !random_.OneIn(3);
    db_->Run(commit ? "COMMIT" : "ROLLBACK");
    if (!commit) model_.Truncate(start);
  }

  void Query() {
    switch (random_.Below(9)) {
      case 8:
        return QueryReduced(random_.OneIn(2) ? kTagCounts : kTagStats);
      case 0:
        return QueryLog();
      case 4:
        return QueryDocuments();
      case 5:
        return QueryPrefix(random_.OneIn(2) ? kByTag : kByTagPath);
      case 1:
        return QueryPoint(random_.OneIn(2) ? kByTag : kByTagPath);
      case 2:
        return QueryRange(random_.OneIn(2) ? kByTag : kByTagPath);
      case 3:
        return QueryPair();
      default:
        return QueryAll(random_.Below(kViewCount));
    }
  }

  void QueryLog() {
    const int64_t from = random_.Below(static_cast<int>(model_.head()) + 2);
    const int64_t to = from + random_.Below(10);
    std::vector<Row> expected;
    for (const Row& row : model_.Log()) {
      const int64_t seq = std::get<int64_t>(row[0]);
      if (seq >= from && seq <= to) expected.push_back(row);
    }
    Expect("SELECT seq, key, value FROM events WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq",
           {from, to}, expected);
    EXPECT_EQ(db_->Integer("SELECT count(*) FROM events"), static_cast<int64_t>(model_.head()));
  }

  // The latest entry of each key, of the first `head` ones.
  std::vector<Row> Documents(int64_t head) const {
    std::vector<Row> documents;
    for (const Row& row : model_.Log()) {
      if (std::get<int64_t>(row[0]) > head || row[1] == kNull) continue;
      const auto same = [&](const Row& d) { return CompareSql(d[0], row[1]) == 0; };
      std::erase_if(documents, same);
      documents.push_back({row[1], row[2], row[0]});
    }
    std::erase_if(documents, [](const Row& d) { return d[1] == kNull; });
    std::sort(documents.begin(), documents.end(),
              [](const Row& a, const Row& b) { return CompareSql(a[0], b[0]) < 0; });
    return documents;
  }

  void QueryDocuments() {
    const std::string sql = "SELECT key, value, seq FROM docs";
    Expect(sql + " ORDER BY key", {}, Documents(static_cast<int64_t>(model_.head())));
    if (sqlite3_get_autocommit(db_->handle()) == 0) return;  // the past is what was committed
    const int64_t then = random_.Below(static_cast<int>(model_.head()) + 1);
    Expect(sql + " WHERE as_of = ?1 ORDER BY key", {then}, Documents(then));
  }

  void QueryPrefix(int view) {
    std::map<std::string, int64_t> counts;
    for (const Row& row : model_.View(view, 1)) {
      const auto* text = std::get_if<std::string>(&row[0]);
      if (text != nullptr && text->starts_with("t")) counts[*text]++;
    }
    std::vector<Row> expected;
    for (const auto& [key, count] : counts) expected.push_back({key, count});
    Expect("SELECT key, count(*) FROM " + kNames[view] +
               " WHERE key GLOB 't*' AND typeof(key) = 'text' GROUP BY key",
           {}, expected);
  }

  // Of everything; an error lists what differs.
  void CheckIntegrity() {
    db_->Run("INSERT INTO events(events) VALUES ('integrity-check')");
    for (const std::string& name : kNames) {
      db_->Run("INSERT INTO " + name + "(" + name + ") VALUES ('integrity-check')");
    }
  }

  void QueryAll(int view) {
    std::vector<Row> expected =
        ReduceRows(model_.View(view, kKeyColumns[view]), kKeyColumns[view], kReduce[view]);
    Expect("SELECT * FROM " + kNames[view], {}, expected);
    if (kKeyColumns[view] != 1) return;
    std::reverse(expected.begin(), expected.end());
    Expect("SELECT * FROM " + kNames[view] + " ORDER BY " + kOrder[view] + " DESC", {}, expected);
  }

  void QueryReduced(int view) {
    const SqlValue key = random_.Pick(Tags()).value;
    std::vector<Row> of_key, below;
    for (const Row& row : ReduceRows(model_.View(view, 1), 1, kReduce[view])) {
      if (CompareSql(row[0], key) == 0) of_key.push_back(row);
      if (row[0] != kNull && key != kNull && CompareSql(row[0], key) < 0) below.push_back(row);
    }
    std::reverse(below.begin(), below.end());
    Expect("SELECT * FROM " + kNames[view] + " WHERE key IS ?1", {key}, of_key);
    Expect("SELECT * FROM " + kNames[view] + " WHERE key < ?1 ORDER BY key DESC", {key}, below);
  }

  void QueryPoint(int view) {
    const SqlValue key = random_.Pick(Tags()).value;
    const SqlValue document = random_.Pick(DocumentKeys());
    std::vector<Row> of_key;
    std::vector<Row> of_document;
    for (const Row& row : model_.View(view, 1)) {
      if (CompareSql(row[0], key) != 0) continue;
      of_key.push_back(row);
      if (CompareSql(row[2], document) == 0) of_document.push_back(row);
    }
    Expect("SELECT * FROM " + kNames[view] + " WHERE key IS ?1", {key}, of_key);
    Expect("SELECT * FROM " + kNames[view] + " WHERE key IS ?1 AND doc_id = ?2", {key, document},
           of_document);
  }

  void QueryRange(int view) {
    const SqlValue low = random_.Pick(Tags()).value;
    const SqlValue high = random_.Pick(Tags()).value;
    std::vector<Row> expected;
    for (const Row& row : model_.View(view, 1)) {
      const bool any_null = low == kNull || high == kNull || row[0] == kNull;
      if (!any_null && CompareSql(row[0], low) > 0 && CompareSql(row[0], high) <= 0) {
        expected.push_back(row);
      }
    }
    const std::string sql =
        "SELECT * FROM " + kNames[view] + " WHERE key > ?1 AND key <= ?2 ORDER BY key";
    Expect(sql, {low, high}, expected);
    std::reverse(expected.begin(), expected.end());
    Expect(sql + " DESC LIMIT 3", {low, high},
           {expected.begin(), expected.begin() + std::min<size_t>(3, expected.size())});
  }

  void QueryPair() {
    const int64_t n = random_.Below(4);
    const int64_t size = random_.Below(4);
    std::vector<Row> expected;
    for (const Row& row : model_.View(kByPair, 2)) {
      if (row[0] == SqlValue(n) && CompareSql(row[1], size) >= 0) expected.push_back(row);
    }
    Expect("SELECT * FROM by_pair WHERE n = ?1 AND size >= ?2 ORDER BY size", {n, size}, expected);
  }

  void Expect(const std::string& sql, const Params& params, const std::vector<Row>& expected) {
    EXPECT_EQ(db_->Query(sql, params), ToLines(expected)) << sql << " with " << ToLine(params);
  }

  void Step() {
    const int step = random_.Below(100);
    const int view = random_.Below(kViewCount);
    if (step < 45) {
      AppendRandom();
    } else if (step < 60) {
      RunTransaction();
    } else if (step < 94) {
      Query();
    } else if (step < 96) {
      db_->Run("INSERT INTO " + kNames[view] + "(" + kNames[view] + ") VALUES ('rebuild')");
    } else if (step < 97) {
      const std::string command = random_.OneIn(2) ? "flush" : "optimize";
      db_->Run("INSERT INTO " + kNames[view] + "(" + kNames[view] + ") VALUES ('" + command + "')");
    } else if (step < 98) {
      db_->Run("DROP TABLE " + kNames[view]);
      Create(view);
    } else if (step < 99) {
      Reopen();
    } else {
      EXPECT_EQ(db_->Query("SELECT sv_wait(sv_head())"), Lines{std::to_string(model_.head())});
    }
  }

  Random random_{TestSeed()};
  Model model_;
};

TEST_F(ModelTest, RandomOperationsGiveWhatTheModelGives) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  // On a machine that is busy, no more steps than are needed to have met everything.
  const auto goes_on = [&](int i) {
    return i < 150 || (i < 1500 && std::chrono::steady_clock::now() < end);
  };
  for (int i = 0; goes_on(i) && !HasFailure(); ++i) {
    SCOPED_TRACE("step " + std::to_string(i) + ", head " + std::to_string(model_.head()));
    Step();
  }
  for (int view = 0; view < kViewCount; ++view) QueryAll(view);
  QueryDocuments();
  CheckIntegrity();
}

}  // namespace
}  // namespace streamview::testing
