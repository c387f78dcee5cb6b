// SeqRange: what comparisons of a sequence number with SQL values leave of a log.

#pragma once

#include <algorithm>
#include <cstdint>

#include "ext/plan_text.h"
#include "ext/sqlite_api.h"

namespace streamview {

// In SQLite's integers; empty where first > last.
struct SeqRange {
  int64_t first = 1;
  int64_t last = INT64_MAX;

  bool empty() const { return first > last; }
  void Clear() { last = 0; }
  void AtLeast(int64_t seq) { first = std::max(first, seq); }
  void AtMost(int64_t seq) { last = std::min(last, seq); }

  // Leaves the numbers of which `seq <term> value` can be true, as SQLite compares a number with a
  // value; possibly one too many at each end, which SQLite has to check. REQUIRES: the term is
  // kEqual or a bound. TEXT of `value` may be turned into a number in place.
  void Narrow(Term term, sqlite3_value* value);

 private:
  void NarrowByInteger(Term term, int64_t value);
  void NarrowByReal(Term term, double value);
};

}  // namespace streamview
