// The files that SQLite keeps beside a database: journal, write-ahead log, shared memory and
// super-journals. What has the name of one of them keeps SQLite from opening the database.

#pragma once

#include <string>

#include "core/base/status.h"
#include "ext/sqlite_api.h"

namespace streamview {

// The database file beside which SQLite would keep a file `path` (absolute); empty where it would
// not. That is a file that is there, or one that has the name of a database of the connection,
// wherever it is: a backup of the database may be about to come there.
Result<std::string> FindSqlitesFile(sqlite3* db, const std::string& path);

}  // namespace streamview
