#include "ext/key_pattern.h"

#include <algorithm>
#include <utility>

#include "ext/host_sql.h"

namespace streamview {

namespace {

// Each letter doubles the stretches that LIKE needs; what is behind the last of these is left to
// SQLite.
constexpr int kMaxLetters = 3;

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
char ToUpper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }
char ToLower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// The ways to write what a LIKE pattern begins with, in ascending order.
std::vector<std::string> SpellingsOf(const std::string& prefix) {
  std::vector<std::string> spellings = {""};
  int letters = 0;
  for (const char c : prefix) {
    if (IsLetter(c) && ++letters > kMaxLetters) break;
    std::vector<std::string> longer;
    for (const std::string& spelling : spellings) {
      if (IsLetter(c)) longer.push_back(spelling + ToUpper(c));
      longer.push_back(spelling + ToLower(c));
    }
    spellings = std::move(longer);
  }
  return spellings;
}

// The least string that is greater than all that begin with `prefix`; empty: there is none.
std::string After(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xff') prefix.pop_back();
  if (!prefix.empty()) ++prefix.back();
  return prefix;
}

KeyBound From(Value value) { return {std::move(value), /*inclusive=*/true}; }
KeyBound Below(Value value) { return {std::move(value), /*inclusive=*/false}; }
KeyBound Above(Value value) { return {std::move(value), /*inclusive=*/false}; }

KeyStretch TextsWith(const std::string& prefix) {
  const std::string end = After(prefix);
  return {From(Value::Text(prefix)), Below(end.empty() ? Value::Blob("") : Value::Text(end))};
}

KeyStretch BlobsWith(const std::string& prefix) {
  KeyStretch stretch{From(Value::Blob(prefix)), std::nullopt};
  if (const std::string end = After(prefix); !end.empty()) stretch.upper = Below(Value::Blob(end));
  return stretch;
}

// 12, -1.5, 1e+20, Inf, -Inf
bool CanBeginNumber(char c) { return (c >= '0' && c <= '9') || c == '-' || c == 'I' || c == 'i'; }

}  // namespace

Result<std::optional<KeyPattern>> KeyPattern::Make(PatternKind kind, sqlite3_value* pattern) {
  if (sqlite3_value_type(pattern) == SQLITE_NULL) return std::optional<KeyPattern>();
  const unsigned char* text = sqlite3_value_text(pattern);
  if (text == nullptr && sqlite3_value_bytes(pattern) > 0) {
    return Status::NoMemory();
  }
  // As SQLite reads it: up to the first NUL.
  std::string prefix(text == nullptr ? "" : reinterpret_cast<const char*>(text));
  prefix.resize(
      std::min(prefix.size(), prefix.find_first_of(kind == PatternKind::kGlob ? "*?[" : "%_")));
  return std::optional<KeyPattern>(KeyPattern{kind, std::move(prefix)});
}

std::vector<KeyStretch> KeyPattern::Stretches() const {
  if (prefix.empty()) return {{Above(Value()), std::nullopt}};  // all but NULL
  const std::vector<std::string> spellings =
      kind == PatternKind::kLike ? SpellingsOf(prefix) : std::vector<std::string>{prefix};
  std::vector<KeyStretch> stretches;
  if (CanBeginNumber(prefix.front())) {
    stretches.push_back({Above(Value()), Below(Value::Text(""))});
  }
  for (const std::string& spelling : spellings) stretches.push_back(TextsWith(spelling));
  if (sqlite3_compileoption_used("LIKE_DOESNT_MATCH_BLOBS") == 0) {
    for (const std::string& spelling : spellings) stretches.push_back(BlobsWith(spelling));
  }
  return stretches;
}

bool KeyPattern::Implies(const ValueView& bound, bool upper) const {
  if (bound.type() != ValueType::kText || prefix.empty()) return false;
  std::string expected = prefix;
  if (kind == PatternKind::kLike) {
    std::transform(expected.begin(), expected.end(), expected.begin(), upper ? ToLower : ToUpper);
  }
  return bound.bytes() == (upper ? After(std::move(expected)) : expected);
}

Result<bool> IsBuiltinPattern(sqlite3* db, PatternKind kind) {
  const std::string name = kind == PatternKind::kGlob ? "glob" : "like";
  const Result<int64_t> replaced =
      QueryInteger(db,
                   "SELECT count(*) FROM pragma_function_list WHERE name = '" + name +
                       "' AND narg = 2 AND NOT builtin",
                   /*fallback=*/1);
  // A SQLite built without that pragma cannot tell.
  if (replaced.status().code() == StatusCode::kInvalidArgument) return false;
  SV_RETURN_IF_ERROR(replaced.status());
  return *replaced == 0;
}

}  // namespace streamview
