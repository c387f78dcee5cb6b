// StatementPtr: owns a prepared statement. It must be gone before its connection is.

#pragma once

#include <memory>

#include "ext/sqlite_api.h"

namespace streamview {

struct StatementDeleter {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using StatementPtr = std::unique_ptr<sqlite3_stmt, StatementDeleter>;

}  // namespace streamview
