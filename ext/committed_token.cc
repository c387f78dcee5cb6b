#include "ext/committed_token.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "ext/log_finder.h"
#include "ext/values.h"

namespace streamview {

namespace {

// The database may be locked for a moment by who commits to other tables. Who waits longer begins
// anew.
constexpr int kPatienceMs = 200;
// The same of who is opening the log: it is held meanwhile, and it may be whoever has the lock that
// wants it. Several processes may try in turn.
constexpr int kPatienceOfOpeningMs = 20;

struct DatabaseId {
  std::string file;
  std::string vfs;
};

DatabaseId IdOf(sqlite3* db, const std::string& schema) {
  const sqlite3_vfs* const vfs = VfsOf(db, schema);
  return {DatabaseFile(db, schema), vfs != nullptr ? vfs->zName : ""};
}

using OwnConnection = std::unique_ptr<sqlite3, int (*)(sqlite3*)>;

Result<OwnConnection> Connect(const DatabaseId& database, int flags,
                              int patience_ms = kPatienceMs) {
  sqlite3* opened = nullptr;
  const char* const vfs = database.vfs.empty() ? nullptr : database.vfs.c_str();
  const int code = sqlite3_open_v2(database.file.c_str(), &opened, flags, vfs);
  OwnConnection connection(opened, [](sqlite3* db) { return sqlite3_close(db); });
  if (code != SQLITE_OK) return StatusFromSqlite(opened, code);
  sqlite3_busy_timeout(opened, patience_ms);
  return connection;
}

// That reads all as of one time. A process that died may have left a journal, which only who may
// write can roll back.
Result<OwnConnection> ConnectToRead(const DatabaseId& database) {
  Result<OwnConnection> connection = Connect(database, SQLITE_OPEN_READWRITE);
  if (connection.status().code() == StatusCode::kCannotOpen) {
    connection = Connect(database, SQLITE_OPEN_READONLY);
  }
  if (connection.ok()) SV_RETURN_IF_ERROR(ExecuteSql(connection->get(), "BEGIN"));
  return connection;
}

// With the write lock, which goes with the connection.
Result<OwnConnection> ConnectWithLock(const DatabaseId& database, int patience_ms) {
  Result<OwnConnection> connection = Connect(database, SQLITE_OPEN_READWRITE, patience_ms);
  Status status = connection.status();
  if (status.ok()) status = ExecuteSql(connection->get(), "BEGIN IMMEDIATE");
  if (status.ok()) return connection;
  const bool not_allowed =
      status.code() == StatusCode::kReadOnly || status.code() == StatusCode::kCannotOpen;
  return not_allowed ? ConnectToRead(database) : status;
}

Result<bool> IsInWalMode(sqlite3* db) {
  SV_ASSIGN_OR_RETURN(HostStatement mode, HostStatement::Prepare(db, "PRAGMA journal_mode"));
  SV_ASSIGN_OR_RETURN(const bool row, mode.Step());
  return row && mode.Text(0) == "wal";
}

// Sees to it that what the database does not show now, it will not show later. A process that died
// in a COMMIT, in WAL mode, may have written the transaction's last frame, and not the WAL's index:
// then nobody sees it, until all processes have ended and the next one reads the whole WAL. The
// next transaction overwrites it; so this makes one, which writes what is there already. REQUIRES:
// `db` has the write lock, if it may write; it has not afterwards.
Status OverwriteUnseen(sqlite3* db) {
  if (sqlite3_txn_state(db, "main") != SQLITE_TXN_WRITE) return Status::Ok();
  SV_ASSIGN_OR_RETURN(const bool is_wal, IsInWalMode(db));
  if (!is_wal) return Status::Ok();
  SV_ASSIGN_OR_RETURN(const int64_t version, QueryInteger(db, "PRAGMA user_version", 0));
  SV_RETURN_IF_ERROR(ExecuteSql(db, "PRAGMA user_version = " + std::to_string(version)));
  return ExecuteSql(db, "COMMIT");
}

Result<std::string> ReadToken(sqlite3* db, const std::string& schema, const std::string& log) {
  return LogConfig(db, TableName{schema, log}).LoadToken();
}

Status CannotTell(const std::string& log, const Status& why) {
  if (why.ok() || why.IsCutShort()) return why;
  return Status::Busy("only the database can tell whether the last transaction of log " + log +
                      " was committed, and it cannot be asked: " + why.message());
}

// Errors: kNotFound: there is no such log; any other: it cannot be told. REQUIRES: the connection
// is in a transaction, so that all is read as of one time.
Result<TableName> NameOf(sqlite3* db, const std::string& last_known, const std::string& log_id) {
  return LogFinder(db).FindRenamed({"main", last_known},
                                   [&](const LogIdentity& log) { return log.log_id == log_id; });
}

Result<bool> ShowsToken(sqlite3* db, const std::string& log, const std::string& log_id,
                        const std::string& token) {
  const Result<TableName> name = NameOf(db, log, log_id);
  // It was dropped: what was appended to it last went with it.
  if (name.status().code() == StatusCode::kNotFound) return false;
  SV_RETURN_IF_ERROR(name.status());
  SV_ASSIGN_OR_RETURN(const std::string committed, LogConfig(db, *name).LoadToken());
  return committed == token;
}

}  // namespace

CommittedToken CommittedTokenOf(sqlite3* db, const TableName& log) {
  return [db, log](const std::string& expected) -> Result<std::string> {
    const DatabaseId database = IdOf(db, log.schema);
    SV_ASSIGN_OR_RETURN(std::string seen, ReadToken(db, log.schema, log.table));
    // Who writes sees what is committed: nobody else can commit.
    const bool is_latest =
        database.file.empty() || sqlite3_txn_state(db, log.schema.c_str()) == SQLITE_TXN_WRITE;
    if (is_latest || seen == expected) return seen;
    const Result<OwnConnection> own = ConnectWithLock(database, kPatienceOfOpeningMs);
    SV_RETURN_IF_ERROR(CannotTell(log.table, own.status()));
    Result<std::string> token = ReadToken(own->get(), "main", log.table);
    Status status = token.status();
    if (status.ok() && *token != expected) status = OverwriteUnseen(own->get());
    if (!status.ok()) return CannotTell(log.table, status);
    return token;
  };
}

WasCommitted WasCommittedIn(sqlite3* db, const TableName& log, const LogIdentity& identity) {
  DatabaseId database = IdOf(db, log.schema);
  if (database.file.empty()) return nullptr;
  return [database = std::move(database), log = log.table, log_id = identity.log_id](
             const std::string& token, bool is_over) -> Result<bool> {
    {
      SV_ASSIGN_OR_RETURN(const OwnConnection reader, ConnectToRead(database));
      SV_ASSIGN_OR_RETURN(const bool seen, ShowsToken(reader.get(), log, log_id, token));
      if (seen) return true;
    }
    const Result<OwnConnection> locked = ConnectWithLock(database, is_over ? 0 : kPatienceMs);
    // Who has the lock may be waiting for this.
    if (is_over && locked.status().code() == StatusCode::kBusy) return false;
    SV_RETURN_IF_ERROR(locked.status());
    SV_ASSIGN_OR_RETURN(const bool shown, ShowsToken(locked->get(), log, log_id, token));
    if (!shown) SV_RETURN_IF_ERROR(OverwriteUnseen(locked->get()));
    return shown;
  };
}

std::function<Result<bool>()> WasDroppedFrom(sqlite3* db, const TableName& log,
                                             const LogIdentity& identity) {
  DatabaseId database = IdOf(db, log.schema);
  if (database.file.empty()) return nullptr;
  return [database = std::move(database), log = log.table,
          log_id = identity.log_id]() -> Result<bool> {
    SV_ASSIGN_OR_RETURN(const OwnConnection reader, ConnectToRead(database));
    const Result<TableName> name = NameOf(reader.get(), log, log_id);
    if (name.status().code() == StatusCode::kNotFound) return true;
    SV_RETURN_IF_ERROR(name.status());
    return false;
  };
}

}  // namespace streamview
