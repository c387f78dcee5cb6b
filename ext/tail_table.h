// sv_tail(source, after_seq [, timeout_ms]): a table-valued function: what is committed to a log,
// or changes in a view, past an entry, and then what comes, as it comes.
//
//   seq        INTEGER, the entry         key, value  of the entry; of a view's row the first key
//   time       INTEGER                                column, and the first one after the keys
//   operation  TEXT: of a log 'put', 'delete', 'event'; of a view 'emit', 'withdraw'
//   doc_id     the document's key; of an event its seq
//   row        TEXT: of a view, the columns of its row as a JSON object
//   hidden: source (the name of a log or a view), after_seq, timeout_ms: the arguments
//
// It ends at the timeout, which counts from its beginning. Without one it does not end: LIMIT, a
// reset of the statement or sqlite3_interrupt() end it. Uncommitted entries are not shown, not even
// the connection's own ones. docs/reference.md has the details.

#pragma once

#include <memory>

#include "ext/connection.h"
#include "ext/sqlite_api.h"

namespace streamview {

// Returns a SQLite result code.
int RegisterTailTable(sqlite3* db, std::shared_ptr<Connection> connection);

}  // namespace streamview
