// The engine's Status as the one of the tables of ext/sqlite_vtab/.

#pragma once

#include "core/base/status.h"
#include "ext/sqlite_vtab/vtab.hpp"
#include "ext/values.h"

template <>
struct sqlite_vtab::StatusTraits<streamview::Status> {
  static int Code(const streamview::Status& status) {
    return status.ok() ? SQLITE_OK : streamview::SqliteCode(status.code());
  }
  static const char* Message(const streamview::Status& status) { return status.message().c_str(); }
};

namespace streamview {

// What a call of SQLite's API has returned, with the connection's message for it.
inline Status VtabError(sqlite3* db, int code) {
  return code == SQLITE_OK ? Status::Ok() : StatusFromSqlite(db, code);
}

}  // namespace streamview
