#include "ext/arguments.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <string_view>
#include <system_error>
#include <utility>

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

namespace {

// Nothing: it is no number of bytes, or one that is too large.
std::optional<uint64_t> ParseBytes(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  std::string unit(end, text.data() + text.size());
  unit.erase(0, unit.find_first_not_of(' '));
  constexpr std::pair<const char*, int> kUnits[] = {{"", 0}, {"KB", 10}, {"MB", 20}, {"GB", 30}};
  for (const auto& [name, shift] : kUnits) {
    if (sqlite3_stricmp(unit.c_str(), name) != 0) continue;
    if (number > static_cast<uint64_t>(INT64_MAX) >> shift) return std::nullopt;
    return number << shift;
  }
  return std::nullopt;
}

}  // namespace

Result<std::optional<uint64_t>> ReadBytes(const char* what, sqlite3_value* argument) {
  SV_ASSIGN_OR_RETURN(const ValueView value, ViewOf(argument));
  if (value.is_null()) return std::optional<uint64_t>();
  std::optional<uint64_t> bytes;
  if (value.type() == ValueType::kText) {
    bytes = ParseBytes(value.bytes());
  } else if (const std::optional<int64_t> integer = IntegerOf(argument); integer && *integer >= 0) {
    bytes = static_cast<uint64_t>(*integer);
  }
  if (bytes) return bytes;
  return Status::InvalidArgument(std::string(what) +
                                 " must be a number of bytes, such as 67108864 or '64 MB', not " +
                                 ToDisplay(value));
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
