// The key encoding: any bytes are decoded or refused; values come back; the order of the bytes is
// SQLite's, which is asked.

#include "core/codec/key_codec.h"

#include <sqlite3.h>

#include <optional>

#include "core/codec/key_range.h"
#include "core/codec/varint.h"
#include "tests/fuzz/fuzz_target.h"

namespace streamview::fuzz {
namespace {

std::string Encode(const ValueView& value) {
  std::string bytes;
  AppendKeyColumn(&bytes, value);
  return bytes;
}

int Sign(int v) { return (v > 0) - (v < 0); }

void BindValue(sqlite3_stmt* statement, int parameter, const ValueView& value) {
  const std::string_view bytes = value.bytes();
  switch (value.type()) {
    case ValueType::kNull:
      sqlite3_bind_null(statement, parameter);
      break;
    case ValueType::kInteger:
      sqlite3_bind_int64(statement, parameter, value.integer());
      break;
    case ValueType::kReal:
      sqlite3_bind_double(statement, parameter, value.real());
      break;
    case ValueType::kText:
      sqlite3_bind_text64(statement, parameter, bytes.empty() ? "" : bytes.data(), bytes.size(),
                          SQLITE_STATIC, SQLITE_UTF8);
      break;
    case ValueType::kBlob:
      sqlite3_bind_blob64(statement, parameter, bytes.empty() ? "" : bytes.data(), bytes.size(),
                          SQLITE_STATIC);
      break;
  }
}

// Negative, 0 or positive, as SQLite orders the two.
int CompareBySqlite(const ValueView& a, const ValueView& b) {
  static sqlite3_stmt* const statement = [] {
    sqlite3* db = nullptr;
    sqlite3_stmt* prepared = nullptr;
    FUZZ_CHECK(sqlite3_open(":memory:", &db) == SQLITE_OK);
    const char* const sql =
        "SELECT ?1 IS ?2, side FROM (SELECT 1 AS side, ?1 AS v UNION ALL SELECT 2, ?2) "
        "ORDER BY v LIMIT 1";
    FUZZ_CHECK(sqlite3_prepare_v2(db, sql, -1, &prepared, nullptr) == SQLITE_OK);
    return prepared;
  }();
  BindValue(statement, 1, a);
  BindValue(statement, 2, b);
  FUZZ_CHECK(sqlite3_step(statement) == SQLITE_ROW);
  const bool equal = sqlite3_column_int(statement, 0) != 0;
  const int first = sqlite3_column_int(statement, 1);
  sqlite3_reset(statement);
  return equal ? 0 : first == 1 ? -1 : 1;
}

void CheckArbitrary(std::string_view bytes) {
  for (const bool is_real : {false, true}) {
    std::string_view rest = bytes, skipped = bytes;
    std::string scratch;
    ValueView value;
    if (!ReadKeyColumn(&rest, is_real, &scratch, &value)) continue;
    FUZZ_CHECK(SkipKeyColumn(&skipped) && skipped == rest);
    FUZZ_CHECK(Encode(value) == bytes.substr(0, bytes.size() - rest.size()));
  }
  std::string_view varint = bytes;
  uint64_t number;
  if (ReadVarint(&varint, &number)) {
    std::string again;
    AppendVarint(&again, number);
    FUZZ_CHECK(again == bytes.substr(0, again.size()));
  }
}

void CheckValue(const ValueView& value) {
  const std::string encoded = Encode(value);
  std::string_view rest = encoded;
  std::string scratch;
  ValueView read;
  FUZZ_CHECK(ReadKeyColumn(&rest, value.type() == ValueType::kReal, &scratch, &read));
  FUZZ_CHECK(rest.empty() && Identical(read, value));
}

void CheckPair(const ValueView& a, const ValueView& b) {
  const int order = CompareBySqlite(a, b);
  FUZZ_CHECK(Sign(Compare(a, b)) == order);
  const std::string first = Encode(a), second = Encode(b);
  FUZZ_CHECK(Sign(first.compare(second)) == order);
  // As tuples: what follows a column does not change its place.
  FUZZ_CHECK(order == 0 || Sign((first + second).compare(second + first)) == order);
  FUZZ_CHECK(first + second < AfterKeyColumns(first));
  FUZZ_CHECK(order <= 0 || AfterKeyColumns(second) < first);
}

void CheckRange(const ValueView& value, Input& input) {
  std::optional<KeyBound> lower, upper;
  const uint8_t mode = input.TakeByte();
  if (mode & 1) lower = KeyBound{Value(input.TakeValue()), (mode & 2) != 0};
  if (mode & 4) upper = KeyBound{Value(input.TakeValue()), (mode & 8) != 0};
  const Value leading(input.TakeValue());
  const std::span<const Value> equal(&leading, mode & 16 ? 1 : 0);
  const KeyRange range = EncodeKeyRange(equal, lower, upper, std::string_view(&kTagNull, 1));
  std::string key;
  if (!equal.empty()) AppendKeyColumn(&key, leading);
  AppendKeyColumn(&key, value);
  key += '\x01';  // more follows
  const auto within = [&](const std::optional<KeyBound>& bound, int direction) {
    if (!bound) return true;
    const int order = direction * CompareBySqlite(value, bound->value);
    return order > 0 || (order == 0 && bound->inclusive);
  };
  const bool expected = within(lower, 1) && within(upper, -1);
  const bool found =
      !range.empty() && key >= range.lower && (range.upper.empty() || key < range.upper);
  FUZZ_CHECK(found == expected);
}

}  // namespace
}  // namespace streamview::fuzz

FUZZ_TARGET(key_codec) {
  using namespace streamview::fuzz;
  if (input.TakeBool()) return CheckArbitrary(input.TakeRest());
  const streamview::ValueView a = input.TakeValue(), b = input.TakeValue();
  CheckValue(a);
  CheckPair(a, b);
  CheckPair(b, a);
  CheckRange(a, input);
}
