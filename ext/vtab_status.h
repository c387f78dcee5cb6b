// From the engine's Status to the one of ext/sqlite_vtab/.

#pragma once

#include "core/base/status.h"
#include "ext/sqlite_vtab/vtab.hpp"
#include "ext/values.h"

namespace streamview {

inline sqlite_vtab::Status ToVtab(const Status& status) {
  if (status.ok()) return {};
  return {SqliteCode(status.code()), status.message()};
}

// What a call of SQLite's API has returned, with the connection's message for it.
inline sqlite_vtab::Status VtabError(sqlite3* db, int code) {
  return code == SQLITE_OK ? sqlite_vtab::Status{} : ToVtab(StatusFromSqlite(db, code));
}

}  // namespace streamview
