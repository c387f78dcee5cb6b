// HostTransaction: what streamview has in the open transaction of a SQLite connection: the logs
// that it appends to, the changes of the schema, and how all of it ends.
//
// SQLite tells each table of ours that takes part (ext/participant.h). What the first of them is
// told is done for the whole transaction, so the others find it done.
//
//                Begin               Sync                 Commit
//       kNone ----------> kWriting ----------> kPrepared ----------> kNone
//                            ^                     |
//                            '---------------------'
//                 Sync that fails, Begin, Append, Join, RollbackTo
//       Rollback: to kNone, from each
//
// Sync is the first half of a COMMIT. SQLite's own half may fail after it, with SQLITE_BUSY: the
// COMMIT is repeated then, the transaction goes on, or it is rolled back (docs/transactions.md).
//
// Not thread-safe: used under the connection's mutex, as virtual tables are.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "ext/host_sql.h"
#include "ext/log_session.h"
#include "ext/savepoints.h"
#include "ext/schema_changes.h"
#include "ext/write_watch.h"

namespace streamview {

class HostTransaction {
 public:
  enum class State { kNone, kWriting, kPrepared };

  // `host` must outlive the transaction.
  HostTransaction(SessionHost& host, SchemaChanges::EngineFinder find_engine,
                  SchemaChanges::LogRemover remove_log);

  State state() const { return state_; }

  // --- SQLite's transaction callbacks. All but Begin, Commit and Rollback REQUIRE that it has
  // begun.

  void Begin();
  // `table`: who is told. Errors: why the COMMIT fails; those of Session::Prepare.
  Status Sync(const void* table);
  // REQUIRES: prepared, or ended
  void Commit();
  Status Rollback();
  void Savepoint(int n);
  void Release(int n);
  void RollbackTo(int n);

  // --- appending

  // Makes the log a part of the transaction, and takes its writer's turn, which is waited for as
  // Connection::WaitWhileBusy has it. REQUIRES: begun. Errors: those of Session::TakeTurn.
  Status TakeTurn(const std::shared_ptr<LogSession>& log);
  // REQUIRES: TakeTurn(log) in this transaction. Errors: those of Session::Append.
  Result<Seq> Append(LogSession& log, const ValueView& key, const ValueView& value);
  // A table of ours has taken a row, which SQLite is going to count. Each must be counted, or
  // commits cost more than they need.
  void CountRow() { write_watch_.CountOwn(); }
  // Called as tables connect: see WriteWatch.
  void NoteBaseline();
  // The token that the database has committed, where the connection sees `seen`: that is the
  // transaction's own one between Sync and the end.
  std::string CommittedToken(const LogIdentity& log, std::string seen) const;

  // --- changes of the schema

  // Must be called before a change is recorded: from then on the transaction is told how it ends.
  // (SQLite tells a table nothing after it was dropped, and a new one nothing of savepoints; so
  // this writes to the hidden table sv_transaction, which stays and is told: see
  // ext/transaction_table.h.)
  Status Join();
  // Called by the hidden table.
  void Joined();
  SchemaChanges& schema_changes() { return schema_changes_; }
  const SchemaChanges& schema_changes() const { return schema_changes_; }
  // For xDestroy, of which SQLite shows no message: sees to it that the DROP fails with this one.
  // Returns what xDestroy must return. Where the DROP is a transaction of its own, that is OK, and
  // its COMMIT fails. Otherwise that would take the user's transaction along; so SQLite is made to
  // prepare the statement again (SQLITE_SCHEMA), and to connect the table for it, which fails.
  int RefuseDrop(const TableName& table, Status why);
  // For xConnect: the error that RefuseDrop has left for the table, once; else OK.
  Status TakeRefusal(const TableName& table);

 private:
  // The mark of a transaction that also changes the database (docs/transactions.md).
  struct PendingToken {
    std::string token;     // empty: the transaction is not conditional
    uint64_t version = 0;  // the log's own_version() that it was made for
    std::string before;    // what the database has until the transaction commits
  };
  // A log that the transaction appends to.
  struct Part {
    std::shared_ptr<LogSession> log;
    PendingToken pending;
  };
  // How far the transaction was when a savepoint was opened.
  struct Mark {
    std::vector<size_t> sizes;  // of the first parts; the others had no entries
    size_t changes = 0;         // of the schema
  };
  struct Refusal {
    TableName table;
    Status why;
  };

  // Calls `attempt`; again, by way of another engine, where the log's present one is lost.
  template <typename Attempt>
  Status AgainIfLost(LogSession& log, const Attempt& attempt);
  Status Prepare(Part& part);
  Status ChooseToken(Part& part);
  // Whether a crash around the COMMIT could keep one part of the transaction and lose another: it
  // has changed the database, or several logs.
  Result<bool> IsConditional();
  void End(bool committed);

  SessionHost& host_;
  sqlite3* const db_;
  State state_ = State::kNone;
  std::vector<Part> parts_;
  Savepoints<Mark> savepoints_;
  SchemaChanges schema_changes_;
  WriteWatch write_watch_;
  std::vector<const void*> synced_;  // the tables that were told of the COMMIT under way
  bool joined_ = false;
  Status refused_commit_;                   // what the COMMIT of a DROP fails with
  std::optional<Refusal> refused_connect_;  // what the next xConnect of the table fails with
};

}  // namespace streamview
