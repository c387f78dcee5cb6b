// Which transaction that wrote to a log and to its database the database has committed last, as the
// engine asks when a process has died around a COMMIT.
//
// What the database shows is the truth only while nobody else can commit. So where it does not show
// the token that is looked for, its write lock is taken for the moment of reading: then whoever
// wrote the token has either committed, or never will; and in WAL mode a transaction is written, so
// that it never will either once all processes have ended. Where the database cannot be written, it
// is read as it is.

#pragma once

#include <functional>

#include "core/engine.h"
#include "ext/host_sql.h"
#include "ext/log_config.h"

namespace streamview {

// Where `db` does not show the expected token, and has not the write lock itself, a connection of
// its own is asked. The function must be called while `db` is open. Errors: kBusy (the lock is
// somebody else's), those of reading the database.
CommittedToken CommittedTokenOf(sqlite3* db, const TableName& log);

// The same for transactions of other processes, on a connection of its own: for any thread, at any
// time. Null where the database of `log` has no file.
WasCommitted WasCommittedIn(sqlite3* db, const TableName& log, const LogIdentity& identity);

// Whether the database has committed that it has no such log any more. Likewise.
std::function<Result<bool>()> WasDroppedFrom(sqlite3* db, const TableName& log,
                                             const LogIdentity& identity);

}  // namespace streamview
