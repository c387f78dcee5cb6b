// LogSession: one log as one SQLite connection uses it: its engine, the open transaction, and what
// the connection has written and seen.
//
// Shared by all tables of the connection that stand on the log (the log itself, sv_docs, views).
// Each of them forwards SQLite's transaction callbacks; all are idempotent. Not thread-safe: used
// under the connection's mutex, as virtual tables are.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/check.h"
#include "core/base/status.h"
#include "core/base/wait.h"
#include "core/engine.h"
#include "ext/log_config.h"
#include "ext/savepoints.h"
#include "ext/sqlite_api.h"

namespace streamview {

// How fresh reads must be (docs/reference.md, sv_consistency).
enum class Consistency { kSession, kLatest, kEventual };

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

 protected:
  ~SessionHost() = default;
};

// A cursor that reads the open transaction.
class OpenTransactionReader {
 public:
  // Called before the transaction loses entries or ends: the reader must not touch it afterwards.
  virtual void LeaveTransaction() = 0;

 protected:
  ~OpenTransactionReader() = default;
};

class LogSession {
 public:
  // `host` must outlive the session.
  LogSession(SessionHost& host, TableName log, LogSettings settings,
             std::shared_ptr<Engine> engine);
  LogSession(const LogSession&) = delete;
  LogSession& operator=(const LogSession&) = delete;

  // Lets go of the engine, for a log that was dropped. What was not committed is lost.
  void Close();
  bool closed() const { return engine_ == nullptr; }

  // Null after Close(). Whoever holds cursors or snapshots of the engine holds it too.
  const std::shared_ptr<Engine>& engine() const { return engine_; }
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

  // Begins the transaction where there is none, and waits for the writer's turn of the log as
  // Connection::WaitWhileBusy has it: nobody else appends until the transaction ends, so what is
  // read of the engine's head from then on is the latest. Errors: as engine's
  // Transaction::TakeTurn.
  Status TakeTurn();
  // Appends to the open transaction, which the first append begins; returns the entry's number.
  // Takes the writer's turn. Errors: as engine's Transaction::Append.
  Result<Seq> Append(const ValueView& key, const ValueView& value);

  // Appends one entry, and commits it at once, whatever SQLite's transaction becomes; returns its
  // number. REQUIRES: the connection is in no write transaction. Errors: as engine's AppendNow.
  Result<Seq> AppendNow(const ValueView& key, const ValueView& value);

  // Whether the open transaction has it.
  bool has_turn() const { return has_turn_; }

  // The transaction's entries so far; null where it has none.
  const Transaction* open_transaction() const;
  // The number of its first entry. REQUIRES: open_transaction() != nullptr
  Seq first_uncommitted() const {
    SV_REQUIRE(open_transaction() != nullptr);
    return first_uncommitted_;
  }

  void AddReader(OpenTransactionReader* reader) { readers_.push_back(reader); }
  void RemoveReader(OpenTransactionReader* reader) { std::erase(readers_, reader); }

  // --- SQLite's transaction callbacks

  Status Sync();
  void Commit();
  Status Rollback();
  void Savepoint(int n);
  void Release(int n);
  void RollbackTo(int n);

  // --- reading

  // What a view must have processed for a read that begins now. Never past the engine's head.
  Seq RequiredSeq() const;
  // The connection has seen entry `seq`, or a view's state as of it.
  void NoteSeen(Seq seq) {
    if (seq > seen_) seen_ = seq;
  }

  // The last entry that this connection appended, uncommitted ones included.
  std::optional<Seq> last_own_seq() const;
  // Changes whenever the connection's own entries do.
  uint64_t own_version() const { return own_version_; }

 private:
  Result<SyncMode> ResolveSync() const;
  Status ChooseToken();
  void DismissReaders();
  void EndTransaction();

  SessionHost& host_;
  TableName log_;
  const std::string database_;
  const LogSettings settings_;
  std::shared_ptr<Engine> engine_;
  Seq seen_;  // begins as the head at first use
  std::optional<Seq> last_committed_own_;

  // The open transaction, where something was appended or is about to be.
  std::unique_ptr<Transaction> transaction_;
  bool has_turn_ = false;
  Seq first_uncommitted_ = 0;
  std::string token_;           // where the transaction is conditional
  uint64_t token_version_ = 0;  // the own_version_ that it was made for
  Savepoints savepoints_;
  std::vector<OpenTransactionReader*> readers_;
  uint64_t own_version_ = 0;
};

}  // namespace streamview
