// sv_status: one row per log, and one per view on it, of the databases of this connection.
//
//   name        TEXT     of the table
//   kind        TEXT     'log' or 'view'
//   state       TEXT     'building' (it has not caught up yet since it was made, or opened),
//                        'live', or 'failed': it cannot be opened, written or advanced, and
//                        last_error says why
//   seq         INTEGER  a view's checkpoint; of a log, its head
//   head        INTEGER  the last committed entry of the log
//   lag         INTEGER  head - seq
//   entries     INTEGER  entries of the log, or of the view's index with the superseded ones; an
//                        estimate where there are very many
//   superseded  INTEGER  superseded entries that readers of the view have met since it was opened
//   errors      INTEGER  documents that the view's map failed on (sv_errors)
//   last_error  TEXT
//   bytes       INTEGER  on disk
//   rate        REAL     log entries that the view processes in a second
//   eta         REAL     seconds until the view has caught up, at that rate
//   definition  TEXT     options of the view; of a log, its directory
//   log         TEXT     name of the log
//   schema      TEXT     name of the database: 'main', ...
//   progress    REAL     how much of the log the view, or the index that a rebuild makes, holds:
//                        0 to 1
//   bar         TEXT     the same for people: '#######-------------  35 %'
//
// What does not apply, or is not known, is NULL. A log that cannot be opened has its row too.

#pragma once

#include <memory>

#include "ext/connection.h"
#include "ext/sqlite_api.h"

namespace streamview {

// Returns a SQLite result code.
int RegisterStatusTable(sqlite3* db, std::shared_ptr<Connection> connection);

}  // namespace streamview
