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
      transaction_(
          *this,
          [this](const LogIdentity& log) {
            const auto found = sessions_.find(log);
            return found == sessions_.end() ? nullptr : found->second->engine();
          },
          [this](const LogIdentity& log) {
            RemovedLogs::Instance().Add(log);
            ReleaseUnusedLogs();
          }) {}

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
    SV_ASSIGN_OR_RETURN(std::string seen, seen_by(expected));
    return transaction_.CommittedToken(identity, std::move(seen));
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
  for (std::string& id : transaction_.schema_changes().DroppedViews(identity))
    known.push_back(std::move(id));
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
  SV_RETURN_IF_ERROR(transaction_.Join());
  LogConfig config(db_, log);
  SV_ASSIGN_OR_RETURN(
      const LogSettings settings,
      config.Create(options, [this](const std::string& path) { return IsBeingRemoved(path); }));
  SV_ASSIGN_OR_RETURN(std::shared_ptr<Engine> engine,
                      InSqlTerms(CreateEngine(MakeEngineOptions(log, settings.identity))));
  transaction_.schema_changes().LogCreated(settings.identity);
  return AddSession(log, settings, std::move(engine));
}

bool Connection::IsBeingRemoved(const std::string& directory) const {
  return transaction_.schema_changes().DropsDirectory(directory) ||
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
  if (!transaction_.schema_changes().empty())
    return;  // a log that is being made is not claimed either
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

}  // namespace streamview
