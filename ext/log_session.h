// LogSession: the session of one SQLite connection with one log (core/session/session.h): what the
// log is called there, how the connection waits, and SQLite's transaction callbacks.
//
// Shared by all tables of the connection that stand on the log (the log itself, sv_docs, views).
// Each of them forwards SQLite's transaction callbacks; all are idempotent. Not thread-safe: used
// under the connection's mutex, as virtual tables are.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/base/status.h"
#include "core/base/wait.h"
#include "core/engine.h"
#include "core/session/session.h"
#include "ext/log_config.h"
#include "ext/savepoints.h"
#include "ext/sqlite_api.h"

namespace streamview {

// How many processes in a row may end, as they hold the log, before a call that needs it fails.
// Many do, where each request to a web server opens the database and closes it again. There is a
// limit, for it may be the call that ends them.
inline constexpr int kMaxTakeovers = 20;

// What a session needs of its connection.
class SessionHost {
 public:
  virtual sqlite3* db() const = 0;
  virtual Consistency consistency() const = 0;
  // See Connection.
  using Attempt = std::function<Status(const WaitOptions&)>;
  virtual Status WaitWhileBusy(const TableName& log, const Attempt& attempt) = 0;
  virtual Result<bool> IsConditional() = 0;
  virtual Result<TableName> CurrentName(const TableName& last_known,
                                        const LogIdentity& identity) const = 0;
  // Sees to it that the session of the log has an engine that is not lost.
  virtual Status Reopen(const TableName& log) = 0;

 protected:
  ~SessionHost() = default;
};

class LogSession : private Session {
 public:
  // `host` must outlive the session.
  LogSession(SessionHost& host, TableName log, LogSettings settings,
             std::shared_ptr<Engine> engine);

  using Session::closed;
  using Session::engine;
  using Session::has_turn;
  using Session::last_own_seq;
  using Session::NoteSeen;
  using Session::own_version;
  using Session::Reattach;
  using Session::size;
  // For a log that was dropped.
  void Close();

  const LogIdentity& identity() const { return settings_.identity; }

  // The table of the log, as it was called when it was last opened: its database may be detached
  // and attached under another name.
  const TableName& name() const { return log_; }
  void set_name(const TableName& name) { log_ = name; }
  // The file of its database; empty: in memory.
  const std::string& database() const { return database_; }
  // Whether its database is attached under the schema's name that is known here.
  bool IsAttached() const;

  // --- writing

  // See Session. The log's turn is waited for as Connection::WaitWhileBusy has it.
  Status TakeTurn();
  Result<Seq> Append(const ValueView& key, const ValueView& value);
  // REQUIRES: the connection is in no write transaction.
  Result<Seq> AppendNow(const ValueView& key, const ValueView& value);

  // --- SQLite's transaction callbacks

  Status Sync();
  void Commit();
  Status Rollback();
  void Savepoint(int n);
  void Release(int n);
  void RollbackTo(int n);

  // --- reading

  using Session::FindDocument;
  using Session::ReadDocs;
  using Session::ReadView;
  using Session::ScanHistory;
  using Session::ScanLog;
  // The token that the database has, where the connection sees its own uncommitted one instead:
  // that is `seen` then.
  const std::string& CommittedToken(const std::string& seen) const {
    return !token_.empty() && seen == token_ ? token_before_ : seen;
  }
  // As the connection's sv_consistency has it.
  Seq RequiredSeq() const { return Session::RequiredSeq(host_.consistency()); }

 private:
  Result<SyncMode> ResolveSync() const;
  Status TryTakeTurn();
  // Calls `attempt`; again, by way of another engine, where the present one is lost.
  template <typename Call>
  Status AgainIfLost(const Call& attempt);
  Status ChooseToken();
  void EndTransaction();

  SessionHost& host_;
  TableName log_;
  const std::string database_;
  const LogSettings settings_;
  std::string token_;           // where the transaction is conditional
  uint64_t token_version_ = 0;  // the own_version() that it was made for
  std::string token_before_;    // what the database has until the transaction commits
  Savepoints savepoints_;
};

}  // namespace streamview
