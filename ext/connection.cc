#include "ext/connection.h"

#include <algorithm>
#include <chrono>
#include <new>
#include <thread>
#include <utility>

#include "ext/committed_token.h"
#include "ext/create_statement.h"
#include "ext/removed_logs.h"
#include "ext/sql_mapper.h"
#include "ext/sql_terms.h"
#include "ext/sqlite_vtab/newer_sqlite.hpp"
#include "ext/values.h"

namespace streamview {

namespace {

constexpr std::chrono::milliseconds kProgressInterval{100};
// Of a log that another process holds: from one try to the next.
constexpr std::chrono::milliseconds kFirstPause{1};
constexpr std::chrono::milliseconds kLongestPause{50};
// In which a process that holds a log answers, where nothing is wrong with it.
constexpr std::chrono::milliseconds kAnswerTime{200};
// Who has a log's turn, and SQLite's lock not or not any more, has it for a moment: between the two
// ends of a COMMIT, while sv_append writes to memory, while a backup notes the files.
constexpr std::chrono::milliseconds kMoment{1000};
constexpr std::chrono::milliseconds kTurnSlice{10};
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

}  // namespace

Connection::Connection(sqlite3* db)
    : db_(db),
      logs_(db),
      schema_changes_(
          [this](const LogIdentity& log) {
            const auto found = sessions_.find(log);
            return found == sessions_.end() ? nullptr : found->second->engine();
          },
          [this](const LogIdentity& log) {
            RemovedLogs::Instance().Add(log);
            ReleaseUnusedLogs();
          }),
      write_watch_(db) {}

Connection::~Connection() {
  sessions_.clear();
  RemovedLogs::Instance().DeleteUnused();
}

// --- logs

EngineOptions Connection::MakeEngineOptions(const TableName& log,
                                            const LogIdentity& identity) const {
  EngineOptions options;
  options.directory = identity.directory;
  options.log_id = identity.log_id;
  options.database = DatabaseFile(db_, log.schema);
  options.name = log.table;
  options.mapper_factory = NewMapper;
  options.committed_token = [this, identity, seen_by = CommittedTokenOf(db_, log)](
                                const std::string& expected) -> Result<std::string> {
    Result<std::string> seen = seen_by(expected);
    const auto found = sessions_.find(identity);
    if (!seen.ok() || found == sessions_.end()) return seen;
    return found->second->CommittedToken(*seen);
  };
  options.was_committed = WasCommittedIn(db_, log, identity);
  options.was_dropped = WasDroppedFrom(db_, log, identity);
  options.host = std::string("SQLite ") + sqlite3_libversion();
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

Result<std::shared_ptr<LogSession>> Connection::OpenLog(const TableName& log, Patience patience) {
  const Result<LogSettings> settings = LogConfig(db_, log).Load();
  if (settings.status().code() == StatusCode::kNotFound) {
    ReleaseUnusedLogs();
    return logs_.ExplainMissing(log);
  }
  SV_RETURN_IF_ERROR(settings.status());
  // What the log is called now: its database may have been attached under another name meanwhile.
  const std::string file = DatabaseFile(db_, log.schema);
  const auto is_same = [&](const auto& entry) { return entry->second->database() == file; };
  const auto known = sessions_.find(settings->identity);
  if (known != sessions_.end() && is_same(known)) known->second->set_name(log);
  ReleaseUnusedLogs();
  const auto found = sessions_.find(settings->identity);
  std::shared_ptr<LogSession> lost;
  if (found != sessions_.end() && is_same(found)) {
    if (!found->second->engine()->IsLost()) return found->second;
    lost = found->second;
  }

  // A copy of the database has the same identity: opening finds out.
  SV_ASSIGN_OR_RETURN(const EngineOptions options, OptionsToOpen(log, settings->identity));
  SV_ASSIGN_OR_RETURN(std::shared_ptr<Engine> engine, InSqlTerms(OpenPatiently(options, patience)));
  if (lost != nullptr) {
    SV_RETURN_IF_ERROR(
        WaitWhileBusy(log, [&](const WaitOptions& wait) { return lost->Reattach(engine, wait); }));
    return lost;
  }
  const auto same = sessions_.find(settings->identity);
  if (same != sessions_.end() && same->second->engine() == engine) return same->second;
  return AddSession(log, *settings, std::move(engine));
}

std::shared_ptr<LogSession> Connection::KnownSession(const TableName& log) const {
  const auto found = std::find_if(sessions_.begin(), sessions_.end(), [&](const auto& entry) {
    const LogSession& session = *entry.second;
    return !session.closed() && session.IsAttached() && SameName(session.name().table, log.table) &&
           SameName(session.name().schema, log.schema);
  });
  return found == sessions_.end() ? nullptr : found->second;
}

// One that another process is about to hold, or to let go of, is waited for in any case. The busy
// handler cannot be asked about this: it is no lock of SQLite's that is busy.
Result<std::shared_ptr<Engine>> Connection::OpenPatiently(const EngineOptions& options,
                                                          Patience patience) {
  WaitOptions wait;
  wait.deadline = WaitOptions::Clock::now() + kAnswerTime;
  Result<std::shared_ptr<Engine>> engine = OpenEngine(options, wait);
  if (engine.status().code() != StatusCode::kBusy || patience == Patience::kNone) return engine;
  wait = InterruptibleWait();
  SV_ASSIGN_OR_RETURN(const int64_t timeout, QueryInteger(db_, "PRAGMA busy_timeout", 0));
  wait.deadline = WaitOptions::Clock::now() + std::max(kMoment, std::chrono::milliseconds(timeout));
  auto pause = kFirstPause;
  while (engine.status().code() == StatusCode::kBusy && !wait.Expired()) {
    SV_RETURN_IF_ERROR(wait.CheckInterrupted());
    std::this_thread::sleep_for(pause);
    pause = std::min(2 * pause, kLongestPause);
    engine = OpenEngine(options, wait);
  }
  return engine;
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
  try {
    session = AdoptWithLock(log);
  } catch (...) {
    session = Status::NoMemory();  // and the transaction must end
  }
  const Status ended = ExecuteSql(db_, session.ok() ? "COMMIT" : "ROLLBACK");
  if (session.ok() && !ended.ok()) {
    (void)ExecuteSql(db_, "ROLLBACK");
    return ended;
  }
  return session;
}

Result<std::shared_ptr<LogSession>> Connection::AdoptWithLock(const TableName& log) {
  LogConfig config(db_, log);
  Result<LogSettings> loaded = config.Load();
  if (loaded.status().code() == StatusCode::kNotFound) return AdoptWithoutConfig(log);
  SV_RETURN_IF_ERROR(loaded.status());
  LogSettings settings = *std::move(loaded);
  SV_ASSIGN_OR_RETURN(settings.identity.log_id, ReadLogId(settings.identity.directory));
  SV_RETURN_IF_ERROR(config.PutLogId(settings.identity.log_id));
  SV_ASSIGN_OR_RETURN(EngineOptions options, OptionsToOpen(log, settings.identity));
  options.adopt = true;
  SV_ASSIGN_OR_RETURN(std::shared_ptr<Engine> engine, InSqlTerms(OpenEngine(options)));
  return AddSession(log, settings, std::move(engine));
}

// The directory knows the log's id and the views; the statements that made the tables know the
// rest.
Result<std::shared_ptr<LogSession>> Connection::AdoptWithoutConfig(const TableName& log) {
  SV_ASSIGN_OR_RETURN(const std::optional<SchemaEntry> entry, FindInSchema(db_, log));
  if (!entry || !entry->virtual_table) return logs_.ExplainMissing(log);
  SV_ASSIGN_OR_RETURN(const LogOptions log_options,
                      ParseLogOptions(ModuleArgumentsOf(*entry->virtual_table)));
  LogConfig config(db_, log);
  std::string suffix;
  if (!log_options.path) {
    SV_ASSIGN_OR_RETURN(suffix, logs_.FindSuffix(log));
  }
  SV_ASSIGN_OR_RETURN(const std::string directory, log_options.path
                                                       ? config.ResolvePath(*log_options.path)
                                                       : config.ResolveSuffix(suffix));
  SV_ASSIGN_OR_RETURN(const std::string log_id, ReadLogId(directory));
  SV_ASSIGN_OR_RETURN(const LogSettings settings, config.Recreate(log_options, suffix, log_id));

  // What the table has lost besides, the token, would not fit a log that is open.
  if (const auto open = sessions_.find(settings.identity); open != sessions_.end()) {
    open->second->Close();
    sessions_.erase(open);
  }
  EngineOptions options = MakeEngineOptions(log, settings.identity);
  options.adopt = true;
  SV_ASSIGN_OR_RETURN(std::shared_ptr<Engine> engine, InSqlTerms(OpenEngine(options)));
  SV_ASSIGN_OR_RETURN(const auto views, engine->ListViews());
  SV_ASSIGN_OR_RETURN(const std::vector<std::string> tables, logs_.ListViewTables(log));
  for (const std::string& table : tables) {
    const auto found = std::find_if(views.begin(), views.end(), [&](const auto& view) {
      return SameName(view.second.name, table);
    });
    // One that the directory does not know is built anew, under a new id.
    SV_RETURN_IF_ERROR(config.PutView(table, found != views.end() ? found->first : NewLogId()));
  }
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

void Connection::ReleaseUnusedLogs() {
  std::erase_if(sessions_, [&](const auto& entry) {
    LogSession& session = *entry.second;
    // SQLite refuses to detach a database of which a transaction is open.
    if (session.has_turn() || session.IsAttached()) return false;
    session.Close();
    return true;
  });
  ReleaseDroppedLogs();
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

// By other processes, which cannot delete a directory that this one holds.
void Connection::ReleaseDroppedLogs() {
  if (!schema_changes_.empty()) return;  // a log that is being made is not claimed either
  std::erase_if(sessions_, [&](const auto& entry) {
    const auto& [identity, session] = entry;
    if (session->has_turn() || session->closed() || !IsUnclaimed(identity.directory)) return false;
    const auto was_dropped = WasDroppedFrom(db_, session->name(), identity);
    const Result<bool> dropped = was_dropped ? was_dropped() : Result<bool>(false);
    if (!dropped.ok() || !*dropped) return false;
    session->Close();
    return true;
  });
}

bool Connection::HasLostLog() const {
  return std::any_of(sessions_.begin(), sessions_.end(), [](const auto& entry) {
    return !entry.second->closed() && entry.second->engine()->IsLost();
  });
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

Status Connection::WaitWhileBusy(const TableName& log, const Attempt& attempt) {
  // Mostly nobody is in the way, and then neither how long to wait need be asked for, nor whether
  // an interrupt has come: to ask takes a statement, and memory.
  WaitOptions at_once;
  at_once.deadline = WaitOptions::Clock::time_point::min();
  Status status = attempt(at_once);
  if (status.code() != StatusCode::kBusy) return status;
  WaitOptions wait = InterruptibleWait();
  SV_ASSIGN_OR_RETURN(const int64_t timeout, QueryInteger(db_, "PRAGMA busy_timeout", 0));
  if (timeout > 0) {
    wait.deadline = WaitOptions::Clock::now() + std::chrono::milliseconds(timeout);
    return attempt(wait);
  }
  // There is a busy handler, or none. Who has the turn for a moment only is waited for without it.
  for (auto patience = kMoment; patience > patience.zero(); patience -= kTurnSlice) {
    wait.deadline = WaitOptions::Clock::now() + kTurnSlice;
    status = attempt(wait);
    if (status.code() != StatusCode::kBusy) return status;
    const Status asked = AskBusyHandler(log);
    if (asked.code() == StatusCode::kBusy) return status;
    SV_RETURN_IF_ERROR(asked);
  }
  return status;
}

Status Connection::AskBusyHandler(const TableName& log) {
  // A statement that reads the database, or a transaction, would get SQLITE_BUSY without the
  // handler being asked, or hold the lock to its end.
  if (sqlite3_get_autocommit(db_) == 0) return Status::Ok();
  if (sqlite3_txn_state(db_, log.schema.c_str()) != SQLITE_TXN_NONE) return Status::Ok();
  const Status locked = ExecuteSql(
      db_, "DELETE FROM " + QuoteTable({log.schema, log.table + "_config"}) + " WHERE 0");
  return locked.code() == StatusCode::kBusy || locked.IsCutShort() ? locked : Status::Ok();
}

// --- changes of the schema, transactions

Status Connection::JoinTransaction() {
  joined_ = false;
  SV_RETURN_IF_ERROR(ExecuteSql(db_, "INSERT INTO main.sv_transaction DEFAULT VALUES"));
  if (joined_) return Status::Ok();
  return Status::Misuse("the name sv_transaction is reserved: rename the table of that name");
}

int Connection::RefuseDrop(const TableName& table, Status why) {
  const int code = SqliteCode(why.code());
  sqlite3_log(code, "%s", why.message().c_str());
  if (sqlite3_get_autocommit(db_) != 0) {
    refused_ = std::move(why);
    return SqliteCode(JoinTransaction().code());
  }
  const Result<int64_t> writable = QueryInteger(db_, "PRAGMA writable_schema", 0);
  if (!writable.ok()) return code;
  refusal_ = {table, std::move(why)};
  // Lets SQLite forget the schema, the connected table with it, and read it again. Nothing else of
  // it changes.
  Status reset = ExecuteSql(db_, "PRAGMA writable_schema = RESET");
  if (reset.ok() && *writable != 0) reset = ExecuteSql(db_, "PRAGMA writable_schema = ON");
  if (reset.ok()) return SQLITE_SCHEMA;
  refusal_.reset();
  return code;
}

Status Connection::TakeRefusal(const TableName& table) {
  if (!refusal_ || !SameName(refusal_->table.table, table.table) ||
      !SameName(refusal_->table.schema, table.schema)) {
    return Status::Ok();
  }
  const Status why = refusal_->why;
  refusal_.reset();
  return why;
}

Result<bool> Connection::IsConditional() {
  int logs = 0;
  for (const auto& [identity, session] : sessions_) logs += session->size() > 0;
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
  SV_ASSIGN_OR_RETURN(const std::vector<TableName> logs, logs_.ListLogs());
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
