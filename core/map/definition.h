// ViewDefinition: what a view is, as its CREATE statement says it.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"
#include "core/base/value.h"

namespace streamview {

enum class MapKind : uint8_t { kSql = 0, kJsonPath = 1, kCustom = 2 };
// How many columns a view by JSON path has: key and value.
constexpr size_t kJsonPathColumns = 2;

enum class OnError : uint8_t { kSkip = 0, kStop = 1 };

// What a view keeps for each key: its rows, or what they add up to.
enum class Reduce : uint8_t { kNone = 0, kCount = 1, kSum = 2, kStats = 3 };
std::string_view ReduceName(Reduce reduce);  // as the option has it; empty for kNone

struct ViewDefinition {
  std::string name;      // the table's name; not part of the fingerprint
  std::string log_name;  // what a SQL map calls the log's row

  MapKind kind = MapKind::kJsonPath;
  std::string map;         // kSql: the SELECT, without its parentheses; kCustom: the mapper's name
  std::string emit_path;   // kJsonPath
  std::string value_path;  // kJsonPath; empty: the value is NULL

  std::vector<std::string> columns;  // what a map gives, in order; the key columns come first
  uint32_t key_columns = 1;          // 1 <= key_columns <= columns.size(), and <= kMaxKeyColumns
  int64_t version = 0;               // the user's own number
  OnError on_error = OnError::kSkip;
  Reduce reduce = Reduce::kNone;  // but for kNone and kCount, of the column after the key columns

  // The columns of the view's rows: those of the map; with reduce the key columns, and then
  // `count`, or `sum`, or `count`, `sum`, `min`, `max`, `sumsqr`.
  std::vector<std::string> RowColumns() const;

  // Whether the columns fit the kind of map, the number of key columns and the reduction. Errors:
  // kInvalidArgument.
  Status Validate() const;

  // Two definitions with the same fingerprint make the same index from the same log: it covers all
  // fields but the name, and the format of the index. Hexadecimal, stable across releases.
  std::string Fingerprint() const;

  // The statement's options again, for people: "log=events, map=(SELECT ...), keys=2".
  std::string ToDisplay() const;

  std::string Encode() const;
  // Errors: kCorruption.
  static Result<ViewDefinition> Decode(std::string_view bytes);
};

}  // namespace streamview
