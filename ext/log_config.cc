#include "ext/log_config.h"

#include <filesystem>
#include <utility>

#include "core/engine_registry.h"
#include "ext/values.h"

namespace streamview {

namespace {

constexpr std::string_view kViewPrefix = "view.";

std::string ViewKey(std::string_view view) { return std::string(kViewPrefix).append(view); }

std::string_view SyncName(SyncMode sync) {
  switch (sync) {
    case SyncMode::kOff:
      return "off";
    case SyncMode::kNormal:
      return "normal";
    case SyncMode::kFull:
      break;
  }
  return "full";
}

Result<SyncMode> ParseSync(std::string_view name) {
  for (const SyncMode sync : {SyncMode::kOff, SyncMode::kNormal, SyncMode::kFull}) {
    if (name == SyncName(sync)) return sync;
  }
  return Status::Corruption("sync is \"" + std::string(name) + "\"");
}

}  // namespace

LogConfig::LogConfig(sqlite3* db, TableName log)
    : db_(db), log_(std::move(log)), table_(QuoteTable({log_.schema, log_.table + "_config"})) {}

Result<std::string> LogConfig::ResolveDirectory(std::string_view key,
                                                std::string_view value) const {
  const std::string file = DatabaseFile(db_, log_.schema);
  if (file.empty()) {
    return Status::InvalidArgument("a log of a database without a file has no path");
  }
  if (value.find('\0') != std::string_view::npos) {
    return Status::InvalidArgument("the path of a log cannot hold a zero byte");
  }
  namespace fs = std::filesystem;
  const fs::path parent = fs::path(file).parent_path();
  fs::path directory = key == "path" ? parent / fs::path(value)
                                     : fs::path(std::string(file).append("-").append(value));
  if (!directory.is_absolute()) {
    std::error_code error;
    directory = fs::absolute(directory, error);
    if (error) return Status::CannotOpen(directory.string() + ": " + error.message());
  }
  return directory.lexically_normal().string();
}

Result<LogSettings> LogConfig::Create(const LogOptions& options,
                                      const std::function<bool(const std::string&)>& is_taken) {
  LogSettings settings;
  settings.identity.log_id = NewLogId();
  settings.sync = options.sync;
  SV_RETURN_IF_ERROR(
      ExecuteSql(db_, "CREATE TABLE " + table_ + "(key TEXT PRIMARY KEY, value) WITHOUT ROWID"));
  SV_RETURN_IF_ERROR(Put("log_id", settings.identity.log_id));
  if (options.sync) SV_RETURN_IF_ERROR(Put("sync", SyncName(*options.sync)));

  if (options.path) {
    SV_ASSIGN_OR_RETURN(settings.identity.directory, ResolveDirectory("path", *options.path));
    SV_RETURN_IF_ERROR(Put("path", *options.path));
    return settings;
  }
  if (DatabaseFile(db_, log_.schema).empty()) return settings;

  std::string suffix = log_.table;
  if (suffix.find('/') != std::string::npos) {
    return Status::InvalidArgument("the name \"" + suffix +
                                   "\" cannot be part of a file name: say path='...'");
  }
  SV_ASSIGN_OR_RETURN(settings.identity.directory, ResolveDirectory("suffix", suffix));
  if (is_taken(settings.identity.directory)) {
    suffix += "-" + settings.identity.log_id.substr(0, 8);
    SV_ASSIGN_OR_RETURN(settings.identity.directory, ResolveDirectory("suffix", suffix));
  }
  SV_RETURN_IF_ERROR(Put("suffix", suffix));
  return settings;
}

Status LogConfig::Drop() { return ExecuteSql(db_, "DROP TABLE " + table_); }

Status LogConfig::Rename(const std::string& new_log) {
  const std::string renamed = QuoteIdentifier(new_log + "_config");
  return ExecuteSql(db_, "ALTER TABLE " + table_ + " RENAME TO " + renamed);
}

// A schema from elsewhere may have a virtual table of this name. One of ours would ask for its
// log's configuration as it is read, and so for ever. In none of ours is `key` a PRIMARY KEY; a SQL
// view is refused as well.
Result<bool> LogConfig::IsOrdinaryTable() const {
  int is_primary_key = 0;
  const std::string name = log_.table + "_config";
  const int code =
      sqlite3_table_column_metadata(db_, log_.schema.c_str(), name.c_str(), "key", nullptr, nullptr,
                                    nullptr, &is_primary_key, nullptr);
  if (code == SQLITE_ERROR) return false;  // not a table, or without that column
  if (code != SQLITE_OK) return StatusFromSqlite(db_, code);
  return is_primary_key != 0;
}

Result<LogSettings> LogConfig::Load() const {
  const Status no_such_log = Status::NotFound("no such log: " + log_.schema + "." + log_.table);
  Result<HostStatement> statement =
      HostStatement::Prepare(db_, "SELECT key, value FROM " + table_ +
                                      " WHERE key IN ('log_id', 'suffix', 'path', 'sync')");
  if (!statement.ok()) {
    // "no such table", or "no such column" in a table of that name that is not ours
    const bool missing = statement.status().message().starts_with("no such");
    return missing ? no_such_log : statement.status();
  }
  SV_ASSIGN_OR_RETURN(const bool is_ordinary, IsOrdinaryTable());
  if (!is_ordinary) return no_such_log;
  LogSettings settings;
  for (;;) {
    SV_ASSIGN_OR_RETURN(const bool row, statement->Step());
    if (!row) break;
    const std::string_view key = statement->Text(0);
    const std::string_view value = statement->Text(1);
    if (key == "log_id") {
      settings.identity.log_id = value;
    } else if (key == "sync") {
      SV_ASSIGN_OR_RETURN(settings.sync, ParseSync(value));
    } else {
      SV_ASSIGN_OR_RETURN(settings.identity.directory, ResolveDirectory(key, value));
    }
  }
  if (settings.identity.log_id.empty()) return no_such_log;
  if (settings.identity.directory.empty() && !DatabaseFile(db_, log_.schema).empty()) {
    return Status::CannotOpen("log " + log_.table +
                              " was in memory, and this database is a file: a "
                              "copy of the database that had it");
  }
  return settings;
}

Result<std::string> LogConfig::LoadToken() const {
  SV_ASSIGN_OR_RETURN(
      HostStatement statement,
      HostStatement::Prepare(db_, "SELECT value FROM " + table_ + " WHERE key = 'token'"));
  SV_ASSIGN_OR_RETURN(const bool row, statement.Step());
  return row ? std::string(statement.Text(0)) : std::string();
}

Result<std::vector<ViewEntry>> LogConfig::ListViews() const {
  // '/' is the character after '.'.
  SV_ASSIGN_OR_RETURN(HostStatement statement,
                      HostStatement::Prepare(db_, "SELECT key, value FROM " + table_ +
                                                      " WHERE key > 'view.' AND key < 'view/'"));
  std::vector<ViewEntry> views;
  for (;;) {
    SV_ASSIGN_OR_RETURN(const bool row, statement.Step());
    if (!row) return views;
    views.push_back({std::string(statement.Text(0).substr(kViewPrefix.size())),
                     std::string(statement.Text(1))});
  }
}

Result<std::string> LogConfig::FindView(std::string_view view) const {
  SV_ASSIGN_OR_RETURN(
      HostStatement statement,
      HostStatement::Prepare(db_, "SELECT value FROM " + table_ + " WHERE key = ?1"));
  SV_RETURN_IF_ERROR(statement.BindText(1, ViewKey(view)));
  SV_ASSIGN_OR_RETURN(const bool row, statement.Step());
  if (row) return std::string(statement.Text(0));
  return Status::NotFound("the log " + log_.table + " does not know the view " + std::string(view));
}

Status LogConfig::PutView(std::string_view view, std::string_view view_id) {
  return Put(ViewKey(view), view_id);
}

Status LogConfig::RemoveView(std::string_view view) {
  return ExecuteSql(db_, "DELETE FROM " + table_ + " WHERE key = ?1", {ViewKey(view)});
}

Status LogConfig::RenameView(std::string_view view, std::string_view new_name) {
  return ExecuteSql(db_, "UPDATE " + table_ + " SET key = ?2 WHERE key = ?1",
                    {ViewKey(view), ViewKey(new_name)});
}

Status LogConfig::Put(std::string_view key, std::string_view value) {
  return ExecuteSql(db_, "INSERT OR REPLACE INTO " + table_ + " VALUES (?1, ?2)", {key, value});
}

}  // namespace streamview
