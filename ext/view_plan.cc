#include "ext/view_plan.h"

#include <algorithm>
#include <utility>

#include "ext/key_pattern.h"
#include "ext/values.h"

namespace streamview {

namespace {

using sqlite_vtab::Constraint;
using sqlite_vtab::IndexInfo;
using sqlite_vtab::Omit;

enum class Term : char {
  kEqual = '=',
  kIs = 'i',  // IS, IS NULL: NULL equals NULL
  kIn = 'n',  // one of a list, all of which the argument gives at once
  kGlob = 'G',
  kLike = 'L',
  kGreater = '>',
  kGreaterOrEqual = 'g',
  kLess = '<',
  kLessOrEqual = 'l',
};

using Found = std::pair<Constraint, Term>;
using Wanted = std::initializer_list<std::pair<int, Term>>;

std::optional<Term> Match(const Constraint& constraint, int column, Wanted wanted) {
  for (const auto& [op, term] : wanted) {
    if (constraint.op() == op && constraint.column() == column && constraint.usable()) return term;
  }
  return std::nullopt;
}

bool IsIn(IndexInfo& info, const Constraint& constraint) {
  return sqlite3_vtab_in(info.raw(), constraint.index(), -1) != 0;
}

// The term that fixes `column` to one value, or else to those of a list.
std::optional<Found> FindEquality(IndexInfo& info, const std::vector<Constraint>& constraints,
                                  int column) {
  std::optional<Found> found;
  for (const Constraint& constraint : constraints) {
    const std::optional<Term> term = Match(constraint, column,
                                           {{SQLITE_INDEX_CONSTRAINT_EQ, Term::kEqual},
                                            {SQLITE_INDEX_CONSTRAINT_IS, Term::kIs},
                                            {SQLITE_INDEX_CONSTRAINT_ISNULL, Term::kIs}});
    if (!term || !constraint.has_binary_collation()) continue;
    if (!IsIn(info, constraint)) return Found(constraint, *term);
    if (!found) found.emplace(constraint, *term);
  }
  return found;
}

std::vector<Found> FindBounds(const std::vector<Constraint>& constraints, int column) {
  std::vector<Found> bounds;
  const auto add = [&](Wanted wanted) {
    for (const Constraint& constraint : constraints) {
      const std::optional<Term> term = Match(constraint, column, wanted);
      if (term && constraint.has_binary_collation()) bounds.emplace_back(constraint, *term);
    }
  };
  add({{SQLITE_INDEX_CONSTRAINT_GT, Term::kGreater},
       {SQLITE_INDEX_CONSTRAINT_GE, Term::kGreaterOrEqual}});
  add({{SQLITE_INDEX_CONSTRAINT_LT, Term::kLess},
       {SQLITE_INDEX_CONSTRAINT_LE, Term::kLessOrEqual}});
  return bounds;
}

// Beside a constant pattern stand the bounds that SQLite has made of it (KeyPattern::Implies). With
// several patterns, of which one is used, it cannot be told whose they are.
bool BoundsAreTrue(const std::vector<Constraint>& constraints, int column) {
  const auto patterns =
      std::count_if(constraints.begin(), constraints.end(), [column](const Constraint& c) {
        return c.column() == column &&
               (c.op() == SQLITE_INDEX_CONSTRAINT_GLOB || c.op() == SQLITE_INDEX_CONSTRAINT_LIKE);
      });
  return patterns <= 1;
}

Result<std::optional<Found>> FindPattern(const std::vector<Constraint>& constraints, int column,
                                         sqlite3* db) {
  for (const Constraint& constraint : constraints) {
    const std::optional<Term> term = Match(
        constraint, column,
        {{SQLITE_INDEX_CONSTRAINT_GLOB, Term::kGlob}, {SQLITE_INDEX_CONSTRAINT_LIKE, Term::kLike}});
    if (!term) continue;
    // An application's own function may match what does not begin as its pattern.
    const PatternKind kind = *term == Term::kGlob ? PatternKind::kGlob : PatternKind::kLike;
    const Result<bool> builtin = IsBuiltinPattern(db, kind);
    // SQLite would make SQLITE_ERROR of it. The statement goes on without, and it is for its
    // execution to be interrupted.
    if (builtin.status().code() == StatusCode::kInterrupted) continue;
    SV_RETURN_IF_ERROR(builtin.status());
    if (*builtin) return std::optional<Found>(Found(constraint, *term));
  }
  return std::optional<Found>();
}

// True where the index is in the order asked for; then `reverse` says in which direction.
// `fixed`: which of the leading index columns have one value only.
bool IndexHasOrder(const IndexColumns& index, const std::vector<bool>& fixed,
                   const std::vector<sqlite_vtab::OrderTerm>& order, bool& reverse) {
  const auto is_fixed = [&](size_t i) { return i < fixed.size() && fixed[i]; };
  size_t next = 0;
  std::optional<bool> descending;
  for (const sqlite_vtab::OrderTerm& term : order) {
    const auto at =
        static_cast<size_t>(std::find(index.begin(), index.end(), term.column) - index.begin());
    if (is_fixed(at)) continue;
    while (is_fixed(next)) ++next;
    if (next == index.size() || at != next) return false;
    if (descending.value_or(term.descending) != term.descending) return false;
    descending = term.descending;
    ++next;
  }
  reverse = descending.value_or(false);
  return true;
}

// A view of 1,000,000 rows; of each key column 1 of 100 has a given value, of each document there
// are 2 rows under one key; a list has 10 values; a bound leaves a quarter, a pattern a sixteenth.
struct Estimate {
  double rows = 1e6;

