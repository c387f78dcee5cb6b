#include "ext/pure_sql.h"

#include <algorithm>
#include <iterator>
#include <new>
#include <utility>

#include "ext/host_sql.h"
#include "ext/pure_dates.h"
#include "ext/pure_vfs.h"
#include "ext/values.h"

namespace streamview {

namespace {

// Functions of SQLite that are no functions of their arguments.
constexpr const char* kImpureFunctions[] = {
    "changes",       "last_insert_rowid",        "load_extension", "random",
    "randomblob",    "sqlite_compileoption_get", "sqlite_log",     "sqlite_compileoption_used",
    "sqlite_offset", "sqlite_source_id",         "sqlite_version", "total_changes",
};

constexpr const char* kClockFunctions[] = {"current_date", "current_time", "current_timestamp"};

template <typename Names>
bool Contains(const Names& names, const char* name) {
  return std::any_of(std::begin(names), std::end(names),
                     [&](const char* n) { return sqlite3_stricmp(n, name) == 0; });
}

// The arguments of an action that has fewer are null.
const char* OrEmpty(const char* text) { return text == nullptr ? "" : text; }

}  // namespace

Status ImpureMap(const std::string& reason) {
  return Status::InvalidArgument("a map must be a pure function of its row: it " + reason);
}

Result<std::unique_ptr<PureSql>> PureSql::Open(const std::string& table) {
  std::unique_ptr<PureSql> sql(new PureSql(table));
  int code = RegisterPureVfs();
  if (code == SQLITE_OK) {
    // No mutex: the contract is one thread at a time.
    code =
        sqlite3_open_v2(":memory:", &sql->db_,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX, kPureVfs);
  }
  if (code != SQLITE_OK) {
    return StatusFromSqlite(sql->db_, code).WithContext("cannot open the connection for a map");
  }
  SV_RETURN_IF_ERROR(sql->Configure());
  return sql;
}

PureSql::~PureSql() { sqlite3_close_v2(db_); }

Status PureSql::Configure() {
  SV_RETURN_IF_ERROR(FindForeignFunctions());
  SV_RETURN_IF_ERROR(FindForeignTables());
  // Sorting and materialising happen in memory, bounded by the limit of steps per entry.
  SV_RETURN_IF_ERROR(ExecuteSql(db_, "PRAGMA temp_store = MEMORY"));
  const int code = RegisterPureDates(db_);
  if (code != SQLITE_OK) return StatusFromSqlite(db_, code);
  sqlite3_db_config(db_, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, nullptr);
  sqlite3_db_config(db_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  // "A name" that is none must be an error, not a string.
  sqlite3_db_config(db_, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
  sqlite3_limit(db_, SQLITE_LIMIT_ATTACHED, 0);
  // The order of rows must not depend on how many threads sort them.
  sqlite3_limit(db_, SQLITE_LIMIT_WORKER_THREADS, 0);
  return Status::Ok();
}

namespace {

// Adds the first column of a query to `names`. A SQLite built without that pragma cannot tell.
template <typename Names>
Status CollectNames(sqlite3* db, const char* sql, Names* names) {
  Result<HostStatement> list = HostStatement::Prepare(db, sql);
  if (list.status().code() == StatusCode::kInvalidArgument) return Status::Ok();
  SV_RETURN_IF_ERROR(list.status());
  while (true) {
    SV_ASSIGN_OR_RETURN(const bool has_row, list->Step());
    if (!has_row) return Status::Ok();
    names->insert(std::string(list->Text(0)));
  }
}

}  // namespace

// A function that an automatic extension has added, or put in the place of SQLite's own.
Status PureSql::FindForeignFunctions() {
  return CollectNames(db_, "SELECT name FROM pragma_function_list WHERE NOT builtin",
                      &foreign_functions_);
}

// Eponymous virtual tables, which exist without CREATE.
Status PureSql::FindForeignTables() {
  SV_RETURN_IF_ERROR(CollectNames(db_, "SELECT name FROM pragma_module_list", &foreign_tables_));
  for (const std::string& own : {table_, std::string("json_each"), std::string("json_tree")}) {
    foreign_tables_.erase(own);
  }
  return Status::Ok();
}

// SQLite asks the authorizer also for what it does itself to declare a virtual table. So they are
// all connected, by preparing a use of them, before there is one.
Status PureSql::ConnectTables() {
  sqlite3_set_authorizer(db_, nullptr, nullptr);
  SV_RETURN_IF_ERROR(ExecuteSql(
      db_, "SELECT 1 FROM " + QuoteIdentifier(table_) + ", json_each('[]'), json_tree('[]')"));
  sqlite3_set_authorizer(db_, Authorize, this);
  return Status::Ok();
}

int PureSql::Authorize(void* self, int action, const char* first, const char* second, const char*,
                       const char*) {
  auto* sql = static_cast<PureSql*>(self);
  try {
    Status review = sql->Review(action, OrEmpty(first), OrEmpty(second));
    if (review.ok()) return SQLITE_OK;
    if (sql->refusal_.ok()) sql->refusal_ = std::move(review);
  } catch (...) {
    // Refused all the same, with SQLite's own message.
  }
  return SQLITE_DENY;
}

Status PureSql::Review(int action, const char* first, const char* second) const {
  switch (action) {
    case SQLITE_SELECT:
      return Status::Ok();
    case SQLITE_RECURSIVE:
      if (HasProgressHandler()) return Status::Ok();
      return Status::InvalidArgument(
          "a map cannot be recursive here: this SQLite is built without progress callbacks "
          "(SQLITE_OMIT_PROGRESS_CALLBACK), so one that runs without end could not be stopped");
    case SQLITE_READ:
      return ReviewRead(first, second);
    case SQLITE_FUNCTION:
      return ReviewFunction(second);
    default:
      return ImpureMap("can only SELECT, and only from " + Tables());
  }
}

std::string PureSql::Tables() const { return table_ + ", json_each and json_tree"; }

Status PureSql::ReviewRead(const char* table, const char* column) const {
  const std::string_view name = table;
  if (name == table_ || name == "json_each" || name == "json_tree") return Status::Ok();
  // A common table expression of which no column is read, as in `SELECT count(*) FROM tags`, is
  // asked about by its name alone.
  const bool exists =
      foreign_tables_.contains(table) || name.starts_with("sqlite_") || name.starts_with("pragma_");
  if (*column == '\0' && !exists) return Status::Ok();
  return ImpureMap("cannot read " + std::string(table) + ", only " + Tables());
}

Status PureSql::ReviewFunction(const char* name) const {
  if (Contains(kClockFunctions, name)) return ImpureMap("asked for the current time");
  if (Contains(kImpureFunctions, name)) {
    return ImpureMap("cannot call " + std::string(name) + "()");
  }
  if (foreign_functions_.contains(name)) {
    return Status::InvalidArgument(std::string(name) +
                                   "() is not one of SQLite's own functions, "
                                   "and a map can call no others");
  }
  return Status::Ok();
}

Result<StatementPtr> PureSql::Prepare(std::string_view sql) {
  SV_RETURN_IF_ERROR(ConnectTables());
  refusal_ = Status::Ok();
  sqlite3_stmt* raw = nullptr;
  const char* tail = nullptr;
  int code = sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()),
                                SQLITE_PREPARE_PERSISTENT, &raw, &tail);
  StatementPtr statement(raw);
  if (code != SQLITE_OK) return ExplainError(code);
  if (statement == nullptr) return Status::InvalidArgument("the map is empty: it must be a SELECT");
  if (sqlite3_column_count(raw) == 0 || sqlite3_stmt_isexplain(raw) != 0) {
    return Status::InvalidArgument("a map must be a SELECT");
  }
  if (sqlite3_bind_parameter_count(raw) > 0) {
    const char* name = sqlite3_bind_parameter_name(raw, 1);
    return Status::InvalidArgument("a map cannot have parameters, such as " +
                                   std::string(name == nullptr ? "?" : name));
  }
  // Comments and semicolons may follow.
  const std::string_view rest = sql.substr(static_cast<size_t>(tail - sql.data()));
  sqlite3_stmt* second = nullptr;
  code = sqlite3_prepare_v2(db_, rest.data(), static_cast<int>(rest.size()), &second, nullptr);
  sqlite3_finalize(second);
  if (code == SQLITE_NOMEM) return ExplainError(code);
  if (code != SQLITE_OK || second != nullptr) {
    return Status::InvalidArgument("a map must be one SELECT, and something follows it: " +
                                   std::string(rest));
  }
  return statement;
}

// SQLite's message, or our reason to refuse, with a hint for the usual misunderstandings.
Status PureSql::ExplainError(int code) const {
  const Status status = StatusFromSqlite(db_, code);
  if (status.code() == StatusCode::kNoMemory) return status;
  SV_RETURN_IF_ERROR(refusal_);
  const std::string& message = status.message();
  std::string hint;
  if (message.starts_with("no such function")) {
    hint = " (functions that the application defines are not available in a map)";
  } else if (message.starts_with("no such table")) {
    hint = " (a map reads the row of its log, " + table_ + ", with json_each and json_tree)";
  } else if (message.starts_with("no such column")) {
    hint = " (" + table_ + " has the columns seq, time, key, value)";
  } else if (message == "ambiguous column name: key" || message == "ambiguous column name: value") {
    hint = " (json_each and json_tree have a column of that name, too: write " + table_ + "." +
           message.substr(message.rfind(' ') + 1) + " for that of the log)";
  }
  return Status::InvalidArgument("the map does not compile: " + message + hint);
}

}  // namespace streamview
