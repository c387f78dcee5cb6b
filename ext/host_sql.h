// Nested statements on the host's own connection. None is kept: a cached statement would keep the
// host from closing its connection.
//
// Their errors must be handed on. SQLite takes back the whole transaction where a statement runs
// out of memory, meets an I/O error or (writing) is interrupted, also when it is a nested one: what
// went on as if nothing had happened would be written without what came before it.

#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "core/base/status.h"
#include "ext/sqlite_api.h"

namespace streamview {

// A virtual table's full name.
struct TableName {
  std::string schema;  // "main", "temp", or the name of an attached database
  std::string table;
};

// Whether SQLite takes the names for the same.
bool SameName(const std::string& a, const std::string& b);
// "a""b", for use in SQL.
std::string QuoteIdentifier(std::string_view name);
// "main"."events", for use in SQL.
std::string QuoteTable(const TableName& name);

// One prepared statement. Not thread-safe; must not outlive the callback that it is made in.
class HostStatement {
 public:
  HostStatement() = default;
  HostStatement(HostStatement&& other) noexcept : statement_(other.statement_) {
    other.statement_ = nullptr;
  }
  HostStatement& operator=(HostStatement&&) = delete;
  ~HostStatement() { sqlite3_finalize(statement_); }

  static Result<HostStatement> Prepare(sqlite3* db, std::string_view sql);

  // Parameters count from 1. The text is copied.
  Status BindText(int parameter, std::string_view text);

  // True: there is a row. False: the statement is done.
  Result<bool> Step();

  // Columns of the present row count from 0. The text is valid until the next Step(). Throws
  // std::bad_alloc where SQLite has no memory for it.
  std::string_view Text(int column) const;
  int64_t Integer(int column) const { return sqlite3_column_int64(statement_, column); }

 private:
  sqlite3_stmt* statement_ = nullptr;
};

// Runs one statement, with `parameters` bound in order, to its end.
Status ExecuteSql(sqlite3* db, std::string_view sql,
                  std::initializer_list<std::string_view> parameters = {});

// The integer that a statement (a PRAGMA, say) gives; `fallback` where it gives no row.
Result<int64_t> QueryInteger(sqlite3* db, std::string_view sql, int64_t fallback);

// The VFS of a database; null where SQLite does not tell.
const sqlite3_vfs* VfsOf(sqlite3* db, const std::string& schema);
// The file of a database; empty where it is in memory, or temporary.
std::string DatabaseFile(sqlite3* db, const std::string& schema);

// Whether the database stores TEXT as UTF-8. If not, BINARY orders it by its UTF-16 bytes.
Result<bool> StoresUtf8(sqlite3* db);

}  // namespace streamview
