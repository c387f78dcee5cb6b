// Which transaction that wrote to a log and to its database the database has committed last, as the
// engine asks when a process has died around a COMMIT.

#pragma once

#include "core/engine.h"
#include "ext/host_sql.h"

namespace streamview {

// Where `db` does not show the expected token, it is read on a connection of its own: `db` may be
// in the middle of a read transaction, which shows the database as it was. The function must be
// called while `db` is open.
CommittedToken CommittedTokenOf(sqlite3* db, const TableName& log);

}  // namespace streamview
