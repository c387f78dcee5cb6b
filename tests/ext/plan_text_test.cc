// Plans as text, without SQLite around it.

#include "ext/plan_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tuple>
#include <vector>

namespace streamview {
namespace {

constexpr Term kAllTerms[] = {Term::kEqual,          Term::kIs,   Term::kIn,
                              Term::kGlob,           Term::kLike, Term::kGreater,
                              Term::kGreaterOrEqual, Term::kLess, Term::kLessOrEqual};

std::string PlanOf(const std::vector<std::pair<std::string, Term>>& terms, bool reverse = false) {
  std::string plan;
  for (const auto& [column, term] : terms) AppendTerm(&plan, column, term);
  EndPlan(&plan, reverse);
  return plan;
}

TEST(PlanTextTest, ReadsLikeAWhereClause) {
  EXPECT_EQ(PlanOf({}), "scan");
  EXPECT_EQ(PlanOf({}, true), "scan DESC");
  EXPECT_EQ(PlanOf({{"key", Term::kEqual}, {"doc_id", Term::kGreater}}), "key=? AND doc_id>?");
  EXPECT_EQ(PlanOf({{"a", Term::kIs}, {"b", Term::kIn}, {"c", Term::kGlob}}, true),
            "a IS ? AND b IN (?) AND c GLOB ? DESC");
  EXPECT_EQ(PlanOf({{"a b", Term::kLike}, {"\"", Term::kLess}}), "\"a b\" LIKE ? AND \"\"\"\"<?");
}

TEST(PlanTextTest, EveryPlanIsReadAsItWasWritten) {
  const std::vector<std::string> columns = {
      "key", "", "scan", "a=?", "x AND y", "\"", "a\"b\"\"c", " DESC", "\xc3\xa4", "9", "IS", "?"};
  int read = 0;
  for (const std::string& first : columns) {
    for (const std::string& second : columns) {
      for (const Term a : kAllTerms) {
        for (const Term b : kAllTerms) {
          const bool reverse = ++read % 2 == 0;
          const std::string plan = PlanOf({{first, a}, {second, b}}, reverse);
          const std::optional<PlanTerms> terms = ParsePlan(plan);
          ASSERT_TRUE(terms) << plan;
          ASSERT_EQ(terms->size(), 2U) << plan;
          EXPECT_EQ(std::tuple((*terms)[0], (*terms)[1], terms->reverse), std::tuple(a, b, reverse))
              << plan;
        }
      }
    }
  }
  EXPECT_EQ(read, 12 * 12 * 9 * 9);
  for (const bool reverse : {false, true}) {
    const std::optional<PlanTerms> scan = ParsePlan(PlanOf({}, reverse));
    ASSERT_TRUE(scan);
    EXPECT_EQ(scan->size(), 0U);
    EXPECT_EQ(scan->reverse, reverse);
  }
}

TEST(PlanTextTest, WhatIsNoPlanIsRefused) {
  const std::string plan = "\"a b\" LIKE ? AND c>=? DESC";
  for (size_t size = 0; size < plan.size(); ++size) {
    const std::string part = plan.substr(0, size);
    const bool is_plan = part.ends_with("?");
    EXPECT_EQ(ParsePlan(part).has_value(), is_plan) << part;
  }
  for (const char* wrong :
       {"", " DESC", "key", "key=", "=? AND ", "key=?x", "\"key=?", "scan AND"}) {
    EXPECT_FALSE(ParsePlan(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace streamview
