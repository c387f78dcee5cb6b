// SessionTable: base of the tables that stand on one log (sv_log, sv_docs, sv_view): finds the
// log's session.

#pragma once

#include <memory>
#include <string>
#include <utility>

#include "core/base/without_failing.h"
#include "ext/connection.h"
#include "ext/log_session.h"
#include "ext/participant.h"
#include "ext/vtab_status.h"

namespace streamview {

class SessionTable : public Participant {
 protected:
  SessionTable(Connection& connection, TableName name, TableName log)
      : Participant(connection), name_(std::move(name)), log_(std::move(log)) {
    transaction().NoteBaseline();
  }
  ~SessionTable() {
    WithoutFailing([this] { connection().ReleaseUnusedLogs(); });
  }

  // For each row that the table takes.
  template <typename S = Status>
  S Counted(S status) const {
    if (status.ok()) transaction().CountRow();
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
    const int code = transaction().RefuseDrop(name_, why);
    return code == SQLITE_OK ? sqlite_vtab::Status() : sqlite_vtab::Status(code, why.message());
  }

  const TableName& name() const { return name_; }
  const TableName& log() const { return log_; }

  // The session, opened where it is not yet. A table must connect also where its log cannot be
  // opened, so that the rest of the database stays usable and the table can be dropped; so the
  // error comes at each use, until the log can be opened.
  Result<std::shared_ptr<LogSession>> Session() {
    if (session_ == nullptr || session_->closed() || HasLostEngine(*session_)) {
      SV_ASSIGN_OR_RETURN(session_, connection().OpenLog(log_));
    }
    return session_;
  }
  // The same, with the writer's turn.
  Result<std::shared_ptr<LogSession>> WritingSession() {
    SV_ASSIGN_OR_RETURN(std::shared_ptr<LogSession> session, Session());
    SV_RETURN_IF_ERROR(transaction().TakeTurn(session));
    return session;
  }
  void set_session(std::shared_ptr<LogSession> session) { session_ = std::move(session); }

 private:
  // In a transaction a call finds it out, if it is one that needs the engine: not each row that is
  // appended looks.
  static bool HasLostEngine(const LogSession& session) {
    const Engine& engine = *session.engine();
    return session.has_turn() ? engine.IsKnownLost() : engine.IsLost();
  }

  const TableName name_;
  const TableName log_;
  std::shared_ptr<LogSession> session_;
};

}  // namespace streamview