  void Equal(bool is_doc_id) { rows = is_doc_id ? 2 : std::max(10.0, rows / 100); }
  void List() { rows *= 10; }
  void Bound() { rows = std::max(5.0, rows / 4); }
  void Pattern() { rows = std::max(5.0, rows / 16); }
};

}  // namespace

std::optional<ViewPlan> ViewPlan::Decode(int number, std::string_view text) {
  return ViewPlan{std::string(text), number == 1};
}

// The index is ordered by the key columns 1..keys, then doc_id unless the view reduces. What can be
// used of a WHERE clause are equalities on the first index columns, as many as there are, then
// ranges on the next one:
//
//   key = ?, key IS ?, key IS NULL     on a leading run of the index columns
//   key IN (...)                       the same; see below
//   key GLOB ?, key LIKE ?             on the index column after that run; one of them
//   < <= > >= BETWEEN                  on the index column after that run; all of them, unless it
//                                      has two patterns
//
// where the comparison's collation is BINARY. All but the patterns is exact, so SQLite need not
// check again; the bounds beside a pattern are an exception, see KeyPattern::Implies.
//
// ORDER BY is consumed where it names the index columns, in their order, all ascending or all
// descending; columns that are fixed to one value may appear anywhere or be left out. The same
// serves GROUP BY and DISTINCT. (For these sqlite3_vtab_distinct would allow another order of
// columns, but SQLite then takes an ORDER BY of the same columns for granted, too.)
//
// SQLite asks once for each value of an IN list, and then sorts by itself. Only where the index
// has the order asked for even so, with one list, are its values read all at once, in order.
//
//   idxStr   one character for each argument, in order: '=' 'i' (IS) or 'n' (IN, all at once) for
//            each column of the run, then at most one of 'G' (GLOB) 'L' (LIKE), then any of '>' 'g'
//            (>=), then any of '<' 'l' (<=)
//   idxNum   1: backwards
//   costs    the rows of Estimate, and a little for opening a cursor
Status PlanView(const IndexColumns& index, sqlite3* db, bool utf8, IndexInfo& info,
                ViewPlan& plan) {
  const std::vector<Constraint> constraints = info.constraints();
  Estimate estimate;
  const auto use = [&](const Found& found, Omit omit) {
    info.Use(found.first, omit);
    plan.terms += static_cast<char>(found.second);
  };

  std::vector<bool> fixed;  // of the run: whether it is one value, not a list
  std::optional<Constraint> list;
  for (const int column : index) {
    const auto found = FindEquality(info, constraints, column);
    if (!found) break;
    use(*found, Omit::kYes);
    fixed.push_back(!IsIn(info, found->first));
    if (!fixed.back()) list = found->first;
    estimate.Equal(fixed.size() == index.size());
  }

  const std::vector<sqlite_vtab::OrderTerm> order = info.order_by();
  if (utf8 && !order.empty() && IndexHasOrder(index, fixed, order, plan.reverse)) {
    info.ConsumeOrderBy();
    if (std::count(fixed.begin(), fixed.end(), false) == 1) {
      sqlite3_vtab_in(info.raw(), list->index(), 1);
      const auto at = std::find(fixed.begin(), fixed.end(), false) - fixed.begin();
      plan.terms[static_cast<size_t>(at)] = static_cast<char>(Term::kIn);
      estimate.List();
    }
  }

  if (fixed.size() < index.size()) {
    const int column = index[fixed.size()];
    SV_ASSIGN_OR_RETURN(const std::optional<Found> pattern, FindPattern(constraints, column, db));
    if (pattern) {
      use(*pattern, Omit::kNo);
      estimate.Pattern();
    }
    if (utf8 && BoundsAreTrue(constraints, column)) {
      for (const Found& bound : FindBounds(constraints, column)) {
        use(bound, pattern ? Omit::kNo : Omit::kYes);
        estimate.Bound();
      }
    }
  }
  info.SetEstimates(estimate.rows + 10, static_cast<sqlite3_int64>(estimate.rows));
  return Status::Ok();
}

namespace {

// What the arguments say, term by term.
class RangeMaker {
 public:
  // False: no row can match.
  Result<bool> Add(Term term, sqlite3_value* argument) {
    switch (term) {
      case Term::kIn:
        return AddList(argument);
      case Term::kGlob:
        return AddPattern(PatternKind::kGlob, argument);
      case Term::kLike:
        return AddPattern(PatternKind::kLike, argument);
      default:
        break;
    }
    SV_ASSIGN_OR_RETURN(const ValueView value, ViewOf(argument));
    if (value.is_null() && term != Term::kIs) return false;
    if (term == Term::kEqual || term == Term::kIs) {
      equal_.emplace_back().emplace_back(value);
    } else {
      AddBound(term, value);
    }
    return true;
  }

