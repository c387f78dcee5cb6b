#include "tests/ext/testing/database.h"

#include <chrono>
#include <thread>

namespace streamview::testing {
namespace {

SqlValue ColumnValue(sqlite3_stmt* statement, int i) {
  switch (sqlite3_column_type(statement, i)) {
    case SQLITE_INTEGER:
      return static_cast<int64_t>(sqlite3_column_int64(statement, i));
    case SQLITE_FLOAT:
      return sqlite3_column_double(statement, i);
    case SQLITE_TEXT: {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, i));
      return std::string(text, sqlite3_column_bytes(statement, i));
    }
    case SQLITE_BLOB: {
      const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement, i));
      const size_t size = sqlite3_column_bytes(statement, i);
      return Blob{size == 0 ? std::string() : std::string(bytes, size)};
    }
    default:
      return kNull;
  }
}

Row ReadRow(sqlite3_stmt* statement) {
  Row row;
  for (int i = 0; i < sqlite3_column_count(statement); ++i)
    row.push_back(ColumnValue(statement, i));
  return row;
}

void Bind(sqlite3_stmt* statement, int i, const SqlValue& value) {
  if (const auto* integer = std::get_if<int64_t>(&value)) {
    sqlite3_bind_int64(statement, i, *integer);
  } else if (const auto* real = std::get_if<double>(&value)) {
    sqlite3_bind_double(statement, i, *real);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    sqlite3_bind_text64(statement, i, text->data(), text->size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  } else if (const auto* blob = std::get_if<Blob>(&value)) {
    sqlite3_bind_blob64(statement, i, blob->bytes.data(), blob->bytes.size(), SQLITE_TRANSIENT);
  } else {
    sqlite3_bind_null(statement, i);
  }
}

void BindAll(sqlite3_stmt* statement, const Params& params) {
  const int count = sqlite3_bind_parameter_count(statement);
  for (int i = 0; i < count && i < static_cast<int>(params.size()); ++i) {
    Bind(statement, i + 1, params[i]);
  }
}

void SetError(sqlite3* handle, int code, Outcome* outcome) {
  outcome->code = code & 0xff;
  outcome->message = sqlite3_errmsg(handle);
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  if (outcome.code == SQLITE_OK) return out << "success, with " << outcome.rows.size() << " rows";
  return out << "error " << outcome.code << " (" << sqlite3_errstr(outcome.code)
             << "): " << outcome.message;
}

SqlError::SqlError(const Outcome& outcome, const std::string& sql)
    : std::runtime_error("error " + std::to_string(outcome.code) + ": " + outcome.message + "\n  " +
                         sql.substr(0, 500)),
      code_(outcome.code) {}

Database::Database(const std::string& path, Extension extension) {
  // Not every library takes URIs for names without being asked to.
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI;
  const int rc = sqlite3_open_v2(path.c_str(), &handle_, flags, nullptr);
  Outcome outcome;
  if (rc != SQLITE_OK) {
    SetError(handle_, rc, &outcome);
  } else if (extension == Extension::kLoaded) {
    outcome = LoadExtension();
  }
  if (outcome.code != SQLITE_OK) {
    sqlite3_close(handle_);
    throw SqlError(outcome, "open " + path);
  }
}

Database::~Database() { sqlite3_close_v2(handle_); }

void Database::Close() {
  const int rc = sqlite3_close(handle_);
  if (rc != SQLITE_OK) {
    Outcome outcome;
    SetError(handle_, rc, &outcome);
    throw SqlError(outcome, "close");
  }
  handle_ = nullptr;
}

Outcome Database::LoadExtension() {
  sqlite3_enable_load_extension(handle_, 1);
  Outcome outcome;
  char* message = nullptr;
  outcome.code = sqlite3_load_extension(handle_, STREAMVIEW_SO, nullptr, &message) & 0xff;
  if (message != nullptr) outcome.message = message;
  sqlite3_free(message);
  return outcome;
}

Outcome Database::Try(const std::string& sql, const Params& params) {
  Outcome outcome;
  const char* rest = sql.c_str();
  while (*rest != '\0') {
    sqlite3_stmt* statement = nullptr;
    int rc = sqlite3_prepare_v2(handle_, rest, -1, &statement, &rest);
    if (rc != SQLITE_OK) {
      SetError(handle_, rc, &outcome);
      return outcome;
    }
    if (statement == nullptr) continue;  // white space or a comment
    BindAll(statement, params);
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) outcome.rows.push_back(ReadRow(statement));
    if (rc != SQLITE_DONE) SetError(handle_, rc, &outcome);
    sqlite3_finalize(statement);
    if (rc != SQLITE_DONE) return outcome;
  }
  return outcome;
}

