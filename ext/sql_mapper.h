// SQL mapper: a view's map=(SELECT ...), run for one log entry at a time.
//
// The SELECT is prepared once, on a private in-memory SQLite connection that has a single table,
// named as the log, with the columns seq, time, key, value and exactly one row: the present entry,
// served from memory without a copy.
//
// A map is a pure function of that row. An authorizer allows it to read that table, json_each and
// json_tree, and to call SQLite's own deterministic functions; the clock is watched
// (ext/pure_sql.h). What is not allowed is refused when the mapper is made, with the reason;
// what shows only on some entry (a branch that asks for the time, a SELECT that does not end) is
// that entry's error. It runs in the C locale, whatever that of the process is (ext/pure_locale.h).

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "core/map/definition.h"
#include "core/map/mapper.h"

namespace streamview {

// Bounds on what a map may take for one entry. Counts, not times: every machine decides alike.
struct SqlMapLimits {
  int steps = 50'000'000;      // instructions of SQLite's virtual machine
  int value_bytes = 64 << 20;  // of one string, BLOB or row that it makes, beyond the entry's own
};

// The names of the columns that `map` gives, in order; not necessarily distinct. Checks the map as
// NewSqlMapper does. Errors: kInvalidArgument, with what is wrong and a hint; kNoMemory.
Result<std::vector<std::string>> SqlMapColumns(const std::string& log_name, const std::string& map);

// REQUIRES: definition.kind is MapKind::kSql. The mapper emits the first definition.columns.size()
// columns of its SELECT. Errors: as SqlMapColumns. The mapper may be used from any thread, by one
// at a time; it may outlive the connection that asked for it.
Result<std::unique_ptr<Mapper>> NewSqlMapper(const ViewDefinition& definition,
                                             const SqlMapLimits& limits = {});

}  // namespace streamview