  // The ranges, in ascending order.
  std::vector<ViewRange> Make() const {
    std::vector<ViewRange> ranges(1);
    for (const std::vector<Value>& values : equal_) {
      Multiply(ranges, values,
               [](ViewRange& range, const Value& value) { range.equal.push_back(value); });
    }
    Multiply(ranges, stretches_, [](ViewRange& range, const KeyStretch& stretch) {
      range.lower = stretch.lower;
      range.upper = stretch.upper;
    });
    return ranges;
  }

 private:
  // Each range becomes as many as there are choices, `narrow`ed by one of them each.
  template <typename Choice, typename Narrow>
  static void Multiply(std::vector<ViewRange>& ranges, const std::vector<Choice>& choices,
                       Narrow narrow) {
    if (choices.size() == 1) {  // as for most queries: nothing is copied
      for (ViewRange& range : ranges) narrow(range, choices.front());
      return;
    }
    std::vector<ViewRange> more;
    for (const ViewRange& range : ranges) {
      for (const Choice& choice : choices) narrow(more.emplace_back(range), choice);
    }
    ranges = std::move(more);
  }

  Result<bool> AddList(sqlite3_value* argument) {
    std::vector<Value> values;
    sqlite3_value* item = nullptr;
    int rc = sqlite3_vtab_in_first(argument, &item);
    for (; rc == SQLITE_OK && item != nullptr; rc = sqlite3_vtab_in_next(argument, &item)) {
      SV_ASSIGN_OR_RETURN(const ValueView value, ViewOf(item));
      if (!value.is_null()) values.emplace_back(value);
    }
    if (rc != SQLITE_OK && rc != SQLITE_DONE) return Status(CodeFromSqlite(rc), "reading a list");
    std::sort(values.begin(), values.end(),
              [](const Value& a, const Value& b) { return Compare(a, b) < 0; });
    const auto end = std::unique(values.begin(), values.end(),
                                 [](const Value& a, const Value& b) { return Compare(a, b) == 0; });
    values.erase(end, values.end());
    equal_.push_back(std::move(values));
    return !equal_.back().empty();
  }

  Result<bool> AddPattern(PatternKind kind, sqlite3_value* argument) {
    SV_ASSIGN_OR_RETURN(pattern_, KeyPattern::Make(kind, argument));
    if (!pattern_) return false;
    stretches_ = pattern_->Stretches();
    return true;
  }

  void AddBound(Term term, const ValueView& value) {
    const bool upper = term == Term::kLess || term == Term::kLessOrEqual;
    if (pattern_ && pattern_->Implies(value, upper)) return;
    const bool inclusive = term == Term::kGreaterOrEqual || term == Term::kLessOrEqual;
    const KeyBound bound{Value(value), inclusive};
    for (KeyStretch& stretch : stretches_) {
      if (!upper) {
        Tighten(bound, 1, stretch.lower);
        continue;
      }
      Tighten(bound, -1, stretch.upper);
      // NULL sorts before all values, but is less than none.
      if (!stretch.lower) stretch.lower = KeyBound{Value(), /*inclusive=*/false};
    }
  }

  // Makes `bound` the end of a stretch where that is narrower; `direction`: 1 for a lower end, -1
  // for an upper one.
  static void Tighten(const KeyBound& bound, int direction, std::optional<KeyBound>& end) {
    const int order = end ? direction * Compare(bound.value, end->value) : 1;
    if (order > 0 || (order == 0 && !bound.inclusive)) end = bound;
  }

  std::vector<std::vector<Value>> equal_;  // for each column of the run, the values it may have
  std::optional<KeyPattern> pattern_;
  std::vector<KeyStretch> stretches_{1};  // of the column after the run
};

}  // namespace

Result<std::vector<ViewRange>> ViewPlan::MakeRanges(sqlite_vtab::Values arguments) const {
  RangeMaker maker;
  for (size_t i = 0; i < arguments.size(); i++) {
    SV_ASSIGN_OR_RETURN(const bool possible, maker.Add(Term{terms[i]}, arguments[i]));
    if (!possible) return std::vector<ViewRange>();
  }
  std::vector<ViewRange> ranges = maker.Make();
  for (ViewRange& range : ranges) range.reverse = reverse;
  if (reverse) std::reverse(ranges.begin(), ranges.end());
  return ranges;
}

}  // namespace streamview
