// SQL through the extension: any statements, in a database of their own. No crash; nothing is
// written outside of the database's directory; every log and view is sound at the end.
//
// The input is a line for each statement, after a first one that begins with 'f' where the database
// is to be a file. A line that begins with '@' is made of the grammar below: its next byte chooses
// a template, those that follow what stands in its places, and what is left of it is the place %r.
// Any other line is SQL as it is. There are no slashes: names of files stay in the directory.

#include <sqlite3.h>
#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iterator>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz_target.h"

namespace streamview::fuzz {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTables[] = {"events", "tags", "assets", "ordinary",
                                        "other",  "two",  "sums"};
constexpr std::string_view kValues[] = {
    "NULL",
    "1",
    "2.5",
    "-0.0",
    "9007199254740993",
    "'a'",
    "'b'",
    "''",
    "x'00ff'",
    "char(97, 0, 98)",
    R"('{"t":["a","b"],"n":1}')",
    R"('{"t":["a",1,null,2.5],"n":{"m":[1]}}')",
    "'{'",
    "zeroblob(70000)",
    "9e999",
};
constexpr std::string_view kMaps[] = {
    "SELECT value AS key FROM events",
    "SELECT t.value AS key, key AS k2, seq AS s FROM events, json_each(events.value, '$.t') t",
    "SELECT key AS k, value ->> '$.n' AS n, value AS v FROM events WHERE key <> 'b'",
    "WITH RECURSIVE n(i) AS (SELECT 1 FROM events UNION ALL SELECT i + 1 FROM n LIMIT 20) "
    "SELECT i % 3 AS key FROM n",
    "SELECT abs(value) AS key, typeof(value) AS t FROM events",
};
constexpr std::string_view kPaths[] = {"$", "$.t[*]", "$.n", "$.*", "$.t[#-1]", "$.n.m[0]"};
constexpr std::string_view kColumns[] = {"key",   "value", "seq", "time",     "doc_id",
                                         "doc",   "as_of", "k2",  "rowid",    "events",
                                         "count", "sum",   "max", "operation"};
constexpr std::string_view kCommands[] = {"rebuild", "optimize", "integrity-check", "flush", "x"};
constexpr std::string_view kReduces[] = {"sum", "stats", "count", "x"};
constexpr std::string_view kOperators[] = {"=", "IS", "<", "<=", ">", ">=", "GLOB", "LIKE", "<>"};

// Places: %t table, %v value, %m map, %p path, %c column, %o operator, %x command, %a reduce,
// %n number 0 to 9, %r what is left of the line.
constexpr std::string_view kTemplates[] = {
    "CREATE VIRTUAL TABLE events USING sv_log",
    "CREATE VIRTUAL TABLE %t USING sv_log",
    "CREATE VIRTUAL TABLE %t USING sv_log(path = 'p%n', sync = off)",
    "CREATE VIRTUAL TABLE %t USING sv_docs(log = %t)",
    "CREATE VIRTUAL TABLE tags USING sv_view(log = events, emit = '%p', value = '%p')",
    "CREATE VIRTUAL TABLE %t USING sv_view(log = %t, map = (%m), keys = %n)",
    "CREATE VIRTUAL TABLE %t USING sv_view(log = events, map = (%m), on_error = stop)",
    "CREATE VIRTUAL TABLE %t USING sv_view(log = events, version = %n, %r)",
    "CREATE VIRTUAL TABLE %t USING sv_log(%r)",
    "CREATE TABLE ordinary(a, b)",
    "INSERT INTO events(key, value) VALUES (%v, %v)",
    "INSERT INTO events(key, value) VALUES (%v, %v), (%v, %v), (%v, %v)",
    "INSERT INTO %t(key, value) VALUES (%v, %v)",
    "INSERT OR REPLACE INTO assets(key, value) VALUES (%v, %v)",
    "INSERT OR IGNORE INTO assets(key, value) VALUES (%v, %v), (%v, %v)",
    "INSERT INTO events(key, value) SELECT key, value FROM %t",
    "INSERT INTO %t VALUES (%v, %v)",
    "UPDATE assets SET value = %v WHERE key %o %v",
    "UPDATE OR REPLACE assets SET key = %v WHERE seq = %n",
    "UPDATE %t SET %c = %v WHERE %c %o %v",
    "DELETE FROM assets WHERE key %o %v",
    "DELETE FROM %t",
    "SELECT * FROM %t",
    "SELECT %c, %c FROM %t WHERE %c %o %v ORDER BY %c DESC LIMIT %n",
    "SELECT * FROM tags WHERE key %o %v AND doc_id %o %v ORDER BY key, doc_id",
    "SELECT * FROM tags WHERE key IN (%v, %v, %v) OR key %o %v",
    "SELECT key, count(*) FROM tags GROUP BY key HAVING count(*) > %n",
    "SELECT a.key, b.value FROM tags a JOIN %t b ON a.key %o b.key",
    "SELECT * FROM assets WHERE as_of = %n AND key %o %v",
    "SELECT * FROM sv_history('events', %v) WHERE %c %o %v",
    "SELECT * FROM sv_status",
    "SELECT * FROM sv_errors",
    "SELECT sv_append('%t', %v, %v)",
    "SELECT sv_wait(sv_head('events'), '%t', 0)",
    "SELECT sv_wait(%v, %v, %n), sv_seq(%v), sv_head(%v)",
    "SELECT sv_consistency(%v), sv_version()",
    "SELECT sv_cache_size('8 MB')",
    "SELECT sv_consistency('latest')",
    "SELECT sv_consistency('eventual')",
    "SELECT sv_backup('%t', 'copy%n')",
    "SELECT sv_adopt('%t')",
    "INSERT INTO %t(%t) VALUES ('%x')",
    "INSERT INTO tags(tags) VALUES ('%x')",
    "BEGIN",
    "BEGIN IMMEDIATE",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT s%n",
    "RELEASE s%n",
    "ROLLBACK TO s%n",
    "DROP TABLE %t",
    "ALTER TABLE %t RENAME TO %t",
    "VACUUM",
    "PRAGMA integrity_check",
    "PRAGMA journal_mode = WAL",
    "PRAGMA table_info(%t)",
    "EXPLAIN QUERY PLAN SELECT * FROM %t WHERE %c %o %v",
    "CREATE TRIGGER g AFTER INSERT ON ordinary BEGIN INSERT INTO %t(key) VALUES (new.a); END",
    "CREATE TEMP TRIGGER h AFTER INSERT ON ordinary BEGIN INSERT INTO %t(key) VALUES (new.a); END",
    "CREATE VIEW w AS SELECT * FROM %t",
    "CREATE TEMP VIEW w AS SELECT * FROM %t",
    "SELECT %r FROM %t",
    "SELECT * FROM %t WHERE %r",
    "WITH x AS (SELECT * FROM %t) %r",
    "CREATE VIRTUAL TABLE sums USING sv_view(log = events, emit = '%p', reduce = 'count')",
    "CREATE VIRTUAL TABLE sums USING sv_view(log = events, emit = '%p', value = '$.n', reduce = "
    "'%a')",
    "CREATE VIRTUAL TABLE %t USING sv_view(log = %t, map = (%m), keys = %n, reduce = '%a')",
    "SELECT * FROM sums WHERE key %o %v ORDER BY key DESC",
    "SELECT key, count, sum, min, max, sumsqr FROM sums GROUP BY key HAVING key %o %v",
    "SELECT sum(%c), min(%c), max(%c) FROM %t WHERE key %o %v",
    "INSERT INTO sums(sums) VALUES ('%x')",
    "SELECT * FROM sv_tail('%t', %v) LIMIT %n",
    "SELECT * FROM sv_tail('%t', 0, %n) WHERE %c %o %v",
    "SELECT t.seq, a.value FROM sv_tail('events', %n, 0) t JOIN %t a ON a.key %o t.key",
};

// The statement that a line of the grammar stands for.
std::string Generate(Input line) {
  const std::string_view form = kTemplates[line.TakeBelow(std::size(kTemplates))];
  const auto pick = [&line](const auto& from) { return from[line.TakeBelow(std::size(from))]; };
  std::string sql;
  for (size_t i = 0; i < form.size(); i++) {
    if (form[i] != '%' || i + 1 == form.size()) {
      sql += form[i];
      continue;
    }
    switch (form[++i]) {
      case 't':
        sql += pick(kTables);
        break;
      case 'v':
        sql += pick(kValues);
        break;
      case 'm':
        sql += pick(kMaps);
        break;
      case 'p':
        sql += pick(kPaths);
        break;
      case 'c':
        sql += pick(kColumns);
        break;
      case 'o':
        sql += pick(kOperators);
        break;
      case 'x':
        sql += pick(kCommands);
        break;
      case 'a':
        sql += pick(kReduces);
        break;
      case 'n':
        sql += static_cast<char>('0' + line.TakeBelow(10));
        break;
      default:
        sql += line.TakeRest();
        break;
    }
  }
  return sql;
}

class Directory {
 public:
  Directory() {
    path_ = fs::temp_directory_path() / "streamview-fuzz-XXXXXX";
    FUZZ_CHECK(mkdtemp(path_.data()) != nullptr);
    fs::create_directory(path_ + "/db");
  }
  ~Directory() { fs::remove_all(path_); }
  std::string database() const { return path_ + "/db/app.db"; }
  bool HoldsDatabaseOnly() const {
    return std::distance(fs::directory_iterator(path_), fs::directory_iterator()) == 1;
  }

