#include "ext/log_finder.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "core/engine_registry.h"
#include "ext/create_statement.h"
#include "ext/options.h"
#include "ext/written_name.h"

namespace streamview {

namespace {

// The log that a statement of sv_docs or sv_view names; empty: none. Its schema does not matter: it
// is that of the table, which may be attached under another name now.
std::string LogOf(const CreateVirtualTable& statement) {
  const std::optional<WrittenName> log = ParseLogName(ModuleArgumentsOf(statement));
  return log ? log->table : "";
}

// 'events', for use in SQL.
std::string QuoteText(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') quoted += '\'';
    quoted += c;
  }
  return quoted + '\'';
}

std::string ListNames(const std::vector<TableName>& tables) {
  std::string list;
  for (const TableName& table : tables) {
    if (!list.empty()) list += ", ";
    list += table.table;
  }
  return list;
}

}  // namespace

Result<std::vector<std::string>> LogFinder::ListSchemas() const {
  // In the order in which SQLite looks names up: temp, main, attached databases.
  SV_ASSIGN_OR_RETURN(
      HostStatement databases,
      HostStatement::Prepare(db_, "SELECT name FROM pragma_database_list ORDER BY seq <> 1, seq"));
  std::vector<std::string> schemas;
  for (;;) {
    SV_ASSIGN_OR_RETURN(const bool database, databases.Step());
    if (!database) return schemas;
    schemas.emplace_back(databases.Text(0));
    if (schemas.back().empty()) return HiddenByAuthorizer("the names of the databases");
  }
}

Result<std::vector<TableName>> LogFinder::ListLogs() const {
  SV_ASSIGN_OR_RETURN(const std::vector<std::string> schemas, ListSchemas());
  std::vector<TableName> logs;
  for (const std::string& schema : schemas) {
    SV_ASSIGN_OR_RETURN(const std::vector<VirtualTableEntry> tables,
                        ListVirtualTables(db_, schema));
    for (const VirtualTableEntry& table : tables) {
      if (SameName(table.statement.module, "sv_log")) logs.push_back({schema, table.name});
    }
  }
  return logs;
}

Result<TableName> LogFinder::FindLog(const std::optional<std::string>& name) const {
  SV_ASSIGN_OR_RETURN(const std::vector<TableName> logs, ListLogs());
  if (!name) {
    if (logs.size() == 1) return logs.front();
    if (logs.empty()) {
      return ExplainUnknown("there is no log: CREATE VIRTUAL TABLE ... USING sv_log makes one", "");
    }
    return Status::InvalidArgument("there are several logs, name one of them: " + ListNames(logs));
  }
  for (const NameForm form : {NameForm::kAsItStands, NameForm::kAsWritten}) {
    for (const TableName& log : logs) {
      if (Names(*name, form, log)) return log;
    }
  }
  return ExplainUnknown("no such log: " + *name, *name);
}

Result<LogOrView> LogFinder::FindLogOrView(const std::optional<std::string>& name) const {
  if (!name) {
    SV_ASSIGN_OR_RETURN(TableName log, FindLog(name));
    return LogOrView{std::move(log), std::nullopt};
  }
  SV_ASSIGN_OR_RETURN(const std::vector<TableName> logs, ListLogs());
  for (const NameForm form : {NameForm::kAsItStands, NameForm::kAsWritten}) {
    for (const TableName& log : logs) {
      if (Names(*name, form, log)) return LogOrView{log, std::nullopt};
    }
    for (const TableName& log : logs) {
      SV_ASSIGN_OR_RETURN(const std::vector<ViewEntry> views, ListViews(log));
      for (const ViewEntry& view : views) {
        if (Names(*name, form, {log.schema, view.name})) return LogOrView{log, view};
      }
    }
  }
  return ExplainUnknown("no log and no view is called " + *name, *name);
}

Result<TableName> LogFinder::FindRenamed(
    const TableName& last_known, const std::function<bool(const LogIdentity&)>& is_it) const {
  const auto is_called = [&](const TableName& name) -> Result<bool> {
    const Result<LogSettings> settings = LogConfig(db_, name).Load();
    if (settings.status().code() == StatusCode::kNotFound) return false;
    SV_RETURN_IF_ERROR(settings.status());
    return is_it(settings->identity);
  };
  SV_ASSIGN_OR_RETURN(const bool same_name, is_called(last_known));
  if (same_name) return last_known;
  SV_ASSIGN_OR_RETURN(const std::vector<TableName> logs, ListLogs());
  for (const TableName& name : logs) {
    SV_ASSIGN_OR_RETURN(const bool found, is_called(name));
    if (found) return name;
  }
  return Status::NotFound("no such log any more: " + last_known.table);
}

Result<std::vector<ViewEntry>> LogFinder::ListViews(const TableName& log) const {
  Result<std::vector<ViewEntry>> views = LogConfig(db_, log).ListViews();
  if (views.status().code() == StatusCode::kNotFound) return std::vector<ViewEntry>();
  return views;
}

// --- why a log is not found

Result<std::string> LogFinder::DescribeTable(const TableName& name) const {
  SV_ASSIGN_OR_RETURN(const std::optional<SchemaEntry> entry, FindInSchema(db_, name));
  if (!entry) return std::string();
  if (entry->is_view) return std::string(", which is a SQL view");
  if (!entry->virtual_table) return std::string(", which is an ordinary table");
  const CreateVirtualTable& statement = *entry->virtual_table;
  const bool is_view = SameName(statement.module, "sv_view");
  if (!is_view && !SameName(statement.module, "sv_docs")) {
    return ", which is a virtual table of " + statement.module;
  }
  return (is_view ? ", which is a view of the log " : ", which is an sv_docs table of the log ") +
         LogOf(statement);
}