void Database::Run(const std::string& sql, const Params& params) { QueryRows(sql, params); }

std::vector<Row> Database::QueryRows(const std::string& sql, const Params& params) {
  Outcome outcome = Try(sql, params);
  if (outcome.code != SQLITE_OK) throw SqlError(outcome, sql);
  return std::move(outcome.rows);
}

Lines Database::Query(const std::string& sql, const Params& params) {
  Lines lines;
  for (const Row& row : QueryRows(sql, params)) lines.push_back(ToLine(row));
  return lines;
}

int64_t Database::Integer(const std::string& sql, const Params& params) {
  const std::vector<Row> rows = QueryRows(sql, params);
  if (rows.size() != 1 || rows[0].size() != 1 || !std::holds_alternative<int64_t>(rows[0][0])) {
    throw std::runtime_error("not one integer: " + sql);
  }
  return std::get<int64_t>(rows[0][0]);
}

int64_t Database::Append(const std::string& log, const SqlValue& key, const SqlValue& value) {
  Run("INSERT INTO " + log + "(key, value) VALUES (?1, ?2)", {key, value});
  return sqlite3_last_insert_rowid(handle_);
}

std::string Database::Plan(const std::string& sql) {
  std::string plan;
  for (const Row& row : QueryRows("EXPLAIN QUERY PLAN " + sql)) {
    plan += std::get<std::string>(row.at(3)) + "; ";
  }
  return plan;
}

bool Database::Eventually(const std::string& sql, const Lines& expected) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  Lines answer;
  do {
    const Outcome outcome = Try(sql);
    answer.clear();
    for (const Row& row : outcome.rows) answer.push_back(ToLine(row));
    if (outcome.code != SQLITE_OK) answer = {outcome.message};
    if (answer == expected) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  } while (std::chrono::steady_clock::now() < deadline);
  EXPECT_EQ(answer, expected) << "still, after 20 seconds: " << sql;
  return false;
}

bool ChecksVirtualTables() { return sqlite3_libversion_number() >= 3044000; }

Lines CheckOrdinaryTables(Database& db) {
  Lines lines = db.Query("PRAGMA integrity_check");
  // "main.events: ..."
  const size_t all = std::erase_if(lines, [](const std::string& line) {
    return ChecksVirtualTables() && line.starts_with("'main.");
  });
  if (lines.empty() && all > 0) lines = {"'ok'"};
  return lines;
}

Statement::Statement(Database& database, const std::string& sql, const Params& params)
    : handle_(database.handle()), sql_(sql) {
  const int rc = sqlite3_prepare_v2(handle_, sql.c_str(), -1, &statement_, nullptr);
  if (rc != SQLITE_OK) {
    Outcome outcome;
    SetError(handle_, rc, &outcome);
    throw SqlError(outcome, sql);
  }
  BindAll(statement_, params);
}

Statement::~Statement() { sqlite3_finalize(statement_); }

bool Statement::Step() {
  const int rc = sqlite3_step(statement_);
  if (rc == SQLITE_ROW) return true;
  if (rc == SQLITE_DONE) return false;
  Outcome outcome;
  SetError(handle_, rc, &outcome);
  throw SqlError(outcome, sql_);
}

Row Statement::row() const { return ReadRow(statement_); }

void Statement::Reset() { sqlite3_reset(statement_); }

}  // namespace streamview::testing
