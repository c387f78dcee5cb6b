// Which keys GLOB and LIKE can match: what the beginning of their pattern says about the order.
//
// A pattern that begins with plain characters selects the keys that begin with them. That is more
// than the keys that match, but little more, and SQLite checks each again. What must not be
// overlooked: both operators look at a number as at its text, so 12 is GLOB '1*'; LIKE takes an
// ASCII letter in either case; and in most builds of SQLite both see a BLOB as text.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/engine.h"
#include "ext/sqlite_api.h"

namespace streamview {

enum class PatternKind { kGlob, kLike };

// Values of one index column, from `lower` to `upper`; no bound: no end.
struct KeyStretch {
  std::optional<KeyBound> lower;
  std::optional<KeyBound> upper;
};

struct KeyPattern {
  PatternKind kind;
  std::string prefix;  // the plain characters that the pattern begins with

  // Nothing for NULL, which matches nothing. Errors: kNoMemory.
  static Result<std::optional<KeyPattern>> Make(PatternKind kind, sqlite3_value* pattern);

  // All values that can match are in these; disjoint, in ascending order.
  std::vector<KeyStretch> Stretches() const;

  // Whether SQLite itself derives `column >= bound` (or, where `upper`, `column < bound`) from the
  // pattern, for TEXT alone, where it is a constant; for LIKE under NOCASE. Such a term is narrower
  // than the pattern.
  bool Implies(const ValueView& bound, bool upper) const;
};

// Whether the two-argument function `name` (glob, like) of this connection is SQLite's own. PRAGMA
// case_sensitive_like replaces like(), too. Errors: those of asking it.
Result<bool> IsBuiltinPattern(sqlite3* db, PatternKind kind);

}  // namespace streamview
