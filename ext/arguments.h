// Arguments of functions, scalar and table-valued ones.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/status.h"
#include "core/base/wait.h"
#include "ext/sqlite_api.h"
#include "ext/sqlite_vtab/vtab.hpp"

namespace streamview {

// An integer from 0 up, in any of the forms that IntegerOf takes; NULL: nothing. `what` names the
// argument in errors, which are kInvalidArgument and kNoMemory.
Result<std::optional<int64_t>> ReadInteger(const char* what, sqlite3_value* argument);

// A number of bytes: an integer from 0 up, or one in TEXT with KB, MB or GB behind it (1024 of the
// one before), such as '64 MB'; NULL: nothing. Errors: the same.
Result<std::optional<uint64_t>> ReadBytes(const char* what, sqlite3_value* argument);

// The name of a table; NULL: nothing. Errors: the same.
Result<std::optional<std::string>> ReadName(const char* what, sqlite3_value* argument);

// How a query gives an argument of a table-valued function, as an equality with its hidden column.
enum class ArgumentUse {
  kAbsent,
  kUnusable,  // not in the plan that is asked about: SQLite must find another one
  kUsed,      // it is the next argument of Filter
};
ArgumentUse UseArgument(sqlite_vtab::IndexInfo& info, int column);

// The end of a wait of so many milliseconds that begins now.
WaitOptions::Clock::time_point DeadlineAfter(int64_t timeout_ms);

}  // namespace streamview
