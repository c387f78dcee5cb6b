#include "ext/view_plan.h"

#include <algorithm>
#include <utility>

#include "ext/values.h"

namespace streamview {

namespace {

using sqlite_vtab::Constraint;
using sqlite_vtab::IndexInfo;
using sqlite_vtab::Omit;

enum class Term : char {
  kEqual = '=',
  kIs = 'i',  // IS, IS NULL: NULL equals NULL
  kGreater = '>',
  kGreaterOrEqual = 'g',
  kLess = '<',
  kLessOrEqual = 'l',
};

// The first usable term on `column` that is one of `wanted`.
std::optional<std::pair<Constraint, Term>> FindTerm(
    const std::vector<Constraint>& constraints, int column,
    std::initializer_list<std::pair<int, Term>> wanted) {
  for (const Constraint& constraint : constraints) {
    for (const auto& [op, term] : wanted) {
      if (constraint.op() == op && constraint.column() == column && constraint.usable() &&
          constraint.has_binary_collation()) {
        return std::pair(constraint, term);
      }
    }
  }
  return std::nullopt;
}

// True where the index, after `equal` columns that do not vary, is in the order asked for; then
// `reverse` says in which direction.
bool IndexHasOrder(const IndexColumns& index, size_t equal,
                   const std::vector<sqlite_vtab::OrderTerm>& order, bool& reverse) {
  const auto fixed_end = index.begin() + static_cast<std::ptrdiff_t>(equal);
  size_t next = equal;
  std::optional<bool> descending;
  for (const sqlite_vtab::OrderTerm& term : order) {
    if (std::find(index.begin(), fixed_end, term.column) != fixed_end) continue;
    if (next == index.size() || index[next] != term.column) return false;
    if (descending.value_or(term.descending) != term.descending) return false;
    descending = term.descending;
    ++next;
  }
  reverse = descending.value_or(false);
  return true;
}

// A view of 1,000,000 rows; of each key column 1 of 100 has a given value, of each document there
// are 2 rows under one key; a bound leaves a quarter.
struct Estimate {
  double rows = 1e6;

  void Equal(bool is_doc_id) { rows = is_doc_id ? 2 : std::max(10.0, rows / 100); }
  void Bound() { rows = std::max(5.0, rows / 4); }
};

}  // namespace

std::optional<ViewPlan> ViewPlan::Decode(int number, std::string_view text) {
  return ViewPlan{std::string(text), number == 1};
}

// The index is ordered by the key columns 1..keys, then doc_id. What can be used of a WHERE clause
// are equalities on the first index columns, as many as there are, then one range on the next one:
//
//   key = ?, key IS ?, key IS NULL     on a leading run of the index columns
//   key IN (...)                       SQLite asks once for each value
//   < <= > >= BETWEEN                  on the index column after that run
//
// where the comparison's collation is BINARY. All of it is exact, so SQLite need not check again.
// ORDER BY is consumed where it names the index columns after the run, in their order, all
// ascending or all descending; columns of the run itself may appear anywhere, as they do not vary.
//
//   idxStr   one character for each argument, in order: '=' or 'i' (IS) for each column of the run,
//            then at most one of '>' 'g' (>=), then at most one of '<' 'l' (<=)
//   idxNum   1: backwards
//   costs    the rows of Estimate, and a little for opening a cursor
void PlanView(const IndexColumns& index, bool utf8, IndexInfo& info, ViewPlan& plan) {
  const std::vector<Constraint> constraints = info.constraints();
  Estimate estimate;
  const auto use = [&](const std::pair<Constraint, Term>& found) {
    info.Use(found.first, Omit::kYes);
    plan.terms += static_cast<char>(found.second);
  };

  size_t equal = 0;
  for (; equal < index.size(); equal++) {
    const auto found = FindTerm(constraints, index[equal],
                                {{SQLITE_INDEX_CONSTRAINT_EQ, Term::kEqual},
                                 {SQLITE_INDEX_CONSTRAINT_IS, Term::kIs},
                                 {SQLITE_INDEX_CONSTRAINT_ISNULL, Term::kIs}});
    if (!found) break;
    use(*found);
    estimate.Equal(equal + 1 == index.size());
  }
  if (utf8 && equal < index.size()) {
    const auto lower = FindTerm(constraints, index[equal],
                                {{SQLITE_INDEX_CONSTRAINT_GT, Term::kGreater},
                                 {SQLITE_INDEX_CONSTRAINT_GE, Term::kGreaterOrEqual}});
    const auto upper = FindTerm(constraints, index[equal],
                                {{SQLITE_INDEX_CONSTRAINT_LT, Term::kLess},
                                 {SQLITE_INDEX_CONSTRAINT_LE, Term::kLessOrEqual}});
    for (const auto& bound : {lower, upper}) {
      if (!bound) continue;
      use(*bound);
      estimate.Bound();
    }
  }
  info.SetEstimates(estimate.rows + 10, static_cast<sqlite3_int64>(estimate.rows));

  const std::vector<sqlite_vtab::OrderTerm> order = info.order_by();
  if (utf8 && !order.empty() && IndexHasOrder(index, equal, order, plan.reverse)) {
    info.ConsumeOrderBy();
  }
}

Result<std::optional<ViewRange>> ViewPlan::MakeRange(sqlite_vtab::Values arguments) const {
  ViewRange range;
  range.reverse = reverse;
  for (size_t i = 0; i < arguments.size(); i++) {
    SV_ASSIGN_OR_RETURN(const ValueView value, ViewOf(arguments[i]));
    const Term term{terms[i]};
    if (value.is_null() && term != Term::kIs) return std::optional<ViewRange>();
    switch (term) {
      case Term::kEqual:
      case Term::kIs:
        range.equal.emplace_back(value);
        break;
      case Term::kGreater:
      case Term::kGreaterOrEqual:
        range.lower = KeyBound{Value(value), term == Term::kGreaterOrEqual};
        break;
      case Term::kLess:
      case Term::kLessOrEqual:
        range.upper = KeyBound{Value(value), term == Term::kLessOrEqual};
        break;
    }
  }
  // NULL sorts before all values, but is less than none.
  if (range.upper && !range.lower) range.lower = KeyBound{Value(), /*inclusive=*/false};
  return std::optional<ViewRange>(std::move(range));
}

}  // namespace streamview
