// Connection: what one SQLite connection holds of streamview.
//
// The modules and functions registered on the connection share it, and it goes with the last of
// them, at sqlite3_close(). It keeps every engine that it has used until then: a change of the
// schema makes SQLite disconnect and connect all tables, which must not close a log, let alone lose
// one in memory.
//
// Not thread-safe: used under the connection's own mutex, as virtual tables are.

#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "core/base/wait.h"
#include "core/engine.h"
#include "core/engine_registry.h"
#include "ext/host_sql.h"
#include "ext/host_transaction.h"
#include "ext/log_config.h"
#include "ext/log_finder.h"
#include "ext/log_session.h"
#include "ext/options.h"
#include "ext/sqlite_api.h"
#include "ext/takeover.h"

namespace streamview {

class Connection final : public SessionHost {
 public:
  explicit Connection(sqlite3* db);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  sqlite3* db() const override { return db_; }

  Consistency consistency() const override { return consistency_; }
  void set_consistency(Consistency consistency) { consistency_ = consistency; }

  // --- logs

  const LogFinder& logs() const { return logs_; }

  // The log, opened where it is not yet; a log that another process holds is waited for. Nothing
  // is remembered of a failure: the next call tries again. Errors: those of
  // LogFinder::ExplainMissing and OpenEngine.
  enum class Patience { kNone, kBusyTimeout };
  Result<std::shared_ptr<LogSession>> OpenLog(const TableName& log,
                                              Patience patience = Patience::kBusyTimeout);
  // For CREATE: makes the shadow table and the log. Both go where the statement fails or is rolled
  // back.
  Result<std::shared_ptr<LogSession>> CreateLog(const TableName& log, const LogOptions& options);

  // Opens the log with whatever its directory holds: a log of another database, or of another time
  // than this database. It belongs to this one from now on. A shadow table that is lost is made
  // anew. Where the log can be opened as it is, nothing changes. Must not be called in a
  // transaction. Errors: as OpenLog, kMisuse.
  Result<std::shared_ptr<LogSession>> AdoptLog(const TableName& log);
  // Whether the connection may write, or has written, what is not committed.
  bool InWriteTransaction() const;

  // Lets go of logs that are dropped, by whichever connection of this process, and deletes their
  // directories where nobody else has them open; and of those whose database is detached. Tables
  // call it as they disconnect.
  void ReleaseUnusedLogs();

  // Whether the statement that calls us is the only one of the connection that is running.
  bool RunsOneStatement() const;
  // Whether one of those that are running may write. Its CHECK constraints may be who calls us:
  // SQLite does not count a function that is not deterministic as used by the schema there.
  bool RunsWriter() const;

  // --- waiting

  // No deadline; ends at sqlite3_interrupt(). For use within a callback of this connection.
  WaitOptions InterruptibleWait();
  // Calls `attempt` with what it may wait for, until it returns anything but kBusy, or the
  // connection would not wait for a lock of SQLite's any longer either: as long as PRAGMA
  // busy_timeout says, or as its busy handler wants. `log` is what is busy.
  Status WaitWhileBusy(const TableName& log, const Attempt& attempt) override;

  // --- transactions

  HostTransaction& transaction() { return transaction_; }
  Status Reopen(const TableName& log) override { return OpenLog(log).status(); }
  // Calls `attempt`, which gives a Status or Result; again where a log was lost meanwhile, with the
  // process that held it: the log is opened again as it is used. For what may be done twice.
  template <typename Attempt>
  auto AgainIfLost(const Attempt& attempt) {
    return RepeatIfLost(attempt, [this](const Status& status) {
      return (status.ok() || status.code() == StatusCode::kLost) && HasLostLog();
    });
  }

 private:
  bool HasLostLog() const;
  EngineOptions MakeEngineOptions(const TableName& log, const LogIdentity& identity) const;
  // REQUIRES: the connection has the write lock of the log's database
  Result<std::shared_ptr<LogSession>> AdoptWithLock(const TableName& log);
  Result<std::shared_ptr<LogSession>> AdoptWithoutConfig(const TableName& log);
  // Those for a log that exists, with the ids of its views.
  Result<EngineOptions> OptionsToOpen(const TableName& log, const LogIdentity& identity) const;
  std::shared_ptr<LogSession> AddSession(const TableName& log, const LogSettings& settings,
                                         std::shared_ptr<Engine> engine);
  Result<std::shared_ptr<Engine>> OpenPatiently(const EngineOptions& options, Patience patience);
  // Waits for SQLite's write lock on the log's database as SQLite does, and lets go of it at once:
  // so the busy handler is asked, for which there is no other way. Whoever writes to a log has that
  // lock, too. OK also where it is no use to ask.
  Status AskBusyHandler(const TableName& log);
  void ReleaseDroppedLogs();
  // True where the log that had the directory is dropped, but still open or not committed.
  bool IsBeingRemoved(const std::string& directory) const;
  // Whether sqlite3_interrupt() or a progress handler asks the running statement to end. Throws
  // std::bad_alloc where there is no memory to ask.
  bool InterruptRequested();

  sqlite3* const db_;
  const LogFinder logs_;
  Consistency consistency_ = Consistency::kSession;
  std::map<LogIdentity, std::shared_ptr<LogSession>> sessions_;
  HostTransaction transaction_;
  WaitOptions::Clock::time_point next_progress_{};  // when a progress handler is asked again
};

}  // namespace streamview
