#include "ext/connection.h"

#include <chrono>
#include <new>
#include <utility>

#include "ext/committed_token.h"
#include "ext/removed_logs.h"
#include "ext/sql_mapper.h"
#include "ext/sql_terms.h"
#include "ext/sqlite_vtab/newer_sqlite.hpp"
#include "ext/values.h"

namespace streamview {

namespace {

constexpr std::chrono::milliseconds kProgressInterval{100};
// Of more than 10,000 instructions: those after which a progress handler is called are counted anew
// for each statement.
constexpr char kLongStatement[] =
    "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n LIMIT 1000) "
    "SELECT max(i) FROM n";

// The engine makes the mappers of JSON paths itself.
Result<std::unique_ptr<Mapper>> NewMapper(const ViewDefinition& definition) {
  if (definition.kind == MapKind::kSql) return NewSqlMapper(definition);
  return Status::InvalidArgument("view " + definition.name +
                                 " has a mapper of the program that made it");
}

// Whether SQLite's mutexes are real: they are not in a library built without threads, nor where the
// host asked for SQLITE_CONFIG_SINGLETHREAD, which sqlite3_threadsafe() does not tell. Dynamic
// mutexes that do nothing are all the same one.
bool HasMutexes() {
  static const bool real = [] {
    sqlite3_mutex* const one = sqlite3_mutex_alloc(SQLITE_MUTEX_FAST);
    sqlite3_mutex* const two = sqlite3_mutex_alloc(SQLITE_MUTEX_FAST);
    const bool differ = one != two;
    sqlite3_mutex_free(one);
    sqlite3_mutex_free(two);
    return differ;
  }();
  return sqlite3_threadsafe() != 0 && real;
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

Connection::Connection(sqlite3* db)
    : db_(db),
      schema_changes_(
          [this](const LogIdentity& log) {
            const auto found = sessions_.find(log);
            return found == sessions_.end() ? nullptr : found->second->engine();
          },
          [this](const LogIdentity& log) {
            RemovedLogs::Instance().Add(log);
            ReleaseRemovedLogs();
          }),
      write_watch_(db) {}

Connection::~Connection() {
  sessions_.clear();
  RemovedLogs::Instance().DeleteUnused();
}

// --- logs

Result<std::vector<TableName>> Connection::ListLogs() const {
  // In the order in which SQLite looks names up: temp, main, attached databases.
  SV_ASSIGN_OR_RETURN(
      HostStatement databases,
      HostStatement::Prepare(db_, "SELECT name FROM pragma_database_list ORDER BY seq <> 1, seq"));
  std::vector<TableName> logs;
  for (;;) {
    SV_ASSIGN_OR_RETURN(const bool database, databases.Step());
    if (!database) return logs;
    const std::string schema(databases.Text(0));
    SV_ASSIGN_OR_RETURN(
        HostStatement tables,
        HostStatement::Prepare(db_, "SELECT name FROM " + QuoteIdentifier(schema) +
                                        ".sqlite_schema WHERE type = 'table' AND lower(sql) LIKE "
                                        "'create virtual table%using%sv_log%' ORDER BY name"));
    for (;;) {
      SV_ASSIGN_OR_RETURN(const bool table, tables.Step());
      if (!table) break;
      // The text only hints at a log, its shadow table proves it.
      TableName name{schema, std::string(tables.Text(0))};
      const Result<LogSettings> settings = LogConfig(db_, name).Load();
      if (settings.status().code() == StatusCode::kNotFound) continue;
      if (settings.status().IsCutShort()) return settings.status();
      logs.push_back(std::move(name));
    }
  }
}

namespace {

// That of the name; without one, the only one.
Result<TableName> PickLog(const std::vector<TableName>& logs,
                          const std::optional<std::string>& name) {
  if (!name) {
    if (logs.size() == 1) return logs.front();
    if (logs.empty()) {
      return Status::NotFound("there is no log: CREATE VIRTUAL TABLE ... USING sv_log makes one");
    }
    return Status::InvalidArgument("there are several logs, name one of them: " + ListNames(logs));
  }
  for (const TableName& log : logs) {
    if (SameName(log.table, *name) || SameName(log.schema + "." + log.table, *name)) return log;
  }
  return Status::NotFound("no such log: " + *name);
}

}  // namespace

Result<TableName> Connection::FindLog(const std::optional<std::string>& name) const {
  SV_ASSIGN_OR_RETURN(const std::vector<TableName> logs, ListLogs());
  return PickLog(logs, name);
}

Result<LogOrView> Connection::FindLogOrView(const std::optional<std::string>& name) const {
  SV_ASSIGN_OR_RETURN(const std::vector<TableName> logs, ListLogs());
  const Result<TableName> log = PickLog(logs, name);
  if (log.ok()) return LogOrView{*log, std::nullopt};
  if (!name) return log.status();
  for (const TableName& candidate : logs) {
    SV_ASSIGN_OR_RETURN(const std::vector<ViewEntry> views, ListViews(candidate));
    for (const ViewEntry& view : views) {
      if (SameName(view.name, *name)) return LogOrView{candidate, view};
    }
  }
  return Status::NotFound("no log and no view is called " + *name);
}

Result<std::vector<ViewEntry>> Connection::ListViews(const TableName& log) const {
  return LogConfig(db_, log).ListViews();
}

EngineOptions Connection::MakeEngineOptions(const TableName& log,
                                            const LogIdentity& identity) const {
  EngineOptions options;
  options.directory = identity.directory;
  options.log_id = identity.log_id;
  options.database = DatabaseFile(db_, log.schema);
  options.name = log.table;
  options.mapper_factory = NewMapper;
  options.committed_token = CommittedTokenOf(db_, log);
  options.background = HasMutexes();
  return options;
}

std::shared_ptr<LogSession> Connection::AddSession(const TableName& log,
                                                   const LogSettings& settings,
                                                   std::shared_ptr<Engine> engine) {
  auto session = std::make_shared<LogSession>(*this, log, settings, std::move(engine));
  sessions_[settings.identity] = session;
  return session;
}

Result<std::shared_ptr<LogSession>> Connection::OpenLog(const TableName& log) {
  ReleaseRemovedLogs();
  const LogConfig config(db_, log);
  SV_ASSIGN_OR_RETURN(const LogSettings settings, config.Load());
  const auto found = sessions_.find(settings.identity);
  if (found != sessions_.end()) return found->second;

  SV_ASSIGN_OR_RETURN(const EngineOptions options, OptionsToOpen(log, settings.identity));
  SV_ASSIGN_OR_RETURN(std::shared_ptr<Engine> engine, InSqlTerms(OpenEngine(options)));
  return AddSession(log, settings, std::move(engine));
}

Result<EngineOptions> Connection::OptionsToOpen(const TableName& log,
                                                const LogIdentity& identity) const {
  EngineOptions options = MakeEngineOptions(log, identity);
  SV_ASSIGN_OR_RETURN(const std::vector<ViewEntry> views, LogConfig(db_, log).ListViews());
  std::vector<std::string>& known = options.view_ids.emplace();
  for (const ViewEntry& view : views) known.push_back(view.view_id);
  // A rollback would bring these back.
  for (std::string& id : schema_changes_.DroppedViews(identity)) known.push_back(std::move(id));
  return options;
}

Result<std::shared_ptr<LogSession>> Connection::AdoptLog(const TableName& log) {
  if (InWriteTransaction()) {
    return Status::Misuse("a log cannot be adopted within a transaction: COMMIT or ROLLBACK first");
  }
  Result<std::shared_ptr<LogSession>> session = OpenLog(log);
  if (session.ok() || session.status().IsCutShort()) return session;
  // The database must be able to tell before the log is changed.
  SV_RETURN_IF_ERROR(ExecuteSql(db_, "BEGIN IMMEDIATE"));
  session = AdoptWithLock(log);
  const Status ended = ExecuteSql(db_, session.ok() ? "COMMIT" : "ROLLBACK");
  if (session.ok() && !ended.ok()) {
    (void)ExecuteSql(db_, "ROLLBACK");
    return ended;
  }
  return session;
}

Result<std::shared_ptr<LogSession>> Connection::AdoptWithLock(const TableName& log) {
  LogConfig config(db_, log);
  SV_ASSIGN_OR_RETURN(LogSettings settings, config.Load());
  SV_ASSIGN_OR_RETURN(settings.identity.log_id, ReadLogId(settings.identity.directory));
  SV_RETURN_IF_ERROR(config.PutLogId(settings.identity.log_id));
  SV_ASSIGN_OR_RETURN(EngineOptions options, OptionsToOpen(log, settings.identity));
  options.adopt = true;
  SV_ASSIGN_OR_RETURN(std::shared_ptr<Engine> engine, InSqlTerms(OpenEngine(options)));
  return AddSession(log, settings, std::move(engine));
}

bool Connection::InWriteTransaction() const {
  return sqlite3_get_autocommit(db_) == 0 || sqlite3_txn_state(db_, nullptr) == SQLITE_TXN_WRITE;
}

Result<std::shared_ptr<LogSession>> Connection::CreateLog(const TableName& log,
                                                          const LogOptions& options) {
  SV_RETURN_IF_ERROR(JoinTransaction());
  LogConfig config(db_, log);
  SV_ASSIGN_OR_RETURN(
      const LogSettings settings,
      config.Create(options, [this](const std::string& path) { return IsBeingRemoved(path); }));
  SV_ASSIGN_OR_RETURN(std::shared_ptr<Engine> engine,
                      InSqlTerms(CreateEngine(MakeEngineOptions(log, settings.identity))));
  schema_changes_.LogCreated(settings.identity);
  return AddSession(log, settings, std::move(engine));
}

bool Connection::IsBeingRemoved(const std::string& directory) const {
  return schema_changes_.DropsDirectory(directory) ||
         RemovedLogs::Instance().ContainsDirectory(directory);
}

void Connection::ReleaseRemovedLogs() {
  RemovedLogs& removed = RemovedLogs::Instance();
  if (removed.empty()) return;
  std::erase_if(sessions_, [&](const auto& entry) {
    if (!removed.Contains(entry.first)) return false;
    // Tables may keep the session, where a prepared statement keeps the table.
    entry.second->Close();
    return true;
  });
  removed.DeleteUnused();
}

bool Connection::RunsOneStatement() const {
  int running = 0;
  for (sqlite3_stmt* s = sqlite3_next_stmt(db_, nullptr); s != nullptr && running < 2;
       s = sqlite3_next_stmt(db_, s)) {
    running += sqlite3_stmt_busy(s) != 0;
  }
  return running < 2;
}

bool Connection::RunsWriter() const {
  for (sqlite3_stmt* s = sqlite3_next_stmt(db_, nullptr); s != nullptr;
       s = sqlite3_next_stmt(db_, s)) {
    if (sqlite3_stmt_busy(s) != 0 && sqlite3_stmt_readonly(s) == 0) return true;
  }
  return false;
}

// --- waiting

bool Connection::InterruptRequested() {
  // Progress handlers can be asked by a statement only; that need not be done at every turn.
  const auto now = WaitOptions::Clock::now();
  const bool ask_handler = now >= next_progress_;
  if (ask_handler) next_progress_ = now + kProgressInterval;
  if (const std::optional<bool> interrupted = sqlite_vtab::IsInterrupted(db_)) {
    if (*interrupted) return true;
    if (!ask_handler) return false;
  }
  // Before 3.41 there is no other way to ask than this: a statement that starts now ends as the
  // outer one should.
  sqlite3_stmt* statement = nullptr;
  int rc =
      sqlite3_prepare_v2(db_, ask_handler ? kLongStatement : "SELECT 1", -1, &statement, nullptr);
  if (rc == SQLITE_OK) rc = sqlite3_step(statement);
  sqlite3_finalize(statement);
  // Not always does the outer statement fail by itself then.
  if (rc == SQLITE_NOMEM) throw std::bad_alloc();
  return rc == SQLITE_INTERRUPT;
}

WaitOptions Connection::InterruptibleWait() {
  WaitOptions wait;
  wait.interrupted = [this] { return InterruptRequested(); };
  return wait;
}

Result<WaitOptions> Connection::WriterWait() {
  SV_ASSIGN_OR_RETURN(const int64_t timeout, QueryInteger(db_, "PRAGMA busy_timeout", 0));
  WaitOptions wait = InterruptibleWait();
  wait.deadline = WaitOptions::Clock::now() + std::chrono::milliseconds(timeout);
  return wait;
}

// --- changes of the schema, transactions

Status Connection::JoinTransaction() {
  joined_ = false;
  SV_RETURN_IF_ERROR(ExecuteSql(db_, "INSERT INTO main.sv_transaction DEFAULT VALUES"));
  if (joined_) return Status::Ok();
  return Status::Misuse("the name sv_transaction is reserved: rename the table of that name");
}

Status Connection::RefuseDrop(Status why) {
  sqlite3_log(SqliteCode(why.code()), "%s", why.message().c_str());
  if (sqlite3_get_autocommit(db_) == 0) return why;
  refused_ = std::move(why);
  return JoinTransaction();
}

Result<bool> Connection::IsConditional() {
  int logs = 0;
  for (const auto& [identity, session] : sessions_) logs += session->open_transaction() != nullptr;
  if (logs > 1 || !schema_changes_.empty()) return true;
  return write_watch_.ChangedDatabase();
}

Result<TableName> Connection::CurrentName(const TableName& last_known,
                                          const LogIdentity& identity) const {
  const auto is_it = [&](const TableName& name) -> Result<bool> {
    const Result<LogSettings> settings = LogConfig(db_, name).Load();
    if (settings.status().code() == StatusCode::kNotFound) return false;
    SV_RETURN_IF_ERROR(settings.status());
    return settings->identity == identity;
  };
  SV_ASSIGN_OR_RETURN(const bool same_name, is_it(last_known));
  if (same_name) return last_known;
  SV_ASSIGN_OR_RETURN(const std::vector<TableName> logs, ListLogs());
  for (const TableName& name : logs) {
    SV_ASSIGN_OR_RETURN(const bool found, is_it(name));
    if (found) return name;
  }
  return Status::NotFound("no such log any more: " + last_known.table);
}

Status Connection::Sync() {
  SV_RETURN_IF_ERROR(refused_);
  for (const auto& [identity, session] : sessions_) SV_RETURN_IF_ERROR(session->Sync());
  return Status::Ok();
}

void Connection::Commit() {
  for (const auto& [identity, session] : sessions_) session->Commit();
  refused_ = Status::Ok();
  schema_changes_.Commit();
}

Status Connection::Rollback() {
  Status result;
  for (const auto& [identity, session] : sessions_) {
    if (Status status = session->Rollback(); result.ok()) result = std::move(status);
  }
  refused_ = Status::Ok();
  schema_changes_.Rollback();
  return result;
}

void Connection::Savepoint(int n) {
  for (const auto& [identity, session] : sessions_) session->Savepoint(n);
  schema_changes_.Savepoint(n);
}

void Connection::Release(int n) {
  for (const auto& [identity, session] : sessions_) session->Release(n);
  schema_changes_.Release(n);
}

void Connection::RollbackTo(int n) {
  for (const auto& [identity, session] : sessions_) session->RollbackTo(n);
  schema_changes_.RollbackTo(n);
}

}  // namespace streamview
