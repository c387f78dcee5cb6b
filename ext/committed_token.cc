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

Result<OwnConnection> Connect(const DatabaseId& database, int flags) {
  sqlite3* opened = nullptr;
  const char* const vfs = database.vfs.empty() ? nullptr : database.vfs.c_str();
  const int code = sqlite3_open_v2(database.file.c_str(), &opened, flags, vfs);
  OwnConnection connection(opened, [](sqlite3* db) { return sqlite3_close(db); });
  if (code != SQLITE_OK) return StatusFromSqlite(opened, code);
  sqlite3_busy_timeout(opened, kPatienceMs);
  return connection;
}

// That reads all as of one time.
Result<OwnConnection> ConnectToRead(const DatabaseId& database) {
  SV_ASSIGN_OR_RETURN(OwnConnection connection, Connect(database, SQLITE_OPEN_READONLY));
  SV_RETURN_IF_ERROR(ExecuteSql(connection.get(), "BEGIN"));
  return connection;
}

// With the write lock, which goes with the connection.
Result<OwnConnection> ConnectWithLock(const DatabaseId& database, int patience_ms) {
  Result<OwnConnection> connection = Connect(database, SQLITE_OPEN_READWRITE);
  Status status = connection.status();
  if (status.ok()) sqlite3_busy_timeout(connection->get(), patience_ms);
  if (status.ok()) status = ExecuteSql(connection->get(), "BEGIN IMMEDIATE");
  if (status.ok()) return connection;
  const bool not_allowed =
      status.code() == StatusCode::kReadOnly || status.code() == StatusCode::kCannotOpen;
  return not_allowed ? ConnectToRead(database) : status;
}

Result<std::string> ReadToken(sqlite3* db, const std::string& schema, const std::string& log) {
  return LogConfig(db, TableName{schema, log}).LoadToken();
}

Status CannotTell(const std::string& log, const Status& why) {
  if (why.ok() || why.IsCutShort()) return why;
  return Status::Busy("only the database can tell whether the last transaction of log " + log +
                      " was committed, and it cannot be asked: " + why.message());
}

// The log may have been renamed. REQUIRES: the connection is in a transaction, so that all is read
// as of one time. Errors: kNotFound: there is no such log; any other: it cannot be told.
Result<std::string> NameOf(sqlite3* db, const std::string& last_known, const std::string& log_id) {
  const auto is_it = [&](const std::string& name) -> Result<bool> {
    const Result<LogSettings> settings = LogConfig(db, {"main", name}).Load();
    if (settings.status().code() == StatusCode::kNotFound) return false;
    SV_RETURN_IF_ERROR(settings.status());
    return settings->identity.log_id == log_id;
  };
  SV_ASSIGN_OR_RETURN(const bool same_name, is_it(last_known));
  if (same_name) return last_known;
  SV_ASSIGN_OR_RETURN(const std::vector<TableName> logs, LogFinder(db).ListLogs());
  for (const TableName& log : logs) {
    if (log.schema != "main") continue;
    SV_ASSIGN_OR_RETURN(const bool found, is_it(log.table));
    if (found) return log.table;
  }
  return Status::NotFound("no log " + log_id);
}

Result<bool> ShowsToken(sqlite3* db, const std::string& log, const std::string& log_id,
                        const std::string& token) {
  const Result<std::string> name = NameOf(db, log, log_id);
  // It was dropped: what was appended to it last went with it.
  if (name.status().code() == StatusCode::kNotFound) return false;
  SV_RETURN_IF_ERROR(name.status());
  SV_ASSIGN_OR_RETURN(const std::string committed, ReadToken(db, "main", *name));
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
    if (!token.ok()) return CannotTell(log.table, token.status());
    return token;
  };
}

WasCommitted WasCommittedIn(sqlite3* db, const TableName& log, const LogIdentity& identity) {
  DatabaseId database = IdOf(db, log.schema);
  if (database.file.empty()) return nullptr;
  return [database = std::move(database), log = log.table, log_id = identity.log_id](
             const std::string& token, bool is_over) -> Result<bool> {
    SV_ASSIGN_OR_RETURN(const OwnConnection reader, ConnectToRead(database));
    SV_ASSIGN_OR_RETURN(const bool shown, ShowsToken(reader.get(), log, log_id, token));
    if (shown || is_over) return shown;
    SV_ASSIGN_OR_RETURN(const OwnConnection locked, ConnectWithLock(database, kPatienceMs));
    return ShowsToken(locked.get(), log, log_id, token);
  };
}

std::function<Result<bool>()> WasDroppedFrom(sqlite3* db, const TableName& log,
                                             const LogIdentity& identity) {
  DatabaseId database = IdOf(db, log.schema);
  if (database.file.empty()) return nullptr;
  return [database = std::move(database), log = log.table,
          log_id = identity.log_id]() -> Result<bool> {
    SV_ASSIGN_OR_RETURN(const OwnConnection reader, ConnectToRead(database));
    const Result<std::string> name = NameOf(reader.get(), log, log_id);
    if (name.status().code() == StatusCode::kNotFound) return true;
    SV_RETURN_IF_ERROR(name.status());
    return false;
  };
}

}  // namespace streamview
