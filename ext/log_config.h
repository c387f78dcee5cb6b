// LogConfig: the shadow table "<log>_config", in which the database itself says which log it has
// and which views are on it. SQLite's transactions thus decide about CREATE, DROP and RENAME; what
// lies on disk follows (ext/schema_changes.h).
//
//   key           value
//   log_id        the log's random id, which its directory holds too
//   suffix        the directory is the database's file name, '-', and this; or
//   path          the directory, as path= was written. (In memory: neither.)
//   sync          'full', 'normal' or 'off', where the log was created with sync=
//   token         that of the last transaction that wrote to the log and to the database
//   view.<name>   the engine's id of the view of that name

#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"
#include "core/engine.h"
#include "ext/host_sql.h"
#include "ext/options.h"
#include "ext/sqlite_api.h"

namespace streamview {

// Which log a table stands for.
struct LogIdentity {
  std::string directory;  // absolute; empty: in memory
  std::string log_id;

  auto operator<=>(const LogIdentity&) const = default;
};

struct LogSettings {
  LogIdentity identity;
  std::optional<SyncMode> sync;  // absent: as the database's PRAGMA synchronous
};

struct ViewEntry {
  std::string name;
  std::string view_id;
};

// Why there seems to be nothing: an authorizer has answered SQLITE_IGNORE.
Status HiddenByAuthorizer(const std::string& what);

class LogConfig {
 public:
  LogConfig(sqlite3* db, TableName log);

  static bool IsShadowSuffix(std::string_view suffix) { return suffix == "config"; }

  // Makes the table for a new log, and chooses the log's id and directory. Where the usual
  // directory `is_taken`, by a log that is about to go, it is another one. Errors: kInvalidArgument
  // where there can be no such directory.
  Result<LogSettings> Create(const LogOptions& options,
                             const std::function<bool(const std::string& directory)>& is_taken);
  // Makes the table anew, or fills it, for a log that exists. `suffix`: where it is without path=;
  // empty: in memory.
  Result<LogSettings> Recreate(const LogOptions& options, const std::string& suffix,
                               const std::string& log_id);
  Status Drop();
  Status Rename(const std::string& new_log);

  // Makes another log that of the table.
  Status PutLogId(std::string_view log_id) { return Put("log_id", log_id); }

  // Errors: kNotFound ("no such log: ..."): there is no such table, or it does not say which log
  // (LogFinder::ExplainMissing tells why). kCannotOpen: the table names a directory that cannot be
  // one.
  Result<LogSettings> Load() const;
  // Whether there is an ordinary table of that name, with our columns.
  Result<bool> IsOrdinaryTable() const;
  // OK, or kInvalidArgument where the application's authorizer lets us read the table, and the
  // schema that it is in, as if nothing were there (SQLITE_IGNORE).
  Status CheckNotHidden() const;

  // The directory that `path` means, as in path=: it is relative to the database's. Errors:
  // kInvalidArgument where the database has no file.
  Result<std::string> ResolvePath(std::string_view path) const {
    return ResolveDirectory("path", path);
  }
  // The same, for a directory that is to be made. Errors: also where SQLite would take it for one
  // of its own files.
  Result<std::string> ResolveNewPath(std::string_view path) const;
  // The directory of a suffix. Errors: kInvalidArgument where the database has no file.
  Result<std::string> ResolveSuffix(std::string_view suffix) const {
    return ResolveDirectory("suffix", suffix);
  }

  // The token of the last conditional transaction; empty: there was none.
  Result<std::string> LoadToken() const;
  Status PutToken(std::string_view token) { return Put("token", token); }

  // Errors: kNotFound as Load.
  Result<std::vector<ViewEntry>> ListViews() const;
  // kNotFound where the log has no such view.
  Result<std::string> FindView(std::string_view view) const;
  // Adds the view, or gives it another id.
  Status PutView(std::string_view view, std::string_view view_id);
  Status RemoveView(std::string_view view);
  Status RenameView(std::string_view view, std::string_view new_name);

 private:
  Result<HostStatement> Select(std::string_view sql) const;
  Status NoSuchLog() const;
  Status MakeTable() const;
  Result<bool> HasColumn(const char* column, bool* is_primary_key) const;
  Status Put(std::string_view key, std::string_view value);
  Result<std::string> ResolveDirectory(std::string_view key, std::string_view value) const;

  sqlite3* db_;
  TableName log_;
  std::string table_;  // quoted, with its schema
};

}  // namespace streamview
