#include "ext/outer_join.h"

#include "ext/host_sql.h"

namespace streamview {

namespace {

// As SQL, for a text; upper(), since PRAGMA case_sensitive_like or an application may change LIKE.
constexpr char kCountTempViews[] =
    "SELECT count(*) FROM sqlite_temp_schema WHERE type = 'view' AND (instr(upper(sql), 'LEFT') "
    "OR instr(upper(sql), 'RIGHT') OR instr(upper(sql), 'FULL'))";

bool Says(const char* text, const char* word) {
  const size_t length = std::char_traits<char>::length(word);
  for (; *text != '\0'; ++text) {
    if (sqlite3_strnicmp(text, word, static_cast<int>(length)) == 0) return true;
  }
  return false;
}

bool MayJoinOuter(const char* sql) {
  return sql == nullptr || Says(sql, "left") || Says(sql, "right") || Says(sql, "full");
}

}  // namespace

Result<bool> OuterJoin::IsPossible() {
  if (!is_possible_) {
    SV_ASSIGN_OR_RETURN(is_possible_, Find());
  }
  return *is_possible_;
}

Result<bool> OuterJoin::Find() const {
  for (sqlite3_stmt* s = sqlite3_next_stmt(db_, nullptr); s != nullptr;
       s = sqlite3_next_stmt(db_, s)) {
    if (sqlite3_stmt_busy(s) != 0 && MayJoinOuter(sqlite3_sql(s))) return true;
  }
  SV_ASSIGN_OR_RETURN(const int64_t views, QueryInteger(db_, kCountTempViews, /*fallback=*/0));
  return views > 0;
}

}  // namespace streamview
