#include "ext/seq_range.h"

#include <cmath>

namespace streamview {

namespace {

bool IsUpper(Term term) { return term == Term::kLess || term == Term::kLessOrEqual; }
bool IsLower(Term term) { return term == Term::kGreater || term == Term::kGreaterOrEqual; }

}  // namespace

void SeqRange::NarrowByInteger(Term term, int64_t value) {
  switch (term) {
    case Term::kEqual:
      AtLeast(value);
      return AtMost(value);
    case Term::kGreater:
      return value == INT64_MAX ? Clear() : AtLeast(value + 1);
    case Term::kGreaterOrEqual:
      return AtLeast(value);
    case Term::kLess:
      return value == INT64_MIN ? Clear() : AtMost(value - 1);
    default:
      return AtMost(value);
  }
}

void SeqRange::NarrowByReal(Term term, double value) {
  constexpr double kLimit = 9.2e18;
  const auto below = static_cast<int64_t>(std::floor(std::clamp(value, -kLimit, kLimit)));
  if (!IsUpper(term)) AtLeast(below);
  if (!IsLower(term) && value < kLimit) AtMost(below + 1);
}

void SeqRange::Narrow(Term term, sqlite3_value* value) {
  switch (sqlite3_value_numeric_type(value)) {
    case SQLITE_INTEGER:
      return NarrowByInteger(term, sqlite3_value_int64(value));
    case SQLITE_FLOAT:
      return NarrowByReal(term, sqlite3_value_double(value));
    case SQLITE_NULL:
      return Clear();
    default:  // TEXT and BLOB are greater than all numbers
      if (!IsUpper(term)) Clear();
  }
}

}  // namespace streamview
