// Pure dates: SQLite's date and time functions, less their modifiers 'localtime' and 'utc', whose
// result depends on the time zone of the machine.
//
// Nothing in SQLite tells of these modifiers, and they may come from the data. So the six functions
// are replaced, on the connection of a map, by ones that look at their arguments and leave the rest
// to SQLite's own, on a second connection.

#pragma once

#include "ext/sqlite_api.h"

namespace streamview {

// Replaces the functions on `db`. One of those modifiers then makes a call NULL, and an impure
// request (ext/pure_vfs.h). Returns a SQLite result code.
int RegisterPureDates(sqlite3* db);

}  // namespace streamview
