// SessionTable: base of the tables that stand on one log (sv_log, sv_docs, sv_view): finds the
// log's session, and forwards SQLite's transaction callbacks to it.

#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "core/base/without_failing.h"
#include "ext/connection.h"
#include "ext/log_session.h"
#include "ext/sqlite_vtab/vtab.hpp"
#include "ext/vtab_status.h"

namespace streamview {

class SessionTable : public sqlite_vtab::Table {
 public:
  using Aux = Connection;

  // --- SQLite's transaction callbacks. All are harmless where the log is not open.
  Status Begin() {
    connection_.write_watch().Begin();
    return {};
  }
  Status Sync() { return session_ ? session_->Sync() : Status(); }
  void Commit() {
    unannounced_ = kNone;
    if (session_) session_->Commit();
    connection_.write_watch().End(/*committed=*/true);
  }
  Status Rollback() {
    unannounced_ = kNone;
    connection_.write_watch().End(/*committed=*/false);
    return session_ ? session_->Rollback() : Status();
  }
  // Also before the table's first use of the log: another table may have used it, and would tell
  // of this savepoint only once there are entries. Where the log cannot be opened, its use says so,
  // and waits for it; the session is told of the savepoint then, before it has entries. One that
  // has lost its log keeps its entries, and must be told now.
  Status Savepoint(int n) {
    if (session_ == nullptr || session_->closed()) session_ = connection_.KnownSession(log_);
    if (session_ == nullptr) {
      const auto opened = Session(Connection::Patience::kNone);
      // SQLite may have rolled back all that the statement has done.
      if (opened.status().IsCutShort()) return opened.status();
    }
    if (session_ != nullptr) {
      session_->Savepoint(n);
    } else {
      unannounced_ = n;
    }
    return {};
  }
  Status Release(int n) {
    unannounced_ = std::min(unannounced_, n - 1);
    if (session_) session_->Release(n);
    return {};
  }
  Status RollbackTo(int n) {
    unannounced_ = std::min(unannounced_, n);
    connection_.write_watch().NoteUndone();
    if (session_) session_->RollbackTo(n);
    return {};
  }

 protected:
  SessionTable(Connection& connection, TableName name, TableName log)
      : connection_(connection), name_(std::move(name)), log_(std::move(log)) {
    connection_.write_watch().NoteBaseline();
  }
  ~SessionTable() {
    WithoutFailing([this] { connection_.ReleaseUnusedLogs(); });
  }

  // Every row that a table of ours takes must be counted, or commits cost more than they need.
  template <typename S = Status>
  S Counted(S status) const {
    if (status.ok()) connection_.write_watch().CountOwn();
    return status;
  }

  // What a check of the table's data has found, for PRAGMA integrity_check: it goes on with the
  // other tables, unless the check itself was cut short.
  static Status ToFinding(const Status& checked, std::string* finding) {
    if (checked.IsCutShort()) return checked;
    if (!checked.ok()) *finding = checked.message();
    return {};
  }

  // The log that the option `log` of a table in `schema` means. Errors of a new table
  // (`creating`): kInvalidArgument, it names another database. (The text of an existing one may
  // name its database as it was attached when it was created.)
  static Result<TableName> LogNamed(sqlite3* db, const WrittenName& written,
                                    const std::string& schema, bool creating) {
    if (!written.schema) return TableName{schema, written.table};
    // A log may have a dot in its name.
    TableName whole{schema, *written.schema + "." + written.table};
    const Result<LogSettings> known = LogConfig(db, whole).Load();
    if (known.status().IsCutShort()) return known.status();
    if (known.status().code() != StatusCode::kNotFound) return whole;
    if (creating && !SameName(*written.schema, schema)) {
      return Status::InvalidArgument("option log is " + whole.table +
                                     ", but the log must be in the database of the table, " +
                                     schema);
    }
    return TableName{schema, written.table};
  }

  // For Destroy: what it returns where the table cannot be dropped. An error that SQLite has met in
  // reading its file, or the lack of memory, is handed on as it is.
  sqlite_vtab::Status RefuseDrop(const Status& why) const {
    const bool is_refusal = why.code() == StatusCode::kConstraint ||
                            why.code() == StatusCode::kBusy ||
                            why.code() == StatusCode::kInvalidArgument;
    if (!is_refusal) return sqlite_vtab::Status(SqliteCode(why.code()), why.message());
    const int code = connection_.RefuseDrop(name_, why);
    return code == SQLITE_OK ? sqlite_vtab::Status() : sqlite_vtab::Status(code, why.message());
  }

  Connection& connection() const { return connection_; }
  const TableName& name() const { return name_; }
  const TableName& log() const { return log_; }

  // The session, opened where it is not yet. A table must connect also where its log cannot be
  // opened, so that the rest of the database stays usable and the table can be dropped; so the
  // error comes at each use, until the log can be opened.
  Result<std::shared_ptr<LogSession>> Session(
      Connection::Patience patience = Connection::Patience::kBusyTimeout) {
    if (session_ == nullptr || session_->closed() || HasLostEngine(*session_)) {
      SV_ASSIGN_OR_RETURN(session_, connection_.OpenLog(log_, patience));
    }
    if (unannounced_ != kNone) session_->Savepoint(std::exchange(unannounced_, kNone));
    return session_;
  }
  void set_session(std::shared_ptr<LogSession> session) { session_ = std::move(session); }

 private:
  // In a transaction a call finds it out, if it is one that needs the engine: not each row that is
  // appended looks.
  static bool HasLostEngine(const LogSession& session) {
    const Engine& engine = *session.engine();
    return session.has_turn() ? engine.IsKnownLost() : engine.IsLost();
  }

  Connection& connection_;
  const TableName name_;
  const TableName log_;
  std::shared_ptr<LogSession> session_;
  // The innermost savepoint that there was no session to be told of.
  static constexpr int kNone = -1;
  int unannounced_ = kNone;
};

}  // namespace streamview