 private:
  std::string path_;
};

// One connection that can do no harm outside of its directory, nor take for ever.
class Session {
 public:
  explicit Session(const std::string& database) {
    FUZZ_CHECK(sqlite3_open(database.c_str(), &db_) == SQLITE_OK);
    sqlite3_db_config(db_, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 1, nullptr);
    FUZZ_CHECK(sqlite3_load_extension(db_, STREAMVIEW_SO, nullptr, nullptr) == SQLITE_OK);
    sqlite3_db_config(db_, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, nullptr);
    // What SQLite's own tools can spoil is not ours to find: no writing to shadow tables.
    sqlite3_db_config(db_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_limit(db_, SQLITE_LIMIT_LENGTH, 1'000'000);
    sqlite3_set_authorizer(db_, Authorize, nullptr);
    sqlite3_progress_handler(db_, 1, Progress, this);
  }
  ~Session() { FUZZ_CHECK(sqlite3_close(db_) == SQLITE_OK); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // All statements of `sql`, up to the first that fails; its result code.
  int Run(const std::string& sql) {
    const char* rest = sql.c_str();
    for (;;) {
      steps_ = 0;
      start_ = Clock::now();
      sqlite3_stmt* statement = nullptr;
      int code = sqlite3_prepare_v2(db_, rest, -1, &statement, &rest);
      if (code == SQLITE_OK && statement == nullptr && *rest == '\0') return SQLITE_OK;
      if (code == SQLITE_OK && statement != nullptr) code = StepThrough(statement);
      sqlite3_finalize(statement);
      FUZZ_CHECK((code & 0xff) != SQLITE_CORRUPT && (code & 0xff) != SQLITE_INTERNAL);
      if (code != SQLITE_OK) return code;
    }
  }

  // Every log and every view agrees with itself.
  void CheckIntegrity() {
    sqlite3_progress_handler(db_, 0, nullptr, nullptr);
    Run("ROLLBACK");
    for (const std::string& table : ListTables()) {
      const std::string name = "\"" + table + "\"";
      Run("INSERT INTO " + name + "(" + name + ") VALUES ('integrity-check')");
    }
    FUZZ_CHECK(FirstText("PRAGMA main.integrity_check") == "ok");
  }

 private:
  using Clock = std::chrono::steady_clock;

  static int StepThrough(sqlite3_stmt* statement) {
    constexpr int kMaxRows = 1000;
    int code = SQLITE_ROW;
    for (int n = 0; n < kMaxRows && code == SQLITE_ROW; n++) {
      code = sqlite3_step(statement);
      if (code != SQLITE_ROW) break;
      for (int i = 0; i < sqlite3_column_count(statement); i++) sqlite3_column_text(statement, i);
    }
    return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
  }

  static int Authorize(void*, int action, const char* first, const char*, const char*,
                       const char*) {
    const std::string_view name = first == nullptr ? "" : first;
    const bool outside = action == SQLITE_ATTACH && !name.empty() && name != ":memory:";
    const bool moves = action == SQLITE_PRAGMA && name.ends_with("_store_directory");
    return outside || moves ? SQLITE_DENY : SQLITE_OK;
  }

  // Not null: the statement ends. The clock is for those that wait.
  static int Progress(void* self) {
    auto* session = static_cast<Session*>(self);
    return ++session->steps_ > 200'000 ||
           Clock::now() - session->start_ > std::chrono::milliseconds(500);
  }

  std::vector<std::string> ListTables() {
    std::vector<std::string> names;
    sqlite3_stmt* statement = nullptr;
    const char* const sql =
        "SELECT name FROM sqlite_schema WHERE sql LIKE 'create virtual table%using%sv_log%' "
        "OR sql LIKE 'create virtual table%using%sv_view%'";
    FUZZ_CHECK(sqlite3_prepare_v2(db_, sql, -1, &statement, nullptr) == SQLITE_OK);
    while (sqlite3_step(statement) == SQLITE_ROW) {
      names.emplace_back(reinterpret_cast<const char*>(sqlite3_column_text(statement, 0)));
    }
    sqlite3_finalize(statement);
    return names;
  }

  std::string FirstText(const char* sql) {
    std::string text;
    sqlite3_stmt* statement = nullptr;
    FUZZ_CHECK(sqlite3_prepare_v2(db_, sql, -1, &statement, nullptr) == SQLITE_OK);
    if (sqlite3_step(statement) == SQLITE_ROW) {
      text = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
    }
    sqlite3_finalize(statement);
    return text;
  }

  sqlite3* db_ = nullptr;
  int steps_ = 0;
  Clock::time_point start_;
};

std::string StatementOf(std::string_view line) {
  std::string sql(line);
  if (line.starts_with('@')) {
    sql = Generate(Input(reinterpret_cast<const uint8_t*>(line.data()) + 1, line.size() - 1));
  }
  std::replace(sql.begin(), sql.end(), '/', '_');
  std::replace(sql.begin(), sql.end(), '\0', ' ');
  return sql;
}

}  // namespace
}  // namespace streamview::fuzz

FUZZ_TARGET(sql) {
  using namespace streamview::fuzz;
  constexpr int kMaxStatements = 60;
  const bool in_file = input.TakeUntil('\n').starts_with('f');
  if (!in_file) {
    Session session(":memory:");
    for (int n = 0; !input.empty() && n < kMaxStatements; n++) {
      session.Run(StatementOf(input.TakeUntil('\n')));
    }
    return session.CheckIntegrity();
  }
  const Directory directory;
  {
    Session session(directory.database());
    for (int n = 0; !input.empty() && n < kMaxStatements; n++) {
      session.Run(StatementOf(input.TakeUntil('\n')));
    }
    session.CheckIntegrity();
  }
  Session(directory.database()).CheckIntegrity();
  FUZZ_CHECK(directory.HoldsDatabaseOnly());
}
