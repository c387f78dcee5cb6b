// Values and outcomes between SQLite and the engine.

#pragma once

#include <cstdint>
#include <optional>

#include "core/base/status.h"
#include "core/base/value.h"
#include "ext/sqlite_api.h"

namespace streamview {

// The value without a copy. TEXT is given as UTF-8: in a UTF-16 database SQLite converts it in
// place, so the view is valid until anything else is asked of `value` in another encoding or type,
// and no longer than `value` itself (for arguments of a callback: until the callback returns). The
// only error is kNoMemory, from that conversion or from expanding a zeroblob().
Result<ValueView> ViewOf(sqlite3_value* value);
// The same where the connection's databases store TEXT as UTF-8: spares SQLite the copy that it
// makes to append a zero byte.
Result<ValueView> ViewOfUtf8(sqlite3_value* value);

// The integer that the value is, or would be stored as in a column of type INTEGER: a REAL without
// a fraction, or a TEXT that is written so. Not every client has integers to bind. Nothing for
// others. TEXT of `value` may be turned into a number in place.
std::optional<int64_t> IntegerOf(sqlite3_value* value);

// Makes `value` the result of a function or of xColumn. `lifetime` is SQLITE_STATIC where the bytes
// outlive the use that SQLite makes of the result, SQLITE_TRANSIENT (SQLite copies them) otherwise.
void SetResult(sqlite3_context* context, const ValueView& value, sqlite3_destructor_type lifetime);

// Makes an error the result: its code and its message. REQUIRES: !status.ok()
void SetResultError(sqlite3_context* context, const Status& status);

// SQLite's primary result code for an outcome; SQLITE_OK for kOk.
int SqliteCode(StatusCode code);

// The engine's code for one of SQLite's, primary or extended. REQUIRES: an error
StatusCode CodeFromSqlite(int code);

// The last error of a connection as a Status. REQUIRES: `code`, which it returned, is an error
Status StatusFromSqlite(sqlite3* db, int code);

}  // namespace streamview
