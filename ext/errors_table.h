// sv_errors: one row per document that a view's map failed on, ordered by view, then seq.
//
//   log      TEXT
//   view     TEXT
//   seq      INTEGER  the entry
//   doc_id            the document's key; for an event without key, its seq
//   message  TEXT     what the map said
//
// A row goes when the document is superseded or the view is rebuilt. The errors of a log that
// cannot be opened are not known: sv_status tells that it cannot.

#pragma once

#include <memory>

#include "ext/connection.h"
#include "ext/sqlite_api.h"

namespace streamview {

// Returns a SQLite result code.
int RegisterErrorsTable(sqlite3* db, std::shared_ptr<Connection> connection);

}  // namespace streamview