Status LogFinder::ExplainUnknown(std::string message, const std::string& name) const {
  SV_ASSIGN_OR_RETURN(const std::vector<std::string> schemas, ListSchemas());
  const WrittenName written = ParseName(name);
  for (const std::string& schema : schemas) {
    SV_RETURN_IF_ERROR(LogConfig(db_, {schema, written.table}).CheckNotHidden());
    if (written.schema && !SameName(*written.schema, schema)) continue;
    SV_ASSIGN_OR_RETURN(const std::string description, DescribeTable({schema, written.table}));
    if (!description.empty()) return Status::NotFound(message + description);
  }
  if (schemas.empty()) return HiddenByAuthorizer("all rows");
  return Status::NotFound(std::move(message));
}

Status LogFinder::ExplainMissing(const TableName& log) const {
  SV_RETURN_IF_ERROR(LogConfig(db_, log).CheckNotHidden());
  SV_ASSIGN_OR_RETURN(const std::optional<SchemaEntry> entry, FindInSchema(db_, log));
  if (entry && entry->virtual_table && SameName(entry->virtual_table->module, "sv_log")) {
    const std::string config = log.table + "_config";
    SV_ASSIGN_OR_RETURN(const std::optional<SchemaEntry> other,
                        FindInSchema(db_, {log.schema, config}));
    SV_ASSIGN_OR_RETURN(const bool is_table, LogConfig(db_, log).IsOrdinaryTable());
    return Status::CannotOpen(
        "the table " + config + ", which says where the log " + log.table + " is, " +
        (other && !is_table ? "is another one: rename or drop that one, then "
                            : "is lost, or its rows are: ") +
        "SELECT sv_adopt(" + QuoteText(log.table) + ") makes it anew from the log's directory");
  }
  SV_ASSIGN_OR_RETURN(const std::string description, DescribeTable(log));
  return Status::NotFound("no such log: " + log.schema + "." + log.table + description);
}

// --- a log whose shadow table is lost

Result<std::vector<std::string>> LogFinder::ListViewTables(const TableName& log) const {
  SV_ASSIGN_OR_RETURN(const std::vector<VirtualTableEntry> tables,
                      ListVirtualTables(db_, log.schema));
  std::vector<std::string> views;
  for (const VirtualTableEntry& table : tables) {
    if (!SameName(table.statement.module, "sv_view")) continue;
    if (SameName(LogOf(table.statement), log.table)) views.push_back(table.name);
  }
  return views;
}

Result<std::vector<std::string>> LogFinder::OtherDirectories(const TableName& log) const {
  SV_ASSIGN_OR_RETURN(const std::vector<TableName> logs, ListLogs());
  std::vector<std::string> directories;
  for (const TableName& other : logs) {
    if (other.schema != log.schema || SameName(other.table, log.table)) continue;
    const Result<LogSettings> settings = LogConfig(db_, other).Load();
    if (settings.status().IsCutShort()) return settings.status();
    if (settings.ok()) directories.push_back(settings->identity.directory);
  }
  return directories;
}

Result<std::vector<std::string>> LogFinder::ListSuffixes(const TableName& log,
                                                         const std::string& file) const {
  namespace fs = std::filesystem;
  const LogConfig config(db_, log);
  SV_ASSIGN_OR_RETURN(const std::vector<std::string> others, OtherDirectories(log));
  const std::string prefix = fs::path(file).filename().string() + "-";
  std::vector<std::string> suffixes;
  std::error_code error;
  for (fs::directory_iterator i(fs::path(file).parent_path(), error), end; !error && i != end;
       i.increment(error)) {
    const std::string name = i->path().filename().string();
    if (!name.starts_with(prefix)) continue;
    std::string suffix = name.substr(prefix.size());
    SV_ASSIGN_OR_RETURN(const std::string directory, config.ResolveSuffix(suffix));
    const bool is_other = std::find(others.begin(), others.end(), directory) != others.end();
    if (!is_other && ReadLogId(directory).ok()) suffixes.push_back(std::move(suffix));
  }
  std::sort(suffixes.begin(), suffixes.end());
  return suffixes;
}

Result<std::string> LogFinder::FindSuffix(const TableName& log) const {
  const std::string file = DatabaseFile(db_, log.schema);
  if (file.empty()) {
    return Status::CannotOpen("log " + log.table +
                              " was in memory, and nothing knows of it any more: DROP TABLE " +
                              QuoteIdentifier(log.table));
  }
  SV_ASSIGN_OR_RETURN(const std::vector<std::string> suffixes, ListSuffixes(log, file));
  const auto usual = std::find(suffixes.begin(), suffixes.end(), log.table);
  if (usual != suffixes.end()) return *usual;
  if (suffixes.size() == 1) return suffixes.front();
  std::string message = "the directory of log " + log.table + " cannot be found: ";
  if (suffixes.empty()) return Status::CannotOpen(message + "there is none beside " + file);
  message += "it may be";
  for (const std::string& suffix : suffixes) message += " " + file + "-" + suffix;
  return Status::CannotOpen(message + "; move all but the right one away");
}

}  // namespace streamview
