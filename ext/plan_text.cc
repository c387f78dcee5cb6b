#include "ext/plan_text.h"

#include <algorithm>
#include <utility>

#include "ext/host_sql.h"

namespace streamview {

namespace {

constexpr std::string_view kScan = "scan";
constexpr std::string_view kAnd = " AND ";
constexpr std::string_view kBackwards = " DESC";

// None begins with another one.
constexpr std::pair<std::string_view, Term> kOperators[] = {
    {"=?", Term::kEqual},           {" IS ?", Term::kIs},     {" IN (?)", Term::kIn},
    {" GLOB ?", Term::kGlob},       {" LIKE ?", Term::kLike}, {">?", Term::kGreater},
    {">=?", Term::kGreaterOrEqual}, {"<?", Term::kLess},      {"<=?", Term::kLessOrEqual},
};

bool IsPlain(std::string_view column) {
  const auto is_plain = [](char c) {
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !column.empty() && std::all_of(column.begin(), column.end(), is_plain);
}

// Where the name of a column ends, with which `text` begins.
size_t EndOfColumn(std::string_view text) {
  if (text.empty() || text[0] != '"') return std::min(text.find_first_of("=<> "), text.size());
  size_t end = 1;
  // A quote within the name is doubled.
  while (end < text.size() && (text[end] != '"' || text.substr(end, 2) == "\"\"")) {
    end += text[end] == '"' ? 2 : 1;
  }
  return std::min(end + 1, text.size());
}

bool Take(std::string_view word, std::string_view* text) {
  if (!text->starts_with(word)) return false;
  text->remove_prefix(word.size());
  return true;
}

}  // namespace

void AppendTerm(std::string* plan, std::string_view column, Term term) {
  if (!plan->empty()) *plan += kAnd;
  *plan += IsPlain(column) ? std::string(column) : QuoteIdentifier(std::string(column));
  const auto is_term = [term](const auto& entry) { return entry.second == term; };
  *plan += std::find_if(std::begin(kOperators), std::end(kOperators), is_term)->first;
}

void EndPlan(std::string* plan, bool reverse) {
  if (plan->empty()) *plan = kScan;
  if (reverse) *plan += kBackwards;
}

std::optional<PlanTerms> ParsePlan(std::string_view plan) {
  PlanTerms parsed;
  // A term ends with '?' or ')'.
  parsed.reverse = plan.ends_with(kBackwards);
  if (parsed.reverse) plan.remove_suffix(kBackwards.size());
  if (plan == kScan) return parsed;
  do {
    plan.remove_prefix(EndOfColumn(plan));
    const auto begins = [&](const auto& entry) { return Take(entry.first, &plan); };
    const auto* const found = std::find_if(std::begin(kOperators), std::end(kOperators), begins);
    if (found == std::end(kOperators)) return std::nullopt;
    parsed.terms += static_cast<char>(found->second);
  } while (Take(kAnd, &plan));
  return plan.empty() ? std::optional(std::move(parsed)) : std::nullopt;
}

}  // namespace streamview
