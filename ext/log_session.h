// LogSession: the session of one SQLite connection with one log (core/session/session.h). It knows
// the log's name, how durable its commits must be, and how the connection waits.
//
// Shared by all tables of the connection that stand on the log (the log itself, sv_docs, views).
// What is in transactions is HostTransaction's (ext/host_transaction.h). Not thread-safe: used
// under the connection's mutex, as virtual tables are.

#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/base/status.h"
#include "core/base/wait.h"
#include "core/engine.h"
#include "core/session/session.h"
#include "ext/log_config.h"
#include "ext/sqlite_api.h"

namespace streamview {

// What sessions and the transaction need of their connection.
class SessionHost {
 public:
  virtual sqlite3* db() const = 0;
  virtual Consistency consistency() const = 0;
  // See Connection.
  using Attempt = std::function<Status(const WaitOptions&)>;
  virtual Status WaitWhileBusy(const TableName& log, const Attempt& attempt) = 0;
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

  using Session::Close;
  using Session::closed;
  using Session::engine;
  using Session::has_turn;
  using Session::last_own_seq;
  using Session::NoteSeen;
  using Session::own_version;
  using Session::Reattach;
  using Session::size;

  const LogIdentity& identity() const { return settings_.identity; }

  // The table of the log, as it was called when it was last opened: its database may be detached
  // and attached under another name.
  const TableName& name() const { return log_; }
  void set_name(const TableName& name) { log_ = name; }
  // The file of its database; empty: in memory.
  const std::string& database() const { return database_; }
  // Whether its database is attached under the schema's name that is known here.
  bool IsAttached() const;

  // REQUIRES: the connection is in no write transaction.
  Result<Seq> AppendNow(const ValueView& key, const ValueView& value);

  // --- reading

  using Session::FindDocument;
  using Session::ReadDocs;
  using Session::ReadView;
  using Session::ScanHistory;
  using Session::ScanLog;
  // As the connection's sv_consistency has it.
  Seq RequiredSeq() const { return Session::RequiredSeq(host_.consistency()); }

 private:
  friend class HostTransaction;  // it alone has the functions of Session for transactions

  Result<SyncMode> ResolveSync() const;

  SessionHost& host_;
  TableName log_;
  const std::string database_;
  const LogSettings settings_;
};

}  // namespace streamview
