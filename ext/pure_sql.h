// PureSql: a private SQLite connection on which a SELECT can depend on nothing but the rows of one
// virtual table.
//
//   Files      It is in memory, on a VFS that has none (ext/pure_vfs.h), and ATTACH is refused.
//   Tables     It has none but that virtual table, json_each and json_tree. An authorizer refuses
//              all other reading (sqlite_schema, pragma functions) and all that is not reading.
//   Functions  SQLite's own, less those whose result depends on more than their arguments. What
//              automatic extensions of the host add is refused: it could be absent tomorrow.
//   Clock      Who steps a statement must look at ImpureRequest(): a statement that asked for the
//              current time, or for the local time zone, got NULL instead.
//
// One thread at a time.

#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "core/base/status.h"
#include "ext/sqlite_api.h"
#include "ext/statement.h"

namespace streamview {

// What is said of a map that needs more than its row: "a map must be ...: it <reason>".
Status ImpureMap(const std::string& reason);

class PureSql {
 public:
  // A connection for SELECTs on `table`. The caller registers a module of that name on db() before
  // the first Prepare: an eponymous virtual table is a table without CREATE.
  static Result<std::unique_ptr<PureSql>> Open(const std::string& table);
  ~PureSql();
  PureSql(const PureSql&) = delete;
  PureSql& operator=(const PureSql&) = delete;

  // Prepares `sql`, which must be one SELECT without parameters. Errors: kInvalidArgument, with the
  // reason and a hint; kNoMemory.
  Result<StatementPtr> Prepare(std::string_view sql);

  sqlite3* db() const { return db_; }

 private:
  struct IgnoringCase {
    bool operator()(const std::string& a, const std::string& b) const {
      return sqlite3_stricmp(a.c_str(), b.c_str()) < 0;
    }
  };

  explicit PureSql(std::string table) : table_(std::move(table)) {}

  Status Configure();
  Status FindForeignFunctions();
  Status FindForeignTables();
  Status ConnectTables();
  Status ExplainError(int code) const;

  static int Authorize(void* self, int action, const char* first, const char* second,
                       const char* database, const char* trigger);
  // OK where the action is allowed.
  Status Review(int action, const char* first, const char* second) const;
  std::string Tables() const;  // that may be read, for messages
  Status ReviewRead(const char* table, const char* column) const;
  Status ReviewFunction(const char* name) const;

  const std::string table_;
  sqlite3* db_ = nullptr;
  std::set<std::string, IgnoringCase> foreign_functions_;  // not SQLite's own
  std::set<std::string, IgnoringCase> foreign_tables_;     // that exist without CREATE
  Status refusal_;                                         // the first since Prepare began
};

}  // namespace streamview
