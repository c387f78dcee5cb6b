// SqlValue: one value with its SQLite storage class, as the tests write and compare them.

#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace streamview::testing {

struct Blob {
  std::string bytes;
  friend auto operator<=>(const Blob&, const Blob&) = default;
};

// NULL, INTEGER, REAL, TEXT, BLOB. `SqlValue("cat")` is TEXT, `SqlValue(1)` INTEGER, `kNull` NULL.
using SqlValue = std::variant<std::monostate, int64_t, double, std::string, Blob>;
using Row = std::vector<SqlValue>;

inline const SqlValue kNull;

// The order of SQLite under BINARY collation: NULL < numbers by value < TEXT < BLOB. Negative, 0 or
// positive, as memcmp. INTEGER and REAL compare exactly, also beyond 2^53.
int CompareSql(const SqlValue& a, const SqlValue& b);

// As a SQL literal, so that the storage class shows: NULL, 1, 1.0, 'text', x'00ff'.
std::string ToLiteral(const SqlValue& value);

// The literals of a row with '|' between them: "'cat'|1|NULL".
std::string ToLine(const Row& row);

// `text` as a JSON string, with its quotes.
std::string JsonString(const std::string& text);

}  // namespace streamview::testing
