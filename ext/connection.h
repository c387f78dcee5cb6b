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
#include <optional>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "core/base/wait.h"
#include "core/engine.h"
#include "core/engine_registry.h"
#include "ext/host_sql.h"
#include "ext/log_config.h"
#include "ext/log_session.h"
#include "ext/options.h"
#include "ext/schema_changes.h"
#include "ext/sqlite_api.h"
#include "ext/write_watch.h"

namespace streamview {

// A table that has a place in the log's sequence: a log, or one of its views.
struct LogOrView {
  TableName log;
  std::optional<ViewEntry> view;
};

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

  // All sv_log tables of all attached databases, whether or not they can be opened.
  Result<std::vector<TableName>> ListLogs() const;
  // The log of that name in the first database that has one, as SQLite finds tables; without a
  // name, the only log there is (an error that lists them where there are several). Errors:
  // kNotFound.
  Result<TableName> FindLog(const std::optional<std::string>& name) const;
  // The log of that name (or the only one), else the view of that name in the first log that has
  // one. Errors: as FindLog.
  Result<LogOrView> FindLogOrView(const std::optional<std::string>& name) const;
  // The views of a log, by name.
  Result<std::vector<ViewEntry>> ListViews(const TableName& log) const;

  // The log, opened where it is not yet. Nothing is remembered of a failure: the next call tries
  // again. Errors: kNotFound (no such log), and those of OpenEngine.
  Result<std::shared_ptr<LogSession>> OpenLog(const TableName& log);
  // For CREATE: makes the shadow table and the log. Both go where the statement fails or is rolled
  // back.
  Result<std::shared_ptr<LogSession>> CreateLog(const TableName& log, const LogOptions& options);

  // Opens the log with whatever its directory holds: a log of another database, or of another time
  // than this database. It belongs to this one from now on. Where the log can be opened as it is,
  // nothing changes. Must not be called in a transaction. Errors: as OpenLog, kMisuse.
  Result<std::shared_ptr<LogSession>> AdoptLog(const TableName& log);
  // Whether the connection may write, or has written, what is not committed.
  bool InWriteTransaction() const;

  // Lets go of logs that are dropped, by whichever connection of this process, and deletes their
  // directories where nobody else has them open. Tables call it as they disconnect.
  void ReleaseRemovedLogs();

  // Whether the statement that calls us is the only one of the connection that is running.
  bool RunsOneStatement() const;
  // Whether one of those that are running may write. Its CHECK constraints may be who calls us:
  // SQLite does not count a function that is not deterministic as used by the schema there.
  bool RunsWriter() const;

  // --- waiting

  // No deadline; ends at sqlite3_interrupt(). For use within a callback of this connection.
  WaitOptions InterruptibleWait();
  // The same, with the connection's busy timeout as the deadline.
  Result<WaitOptions> WriterWait() override;

  // --- changes of the schema

  // Must be called before a change is recorded: from then on this object is told how the
  // transaction ends. (SQLite tells a table nothing after it was dropped, and a new one nothing of
  // savepoints; so this writes to the hidden table sv_transaction, which stays and is told: see
  // ext/transaction_table.h.)
  Status JoinTransaction();
  // Called by the hidden table.
  void TransactionJoined() { joined_ = true; }
  SchemaChanges& schema_changes() { return schema_changes_; }
  // For xDestroy, of which SQLite shows no message. Where the DROP is a transaction of its own,
  // lets its COMMIT fail instead, with this error; otherwise, since that would take the user's
  // transaction along, returns it.
  Status RefuseDrop(Status why);

  // What the transaction writes besides log entries.
  WriteWatch& write_watch() { return write_watch_; }
  // Whether a crash around the COMMIT of the open transaction could keep one part of it and lose
  // another: it has changed the database, or several logs.
  Result<bool> IsConditional() override;
  // The present name of the table of a log, which may have been renamed. Errors: kNotFound.
  Result<TableName> CurrentName(const TableName& last_known,
                                const LogIdentity& identity) const override;

  // SQLite's transaction callbacks, for all sessions and changes of the schema.
  Status Sync();
  void Commit();
  Status Rollback();
  void Savepoint(int n);
  void Release(int n);
  void RollbackTo(int n);

 private:
  EngineOptions MakeEngineOptions(const TableName& log, const LogIdentity& identity) const;
  // REQUIRES: the connection has the write lock of the log's database
  Result<std::shared_ptr<LogSession>> AdoptWithLock(const TableName& log);
  // Those for a log that exists, with the ids of its views.
  Result<EngineOptions> OptionsToOpen(const TableName& log, const LogIdentity& identity) const;
  std::shared_ptr<LogSession> AddSession(const TableName& log, const LogSettings& settings,
                                         std::shared_ptr<Engine> engine);
  // True where the log that had the directory is dropped, but still open or not committed.
  bool IsBeingRemoved(const std::string& directory) const;
  // Whether sqlite3_interrupt() or a progress handler asks the running statement to end. Throws
  // std::bad_alloc where there is no memory to ask.
  bool InterruptRequested();

  sqlite3* const db_;
  Consistency consistency_ = Consistency::kSession;
  std::map<LogIdentity, std::shared_ptr<LogSession>> sessions_;
  SchemaChanges schema_changes_;
  WriteWatch write_watch_;
  Status refused_;
  bool joined_ = false;
  WaitOptions::Clock::time_point next_progress_{};  // when a progress handler is asked again
};

}  // namespace streamview
