// sv_history(log, key): a table-valued function, the versions of one document, newest first.
//
//   seq        INTEGER, the rowid        key, value   as the log has them: value is NULL
//   time       INTEGER                                where the document was deleted
//   operation  TEXT: 'put' or 'delete'   hidden: log, document, the arguments
//
// The connection's own uncommitted entries come first, then all that are committed when the query
// begins, whatever sv_consistency says.

#pragma once

#include <memory>

#include "ext/connection.h"
#include "ext/sqlite_api.h"

namespace streamview {

// Returns a SQLite result code.
int RegisterHistoryTable(sqlite3* db, std::shared_ptr<Connection> connection);

}  // namespace streamview
