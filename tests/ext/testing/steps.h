// How much work a query is, without a clock.

#pragma once

#include <string>

#include "tests/ext/testing/database.h"

namespace streamview::testing {

// How many instructions of SQLite's virtual machine one statement takes: each row that a table
// gives costs some, also where it does not match. `parameter`: the value of ?1, if there is one.
int StepsOf(Database& db, const std::string& sql, const std::string& parameter = "");

}  // namespace streamview::testing
