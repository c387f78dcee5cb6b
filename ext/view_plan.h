// ViewPlan: how a query reads an ordered index, of a view or of the documents: which terms of its
// WHERE clause select ranges of the index, and whether the index already has the order asked for.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"
#include "core/engine.h"
#include "ext/outer_join.h"
#include "ext/plan_text.h"
#include "ext/sqlite_vtab/vtab.hpp"

namespace streamview {

// A column of an index, by its number in the table.
struct IndexColumn {
  int number;
  std::string name;
};
// In their order.
using IndexColumns = std::vector<IndexColumn>;

struct ViewPlan {
  PlanTerms terms;              // see PlanView
  std::string text;             // the same, to be ended by EndPlan
  bool with_documents = false;  // rows are wanted with their documents

  sqlite_vtab::EncodedPlan Encode() const;
  static std::optional<ViewPlan> Decode(int number, std::string_view text);

  // The ranges that the arguments of xFilter select: disjoint, in the order in which they are to be
  // read; none where no row can match (a comparison with NULL is never true). Errors: kNoMemory,
  // and those of asking the database.
  Result<std::vector<ViewRange>> MakeRanges(sqlite_vtab::Values arguments,
                                            OuterJoin& outer_join) const;
};

// Fills the plan, and all of `info`; what the plan's text has already is left in front. `utf8`: the
// database `db` stores TEXT as UTF-8. If it does not, BINARY orders TEXT differently from the
// index, which then serves for equality and patterns only. Errors: those of asking the database.
Status PlanView(const IndexColumns& index, sqlite3* db, bool utf8, sqlite_vtab::IndexInfo& info,
                ViewPlan& plan);

}  // namespace streamview
