#include "ext/arguments.h"

#include <algorithm>
#include <chrono>

#include "ext/values.h"

namespace streamview {

Result<std::optional<int64_t>> ReadInteger(const char* what, sqlite3_value* argument) {
  if (sqlite3_value_type(argument) == SQLITE_NULL) return std::optional<int64_t>();
  const std::optional<int64_t> integer = IntegerOf(argument);
  if (!integer || *integer < 0) {
    SV_ASSIGN_OR_RETURN(const ValueView value, ViewOf(argument));
    return Status::InvalidArgument(std::string(what) + " must be an integer from 0 up, not " +
                                   ToDisplay(value));
  }
  return integer;
}

Result<std::optional<std::string>> ReadName(const char* what, sqlite3_value* argument) {
  SV_ASSIGN_OR_RETURN(const ValueView value, ViewOf(argument));
  if (value.is_null()) return std::optional<std::string>();
  if (value.type() != ValueType::kText) {
    return Status::InvalidArgument(std::string(what) + " must be the name of a table, not " +
                                   ToDisplay(value));
  }
  return std::optional<std::string>(std::string(value.bytes()));
}

ArgumentUse UseArgument(sqlite_vtab::IndexInfo& info, int column) {
  std::optional<sqlite_vtab::Constraint> argument;
  bool is_given = false;
  for (const sqlite_vtab::Constraint& constraint : info.constraints()) {
    if (constraint.op() != SQLITE_INDEX_CONSTRAINT_EQ || constraint.column() != column) continue;
    is_given = true;
    if (constraint.usable()) argument = constraint;
  }
  if (!is_given) return ArgumentUse::kAbsent;
  if (!argument) return ArgumentUse::kUnusable;
  info.Use(*argument, sqlite_vtab::Omit::kYes);
  return ArgumentUse::kUsed;
}

WaitOptions::Clock::time_point DeadlineAfter(int64_t timeout_ms) {
  // A century is as good as any longer time, and does not overflow the clock.
  constexpr int64_t kCentury = int64_t{100} * 365 * 24 * 3600 * 1000;
  return WaitOptions::Clock::now() + std::chrono::milliseconds(std::min(timeout_ms, kCentury));
}

}  // namespace streamview
