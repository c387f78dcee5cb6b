#include "ext/log_config.h"

#include <filesystem>
#include <utility>

#include "core/engine_registry.h"
#include "ext/create_statement.h"
#include "ext/sqlite_files.h"
#include "ext/values.h"

namespace streamview {

namespace {

constexpr std::string_view kViewPrefix = "view.";
// Follows a log's name where the usual directory would be a file of SQLite's.
constexpr char kInsteadOfSqlites[] = "-log";

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

Status HiddenByAuthorizer(const std::string& what) {
  return Status::InvalidArgument(
      "the application's authorizer answers SQLITE_IGNORE, which hides " + what +
      ": it must let streamview read its own tables");
}

LogConfig::LogConfig(sqlite3* db, TableName log)
    : db_(db), log_(std::move(log)), table_(QuoteTable({log_.schema, log_.table + "_config"})) {}

Result<std::string> LogConfig::ResolveDirectory(std::string_view key,
                                                std::string_view value) const {
  const std::string file = DatabaseFile(db_, log_.schema);
  if (file.empty()) {
    return Status::InvalidArgument(
        "a log of a database without a file is in memory: it has no "
        "directory");
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

Result<std::string> LogConfig::ResolveNewPath(std::string_view path) const {
  SV_ASSIGN_OR_RETURN(std::string directory, ResolvePath(path));
  SV_ASSIGN_OR_RETURN(const std::string file, FindSqlitesFile(db_, directory));
  if (file.empty()) return directory;
  return Status::InvalidArgument("directory " + directory +
                                 " has the name of a file that SQLite itself keeps beside " + file +
                                 ": choose another name");
}

Status LogConfig::MakeTable() const {
  return ExecuteSql(db_, "CREATE TABLE " + table_ + "(key TEXT PRIMARY KEY, value) WITHOUT ROWID");
}

Result<LogSettings> LogConfig::Create(const LogOptions& options,
                                      const std::function<bool(const std::string&)>& is_taken) {
  LogSettings settings;
  settings.identity.log_id = NewLogId();
  settings.sync = options.sync;
  SV_RETURN_IF_ERROR(MakeTable());
  SV_RETURN_IF_ERROR(Put("log_id", settings.identity.log_id));
  if (options.sync) SV_RETURN_IF_ERROR(Put("sync", SyncName(*options.sync)));

  if (options.path) {
    SV_ASSIGN_OR_RETURN(settings.identity.directory, ResolveNewPath(*options.path));
    SV_RETURN_IF_ERROR(Put("path", *options.path));
    return settings;
  }
  if (DatabaseFile(db_, log_.schema).empty()) return settings;

  std::string suffix = log_.table;
  if (suffix.find('/') != std::string::npos) {
    return Status::InvalidArgument("the name \"" + suffix +
                                   "\" cannot be part of a file name: say path='...'");
  }
  SV_ASSIGN_OR_RETURN(settings.identity.directory, ResolveSuffix(suffix));
  SV_ASSIGN_OR_RETURN(const std::string file, FindSqlitesFile(db_, settings.identity.directory));
  if (!file.empty()) {
    suffix += kInsteadOfSqlites;
    SV_ASSIGN_OR_RETURN(settings.identity.directory, ResolveSuffix(suffix));
  }
  if (is_taken(settings.identity.directory)) {
    suffix += "-" + settings.identity.log_id.substr(0, 8);
    SV_ASSIGN_OR_RETURN(settings.identity.directory, ResolveSuffix(suffix));
  }
  SV_RETURN_IF_ERROR(Put("suffix", suffix));
  return settings;
}

Result<LogSettings> LogConfig::Recreate(const LogOptions& options, const std::string& suffix,
                                        const std::string& log_id) {
  SV_ASSIGN_OR_RETURN(const bool exists, IsOrdinaryTable());
  if (!exists) SV_RETURN_IF_ERROR(MakeTable());
  SV_RETURN_IF_ERROR(PutLogId(log_id));
  if (options.sync) SV_RETURN_IF_ERROR(Put("sync", SyncName(*options.sync)));
  if (options.path) {
    SV_RETURN_IF_ERROR(Put("path", *options.path));
  } else if (!suffix.empty()) {
    SV_RETURN_IF_ERROR(Put("suffix", suffix));
  }
  return Load();
}

Status LogConfig::Drop() { return ExecuteSql(db_, "DROP TABLE " + table_); }

Status LogConfig::Rename(const std::string& new_log) {
  const std::string renamed = QuoteIdentifier(new_log + "_config");
  return ExecuteSql(db_, "ALTER TABLE " + table_ + " RENAME TO " + renamed);
}

Result<bool> LogConfig::HasColumn(const char* column, bool* is_primary_key) const {
  int primary_key = 0;
  const std::string name = log_.table + "_config";
  const int code = sqlite3_table_column_metadata(db_, log_.schema.c_str(), name.c_str(), column,
                                                 nullptr, nullptr, nullptr, &primary_key, nullptr);
  if (code == SQLITE_ERROR) return false;  // not a table, or without that column
  if (code != SQLITE_OK) return StatusFromSqlite(db_, code);
  *is_primary_key = primary_key != 0;
  return true;
}

// A schema from elsewhere may have a virtual table of this name. One of ours would ask for its
// log's configuration as it is read, and so for ever. In none of ours is `key` a PRIMARY KEY; a SQL
// view is refused as well.
Result<bool> LogConfig::IsOrdinaryTable() const {
  // Later versions (seen in 3.54) end the process where they are asked for the columns of a virtual
  // table that is not connected. To look into the schema takes time, which others need not spend.
  if (sqlite3_libversion_number() >= 3'041'000) {
    SV_ASSIGN_OR_RETURN(const std::optional<SchemaEntry> entry,
                        FindInSchema(db_, {log_.schema, log_.table + "_config"}));
    if (!entry || entry->is_view || entry->virtual_table) return false;
  }
  bool is_primary_key = false;
  bool ignored = false;
  SV_ASSIGN_OR_RETURN(const bool has_key, HasColumn("key", &is_primary_key));
  if (!has_key || !is_primary_key) return false;
  return HasColumn("value", &ignored);
}

Status LogConfig::NoSuchLog() const {
  return Status::NotFound("no such log: " + log_.schema + "." + log_.table);
}

// A statement that reads the table. Preparing it makes sure that SQLite has the schema as it is
// now.
Result<HostStatement> LogConfig::Select(std::string_view sql) const {
  Result<HostStatement> statement = HostStatement::Prepare(db_, sql);
  if (!statement.ok() && statement.status().code() != StatusCode::kInvalidArgument) {
    return statement.status();
  }
  SV_ASSIGN_OR_RETURN(const bool is_ordinary, IsOrdinaryTable());
  if (!is_ordinary) return NoSuchLog();
  return statement;
}

Result<LogSettings> LogConfig::Load() const {
  SV_ASSIGN_OR_RETURN(HostStatement statement,
                      Select("SELECT key, value FROM " + table_ +
                             " WHERE key IN ('log_id', 'suffix', 'path', 'sync')"));
  LogSettings settings;
  for (;;) {
    SV_ASSIGN_OR_RETURN(const bool row, statement.Step());
    if (!row) break;
    const std::string_view key = statement.Text(0);
    const std::string_view value = statement.Text(1);
    if (key == "log_id") {
      settings.identity.log_id = value;
    } else if (key == "sync") {
      SV_ASSIGN_OR_RETURN(settings.sync, ParseSync(value));
    } else if (DatabaseFile(db_, log_.schema).empty()) {
      return Status::CannotOpen("log " + log_.table +
                                " is in a directory, and this database is in memory: a copy of the "
                                "file that has the log; open that file, or DROP TABLE " +
                                QuoteIdentifier(log_.table) + " here, which leaves the log alone");
    } else {
      SV_ASSIGN_OR_RETURN(settings.identity.directory, ResolveDirectory(key, value));
    }
  }
  if (settings.identity.log_id.empty()) return NoSuchLog();
  if (settings.identity.directory.empty() && !DatabaseFile(db_, log_.schema).empty()) {
    return Status::CannotOpen("log " + log_.table +
                              " was in memory, and this database is a file: a copy of the database "
                              "that had it; DROP TABLE " +
                              QuoteIdentifier(log_.table) + ", and create it again");
  }
  return settings;
}

// What an authorizer says SQLITE_IGNORE to is NULL, or gives no row. Neither column can be NULL.
Status LogConfig::CheckNotHidden() const {
  SV_ASSIGN_OR_RETURN(const int64_t one, QueryInteger(db_, "SELECT 1", 0));
  if (one != 1) return HiddenByAuthorizer("all rows");
  const std::string schema = QuoteIdentifier(log_.schema) + ".sqlite_schema";
  SV_ASSIGN_OR_RETURN(const int64_t sees_schema,
                      QueryInteger(db_, "SELECT type IS NOT NULL FROM " + schema + " LIMIT 1", 1));
  if (sees_schema == 0) return HiddenByAuthorizer(schema);
  // Another kind of table may ask us for what is asked here.
  SV_ASSIGN_OR_RETURN(const bool is_table, IsOrdinaryTable());
  if (!is_table) return Status::Ok();
  SV_ASSIGN_OR_RETURN(const int64_t sees_keys,
                      QueryInteger(db_, "SELECT key IS NOT NULL FROM " + table_ + " LIMIT 1", 1));
  return sees_keys != 0 ? Status::Ok() : HiddenByAuthorizer(log_.table + "_config");
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
  SV_ASSIGN_OR_RETURN(HostStatement statement, Select("SELECT key, value FROM " + table_ +
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
