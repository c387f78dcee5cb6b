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

bool IsPattern(const Constraint& constraint) {
  return constraint.op() == SQLITE_INDEX_CONSTRAINT_GLOB ||
         constraint.op() == SQLITE_INDEX_CONSTRAINT_LIKE;
}

// Beside a constant pattern stand the bounds that SQLite has made of it (KeyPattern::Implies). With
// several patterns, of which one is used, it cannot be told whose they are.
bool BoundsAreTrue(const std::vector<Constraint>& constraints, int column) {
  const auto patterns =
      std::count_if(constraints.begin(), constraints.end(),
                    [column](const Constraint& c) { return IsPattern(c) && c.column() == column; });
  return patterns <= 1;
}

// The bounds that may be made of a pattern and are not `used` as terms: those of LIKE compare under
// NOCASE.
std::vector<Constraint> FindOtherBounds(const std::vector<Constraint>& constraints, int column,
                                        const std::vector<Found>& used) {
  std::vector<Constraint> bounds;
  for (const Constraint& constraint : constraints) {
    const bool is_used = std::any_of(used.begin(), used.end(), [&](const Found& found) {
      return found.first.index() == constraint.index();
    });
    const auto term = Match(constraint, column,
                            {{SQLITE_INDEX_CONSTRAINT_GE, Term::kGreaterOrEqual},
                             {SQLITE_INDEX_CONSTRAINT_LT, Term::kLess}});
    if (term && !is_used) bounds.push_back(constraint);
  }
  return bounds;
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
    const auto is_it = [&](const IndexColumn& column) { return column.number == term.column; };
    const auto at =
        static_cast<size_t>(std::find_if(index.begin(), index.end(), is_it) - index.begin());
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

sqlite_vtab::EncodedPlan ViewPlan::Encode() const {
  std::string plan = text;
  EndPlan(&plan, terms.reverse);
  return {with_documents ? 1 : 0, std::move(plan)};
}

std::optional<ViewPlan> ViewPlan::Decode(int number, std::string_view text) {
  std::optional<PlanTerms> terms = ParsePlan(text);
  if (!terms) return std::nullopt;
  return ViewPlan{*std::move(terms), "", number != 0};
}

namespace {

// Takes what can be used of the constraints on a run of columns that are fixed, and then on one
// more.
class Planner {
 public:
  Planner(const IndexColumns& index, sqlite3* db, bool utf8, IndexInfo& info)
      : index_(index), db_(db), utf8_(utf8), info_(info), constraints_(info.constraints()) {}

  Status Plan(ViewPlan& plan) {
    FixColumns();
    ConsumeOrder(plan);
    if (fixed_.size() < index_.size()) SV_RETURN_IF_ERROR(NarrowNext());
    for (const auto& [column, term] : terms_) {
      AppendTerm(&plan.text, column, term);
      plan.terms.terms += static_cast<char>(term);
    }
    info_.SetEstimates(estimate_.rows + 10, static_cast<sqlite3_int64>(estimate_.rows));
    return Status::Ok();
  }

 private:
  void Use(const Found& found, const std::string& column, Omit omit) {
    info_.Use(found.first, omit);
    terms_.emplace_back(column, found.second);
  }

  void FixColumns() {
    for (const IndexColumn& column : index_) {
      const auto found = FindEquality(info_, constraints_, column.number);
      if (!found) break;
      Use(*found, column.name, Omit::kYes);
      fixed_.push_back(!IsIn(info_, found->first));
      if (!fixed_.back()) list_ = found->first;
      estimate_.Equal(fixed_.size() == index_.size());
    }
  }

  void ConsumeOrder(ViewPlan& plan) {
    const std::vector<sqlite_vtab::OrderTerm> order = info_.order_by();
    if (!utf8_ || order.empty()) return;
    if (!IndexHasOrder(index_, fixed_, order, plan.terms.reverse)) return;
    info_.ConsumeOrderBy();
    if (std::count(fixed_.begin(), fixed_.end(), false) != 1) return;
    sqlite3_vtab_in(info_.raw(), list_->index(), 1);
    const auto at = std::find(fixed_.begin(), fixed_.end(), false) - fixed_.begin();
    terms_[static_cast<size_t>(at)].second = Term::kIn;
    estimate_.List();
  }

  Status NarrowNext() {
    const auto& [number, name] = index_[fixed_.size()];
    SV_ASSIGN_OR_RETURN(const std::optional<Found> pattern, FindPattern(constraints_, number, db_));
    if (pattern) {
      Use(*pattern, name, Omit::kNo);
      estimate_.Pattern();
    }
    std::vector<Found> bounds;
    if (utf8_ && BoundsAreTrue(constraints_, number)) bounds = FindBounds(constraints_, number);
    for (const Found& bound : bounds) {
      Use(bound, name, pattern ? Omit::kNo : Omit::kYes);
      estimate_.Bound();
    }
    if (!pattern) return Status::Ok();
    for (const Constraint& bound : FindOtherBounds(constraints_, number, bounds)) {
      info_.Use(bound, Omit::kNo);
    }
    return Status::Ok();
  }

  const IndexColumns& index_;
  sqlite3* const db_;
  const bool utf8_;
  IndexInfo& info_;
  const std::vector<Constraint> constraints_;
  std::vector<bool> fixed_;  // of the run: whether it is one value, not a list
  std::optional<Constraint> list_;
  std::vector<std::pair<std::string, Term>> terms_;
  Estimate estimate_;
};

}  // namespace

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
// A pattern may come from an ON clause, where it must not be used (ext/outer_join.h). The bounds
// that SQLite makes of a pattern it offers only where they may be used. So they are asked for, too:
// where they are among the arguments of xFilter, the pattern may be used; where they are not (a
// pattern that begins like a number, or is no constant, has none), OuterJoin has to tell.
//
//   idxStr   ext/plan_text.h: a term for each column of the run, then at most one pattern, then any
//            lower and then any upper bounds. Behind the arguments of these come those of the
//            bounds that only show that the pattern may be used
//   idxNum   1 where the caller sets with_documents, else 0
//   costs    the rows of Estimate, and a little for opening a cursor
Status PlanView(const IndexColumns& index, sqlite3* db, bool utf8, IndexInfo& info,
                ViewPlan& plan) {
  return Planner(index, db, utf8, info).Plan(plan);
}

namespace {

// What the arguments say, term by term.
class RangeMaker {
 public:
  explicit RangeMaker(OuterJoin& outer_join) : outer_join_(outer_join) {}

  // `rest`: the arguments after this one. False: no row can match.
  Result<bool> Add(Term term, sqlite3_value* argument, sqlite_vtab::Values rest) {
    switch (term) {
      case Term::kIn:
        return AddList(argument);
      case Term::kGlob:
        return AddPattern(PatternKind::kGlob, argument, rest);
      case Term::kLike:
        return AddPattern(PatternKind::kLike, argument, rest);
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

  Result<bool> AddPattern(PatternKind kind, sqlite3_value* argument, sqlite_vtab::Values rest) {
    SV_ASSIGN_OR_RETURN(std::optional<KeyPattern> pattern, KeyPattern::Make(kind, argument));
    SV_ASSIGN_OR_RETURN(const bool has_bounds, HasBounds(pattern, rest));
    if (!has_bounds) {
      SV_ASSIGN_OR_RETURN(const bool is_outer_join, outer_join_.IsPossible());
      if (is_outer_join) return true;
    }
    if (!pattern) return false;
    pattern_ = std::move(pattern);
    stretches_ = pattern_->Stretches();
    return true;
  }

  // Whether both bounds that SQLite makes of the pattern are among the arguments.
  static Result<bool> HasBounds(const std::optional<KeyPattern>& pattern,
                                sqlite_vtab::Values arguments) {
    if (!pattern) return false;
    bool has_lower = false, has_upper = false;
    for (sqlite3_value* const argument : arguments) {
      SV_ASSIGN_OR_RETURN(const ValueView bound, ViewOf(argument));
      has_lower |= pattern->Implies(bound, /*upper=*/false);
      has_upper |= pattern->Implies(bound, /*upper=*/true);
    }
    return has_lower && has_upper;
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

  OuterJoin& outer_join_;
  std::vector<std::vector<Value>> equal_;  // for each column of the run, the values it may have
  std::optional<KeyPattern> pattern_;
  std::vector<KeyStretch> stretches_{1};  // of the column after the run
};

bool AreEqualities(const PlanTerms& terms) {
  return std::all_of(terms.terms.begin(), terms.terms.end(), [](char term) {
    return Term{term} == Term::kEqual || Term{term} == Term::kIs;
  });
}

// What a RangeMaker would make of equalities alone, as joins ask for with each row.
Result<std::vector<ViewRange>> MakeLookUp(const ViewPlan& plan, sqlite_vtab::Values arguments) {
  std::vector<ViewRange> ranges(1);
  ViewRange& range = ranges.front();
  range.equal.reserve(plan.terms.size());
  for (size_t i = 0; i < plan.terms.size(); i++) {
    SV_ASSIGN_OR_RETURN(const ValueView value, ViewOf(arguments[i]));
    if (value.is_null() && plan.terms[i] != Term::kIs) return std::vector<ViewRange>();
    range.equal.emplace_back(value);
  }
  range.reverse = plan.terms.reverse;
  range.with_documents = plan.with_documents;
  return ranges;
}

}  // namespace

Result<std::vector<ViewRange>> ViewPlan::MakeRanges(sqlite_vtab::Values arguments,
                                                    OuterJoin& outer_join) const {
  if (AreEqualities(terms)) return MakeLookUp(*this, arguments);
  RangeMaker maker(outer_join);
  for (size_t i = 0; i < terms.size(); i++) {
    SV_ASSIGN_OR_RETURN(const bool possible,
                        maker.Add(terms[i], arguments[i], arguments.subspan(i + 1)));
    if (!possible) return std::vector<ViewRange>();
  }
  std::vector<ViewRange> ranges = maker.Make();
  for (ViewRange& range : ranges) {
    range.reverse = terms.reverse;
    range.with_documents = with_documents;
  }
  if (terms.reverse) std::reverse(ranges.begin(), ranges.end());
  return ranges;
}

}  // namespace streamview
