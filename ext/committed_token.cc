#include "ext/committed_token.h"

#include <memory>

#include "ext/log_config.h"
#include "ext/values.h"

namespace streamview {

namespace {

// The database may be locked for a moment by who commits to other tables.
constexpr int kPatienceMs = 5000;

Result<std::string> ReadToken(sqlite3* db, const std::string& schema, const std::string& log) {
  return LogConfig(db, TableName{schema, log}).LoadToken();
}

Result<std::string> ReadOnOwnConnection(const std::string& file, const char* vfs,
                                        const std::string& log) {
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(file.c_str(), &opened, SQLITE_OPEN_READONLY, vfs);
  const std::unique_ptr<sqlite3, int (*)(sqlite3*)> connection(
      opened, [](sqlite3* db) { return sqlite3_close(db); });
  if (code != SQLITE_OK) return StatusFromSqlite(opened, code);
  sqlite3_busy_timeout(opened, kPatienceMs);
  return ReadToken(opened, "main", log);
}

}  // namespace

CommittedToken CommittedTokenOf(sqlite3* db, const TableName& log) {
  return [db, log](const std::string& expected) -> Result<std::string> {
    const std::string file = DatabaseFile(db, log.schema);
    SV_ASSIGN_OR_RETURN(std::string seen, ReadToken(db, log.schema, log.table));
    // Who writes sees what is committed: nobody else can commit.
    const bool is_latest =
        file.empty() || sqlite3_txn_state(db, log.schema.c_str()) == SQLITE_TXN_WRITE;
    if (is_latest || seen == expected) return seen;
    const sqlite3_vfs* const vfs = VfsOf(db, log.schema);
    Result<std::string> token =
        ReadOnOwnConnection(file, vfs != nullptr ? vfs->zName : nullptr, log.table);
    if (token.ok() || token.status().IsCutShort()) return token;
    return Status::Busy("only the database can tell whether the last transaction of log " +
                        log.table +
                        " was committed, and it cannot be read: " + token.status().message());
  };
}

}  // namespace streamview
