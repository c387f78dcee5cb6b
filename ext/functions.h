// The SQL functions.
//
//   sv_wait(seq [, table [, timeout_ms]])  waits until the named view, or all views of the named
//                           log, have processed `seq`; returns the checkpoint reached
//   sv_seq([log])           the last entry that this connection appended; NULL: none
//   sv_head([log])          the last committed entry
//   sv_append(log, key, value)  appends one entry and commits it at once, outside of SQLite's
//                               transactions; returns its number
//   sv_adopt(log)  takes over what the log's directory holds; returns its last entry
//   sv_backup(log, directory)  copies the log while others go on; returns the copy's last entry
//   sv_consistency([mode])  sets, and returns, how fresh this connection's reads must be
//   sv_version()            versions as JSON
//
// A log need not be named where there is only one. docs/reference.md has the details.

#pragma once

#include <memory>

#include "ext/connection.h"
#include "ext/sqlite_api.h"

namespace streamview {

// Returns a SQLite result code.
int RegisterFunctions(sqlite3* db, const std::shared_ptr<Connection>& connection);

}  // namespace streamview
