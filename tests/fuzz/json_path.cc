// JSON paths and the mapper: any text is parsed or refused, and any document is mapped or refused;
// where SQLite's ->> is asked the same, it says the same.
//
// The input is emit path, value path and document, each with a line feed behind it but the last.

#include "core/map/json_path.h"

#include <sqlite3.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "core/map/json_path_mapper.h"
#include "tests/fuzz/fuzz_target.h"

namespace streamview::fuzz {
namespace {

class KeptRows final : public Emitter {
 public:
  Status Emit(std::span<const ValueView> row) override {
    FUZZ_CHECK(row.size() == 2);
    keys.emplace_back(row[0]);
    values.emplace_back(row[1]);
    return Status::Ok();
  }
  std::vector<Value> keys, values;
};

Value ColumnOf(sqlite3_stmt* statement, int i) {
  const int size = sqlite3_column_bytes(statement, i);
  switch (sqlite3_column_type(statement, i)) {
    case SQLITE_INTEGER:
      return Value::Integer(sqlite3_column_int64(statement, i));
    case SQLITE_FLOAT:
      return Value::Real(sqlite3_column_double(statement, i));
    case SQLITE_TEXT:
      return Value::Text({reinterpret_cast<const char*>(sqlite3_column_text(statement, i)),
                          static_cast<size_t>(size)});
    default:
      return Value();
  }
}

struct Answer {
  bool is_json = false;
  bool found = false;
  Value value;
};

Answer AskSqlite(std::string_view json, std::string_view path) {
  static sqlite3_stmt* const statement = [] {
    sqlite3* db = nullptr;
    sqlite3_stmt* prepared = nullptr;
    FUZZ_CHECK(sqlite3_open(":memory:", &db) == SQLITE_OK);
    const char* const sql =
        "SELECT json_valid(?1), json_type(?1, ?2) IS NOT NULL, ?1 ->> ?2 WHERE json_valid(?1)";
    FUZZ_CHECK(sqlite3_prepare_v2(db, sql, -1, &prepared, nullptr) == SQLITE_OK);
    return prepared;
  }();
  sqlite3_bind_text64(statement, 1, json.data(), json.size(), SQLITE_STATIC, SQLITE_UTF8);
  sqlite3_bind_text64(statement, 2, path.data(), path.size(), SQLITE_STATIC, SQLITE_UTF8);
  Answer answer;
  const int code = sqlite3_step(statement);
  FUZZ_CHECK(code == SQLITE_ROW || code == SQLITE_DONE);  // no path of ours is an error to SQLite
  if (code == SQLITE_ROW) {
    answer.is_json = true;
    answer.found = sqlite3_column_int(statement, 1) != 0;
    answer.value = ColumnOf(statement, 2);
  }
  sqlite3_reset(statement);
  return answer;
}

// Where the two differ on purpose (docs/reference.md) or SQLite is in the wrong: it compares names
// as they are escaped, ends texts at a zero byte, takes control characters, and takes an index
// modulo 2^32.
bool IsComparable(const JsonPath& path, std::string_view text, std::string_view json) {
  const auto is_plain = [](std::string_view s) {
    return std::all_of(s.begin(), s.end(),
                       [](char c) { return c >= ' ' && c <= '~' && c != '\\'; });
  };
  const bool small = std::all_of(path.steps().begin(), path.steps().end(),
                                 [](const JsonPath::Step& s) { return s.index < 1'000'000; });
  return is_plain(text) && is_plain(json) && small && !path.has_wildcard();
}

bool Same(const ValueView& a, const ValueView& b) {
  if (a.type() == ValueType::kReal && b.type() == ValueType::kReal) {
    // SQLite 3.40 reads numbers with the precision that its printer needs: not to the last bit.
    return a.real() == b.real() || std::fabs(a.real() - b.real()) <= std::fabs(a.real()) * 1e-14;
  }
  return Identical(a, b);
}

}  // namespace
}  // namespace streamview::fuzz

FUZZ_TARGET(json_path) {
  using namespace streamview;
  ViewDefinition definition;
  definition.kind = MapKind::kJsonPath;
  definition.columns = {"key", "value"};
  definition.emit_path = input.TakeUntil('\n');
  definition.value_path = input.TakeUntil('\n');
  const std::string json(input.TakeRest());

  const Result<JsonPath> path = JsonPath::Parse(definition.emit_path);
  const Result<std::unique_ptr<Mapper>> mapper = NewJsonPathMapper(definition);
  FUZZ_CHECK(path.ok() || !mapper.ok());
  if (!mapper.ok()) return;
  Entry entry;
  entry.seq = 1;
  entry.value = ValueView::Text(json);
  fuzz::KeptRows rows, again;
  const Status mapped = (*mapper)->Map(entry, rows);
  FUZZ_CHECK((*mapper)->Map(entry, again).code() == mapped.code());
  FUZZ_CHECK(rows.keys.size() == again.keys.size());
  if (!mapped.ok() || !fuzz::IsComparable(*path, definition.emit_path, json)) return;
  const fuzz::Answer answer = fuzz::AskSqlite(json, definition.emit_path);
  FUZZ_CHECK(answer.is_json && answer.found == (rows.keys.size() == 1));
  if (answer.found) FUZZ_CHECK(fuzz::Same(rows.keys[0], answer.value));
}
