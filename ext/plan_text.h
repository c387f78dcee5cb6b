// How a plan of ours is written: what xBestIndex tells xFilter, and EXPLAIN QUERY PLAN shows after
// "VIRTUAL TABLE INDEX 0:", or 1 where the documents are read along with the rows.
//
//   plan   = "scan" | term *( " AND " term ), then " DESC" where the index is read backwards
//   term   = column op                           one for each argument of xFilter, in order
//   op     = "=?" | ">?" | ">=?" | "<?" | "<=?"
//          | " IS ?" | " GLOB ?" | " LIKE ?"
//          | " IN (?)"                           all values of a list at once
//   column = its name; in quotes where it is not a plain word

#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace streamview {

// What a term asks of its column.
enum class Term : char {
  kEqual,
  kIs,  // IS, IS NULL: NULL equals NULL
  kIn,
  kGlob,
  kLike,
  kGreater,
  kGreaterOrEqual,
  kLess,
  kLessOrEqual,
};

struct PlanTerms {
  std::string terms;  // a Term for each character
  bool reverse = false;

  size_t size() const { return terms.size(); }
  Term operator[](size_t i) const { return Term{terms[i]}; }
};

// Adds a term to a plan that is being written; the plan begins as an empty text.
void AppendTerm(std::string* plan, std::string_view column, Term term);
// Ends it.
void EndPlan(std::string* plan, bool reverse);

// Nothing where `plan` was not written by these.
std::optional<PlanTerms> ParsePlan(std::string_view plan);

}  // namespace streamview
