// OuterJoin: whether a pattern that SQLite offers to xBestIndex may come from the ON clause of an
// outer join of another table, which must not keep rows of this one from being read:
//
//   SELECT ... FROM v LEFT JOIN u ON v.key LIKE 'cat%'        all rows of v
//
// SQLite takes care of that for comparisons. But older versions (3.38 and 3.40 do, 3.54 does not)
// offer LIKE and GLOB of an ON clause like those of a WHERE clause. So this looks at the text of
// what the connection runs, and at its TEMP views. (Other views cannot read our tables, which are
// SQLITE_DIRECTONLY.) If no text says LEFT, RIGHT or FULL, there is no such join.

#pragma once

#include <optional>

#include "core/base/status.h"
#include "ext/sqlite_api.h"

namespace streamview {

// Belongs to a cursor: its statement stays the same, and is prepared again where the schema
// changes.
class OuterJoin {
 public:
  explicit OuterJoin(sqlite3* db) : db_(db) {}

  // Whether the statement that runs may have an outer join. Errors: those of asking the database.
  Result<bool> IsPossible();

 private:
  Result<bool> Find() const;

  sqlite3* const db_;
  std::optional<bool> is_possible_;
};

}  // namespace streamview
