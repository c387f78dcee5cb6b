// LogFinder: which logs and views the databases of a connection have, by what their schemas say,
// and why one is not found.
//
// Not thread-safe: used under the connection's own mutex. Errors of all: those of reading the
// database, besides what is named.

#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "ext/host_sql.h"
#include "ext/log_config.h"
#include "ext/sqlite_api.h"

namespace streamview {

// A table that has a place in the log's sequence: a log, or one of its views.
struct LogOrView {
  TableName log;
  std::optional<ViewEntry> view;
};

class LogFinder {
 public:
  explicit LogFinder(sqlite3* db) : db_(db) {}

  // All sv_log tables of all attached databases, whether or not they can be opened, in the order in
  // which SQLite looks names up.
  Result<std::vector<TableName>> ListLogs() const;
  // The log of that name (WrittenName) in the first database that has one, as SQLite finds tables;
  // without a name, the only log there is (an error that lists them where there are several).
  // Errors: kNotFound.
  Result<TableName> FindLog(const std::optional<std::string>& name) const;
  // The log of that name (or the only one), else the view of that name in the first database that
  // has one. Errors: as FindLog.
  Result<LogOrView> FindLogOrView(const std::optional<std::string>& name) const;
  // What a log is called now that was called `last_known`: the first one that `is_it`. Errors:
  // kNotFound: there is no such log any more.
  Result<TableName> FindRenamed(const TableName& last_known,
                                const std::function<bool(const LogIdentity&)>& is_it) const;
  // The views of a log, by name; none where it does not exist.
  Result<std::vector<ViewEntry>> ListViews(const TableName& log) const;

  // Why LogConfig has no such log: kNotFound, which says what else has that name; kCannotOpen,
  // where it is a log that has lost its shadow table; kInvalidArgument, where the application's
  // authorizer hides that.
  Status ExplainMissing(const TableName& log) const;

  // --- for a log that has lost its shadow table

  // The names of the views that stand on it.
  Result<std::vector<std::string>> ListViewTables(const TableName& log) const;
  // Its directory is the database's file name, '-', and this, where it was created without path=.
  // The log may have been renamed since. Errors: kCannotOpen where that cannot be told.
  Result<std::string> FindSuffix(const TableName& log) const;

 private:
  Result<std::vector<std::string>> ListSchemas() const;
  // `message`, and what the name is in the first database that has it: kNotFound.
  Status ExplainUnknown(std::string message, const std::string& name) const;
  // What the name is in that schema, for messages: ", which is a view of the log events"; empty:
  // nothing.
  Result<std::string> DescribeTable(const TableName& name) const;
  // The directories of the other logs of its database.
  Result<std::vector<std::string>> OtherDirectories(const TableName& log) const;
  // Of all log directories beside the database `file` that no other log has.
  Result<std::vector<std::string>> ListSuffixes(const TableName& log,
                                                const std::string& file) const;

  sqlite3* const db_;
};

}  // namespace streamview
