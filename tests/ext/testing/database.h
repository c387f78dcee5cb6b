// Database: one SQLite connection, with streamview loaded as any client loads it.
//
// What a test expects to work is called by Run and Query: an error is thrown as SqlError, which
// fails the test with the statement and SQLite's message. What it expects to fail is called by Try:
//
//   EXPECT_THAT(db.Try("DELETE FROM events"), Fails(_, HasSubstr("sv_docs")));

#pragma once

#include <gmock/gmock.h>
#include <sqlite3.h>

#include <ostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/ext/testing/value.h"

namespace streamview::testing {

// Rows as SQL literals, one line a row (ToLine).
using Lines = std::vector<std::string>;
using Params = std::vector<SqlValue>;

// The result of running SQL. `code` is SQLite's primary result code, SQLITE_OK where all went well.
struct Outcome {
  int code = SQLITE_OK;
  std::string message;
  std::vector<Row> rows;

  friend std::ostream& operator<<(std::ostream& out, const Outcome& outcome);
};

class SqlError : public std::runtime_error {
 public:
  SqlError(const Outcome& outcome, const std::string& sql);
  int code() const { return code_; }

 private:
  int code_;
};

class Database {
 public:
  enum class Extension { kLoaded, kNone };

  explicit Database(const std::string& path, Extension extension = Extension::kLoaded);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Fails with SqlError where a statement is left open.
  void Close();
  // As the shell's .load.
  Outcome LoadExtension();

  // Runs one or more statements; each takes its parameters from the first one on. Stops at an
  // error.
  Outcome Try(const std::string& sql, const Params& params = {});
  void Run(const std::string& sql, const Params& params = {});
  std::vector<Row> QueryRows(const std::string& sql, const Params& params = {});
  Lines Query(const std::string& sql, const Params& params = {});
  // The only column of the only row, which must be an INTEGER.
  int64_t Integer(const std::string& sql, const Params& params = {});

  // Appends one entry; returns its sequence number.
  int64_t Append(const std::string& log, const SqlValue& key, const SqlValue& value);

  // What EXPLAIN QUERY PLAN says, in one line.
  std::string Plan(const std::string& sql);

  // Asks again and again until the answer is `expected`, for what happens in the background. False,
  // with a failure recorded, after 20 seconds.
  bool Eventually(const std::string& sql, const Lines& expected);

  sqlite3* handle() const { return handle_; }

 private:
  sqlite3* handle_ = nullptr;
};

// Whether PRAGMA integrity_check asks virtual tables, too: from SQLite 3.44 on.
bool ChecksVirtualTables();
// What it says of a database, but for what it says of virtual tables; {"'ok'"}: nothing.
Lines CheckOrdinaryTables(Database& db);

// A statement that is stepped through by hand. It may outlive its Database: as with
// sqlite3_close_v2, the connection then lasts until the statement is gone.
class Statement {
 public:
  Statement(Database& database, const std::string& sql, const Params& params = {});
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  // False at the end. Errors are thrown.
  bool Step();
  Row row() const;
  void Reset();

 private:
  sqlite3* const handle_;
  const std::string sql_;
  sqlite3_stmt* statement_ = nullptr;
};

// Matches an Outcome that failed with this code (or matcher of codes) and message.
MATCHER_P2(Fails, code, message,
           std::string("fails with code ") + ::testing::PrintToString(code) +
               " and a message that " + ::testing::DescribeMatcher<std::string>(message)) {
  return arg.code != SQLITE_OK && ::testing::ExplainMatchResult(code, arg.code, result_listener) &&
         ::testing::ExplainMatchResult(message, arg.message, result_listener);
}

MATCHER(Succeeds, "succeeds") { return arg.code == SQLITE_OK; }

}  // namespace streamview::testing
