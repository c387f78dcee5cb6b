// Maps in SQL: any text is a map or is refused; a map gives the same rows for the same entry,
// whichever mapper runs it.
//
// The input is the map and a document, with a zero byte between them.

#include <memory>
#include <vector>

#include "ext/sql_mapper.h"
#include "tests/fuzz/fuzz_target.h"

namespace streamview::fuzz {
namespace {

class KeptRows final : public Emitter {
 public:
  explicit KeptRows(size_t columns) : columns_(columns) {}
  Status Emit(std::span<const ValueView> row) override {
    FUZZ_CHECK(row.size() == columns_);
    if (values.size() > 1000) return Status::Constraint("too many rows");
    for (const ValueView& value : row) values.emplace_back(value);
    return Status::Ok();
  }
  std::vector<Value> values;

 private:
  const size_t columns_;
};

constexpr SqlMapLimits kLimits = {.steps = 20'000, .value_bytes = 50'000};

}  // namespace
}  // namespace streamview::fuzz

FUZZ_TARGET(sql_map) {
  using namespace streamview;
  ViewDefinition definition;
  definition.kind = MapKind::kSql;
  definition.log_name = "events";
  definition.map = input.TakeUntil('\0');
  const std::string document(input.TakeRest());
  Result<std::vector<std::string>> columns = SqlMapColumns(definition.log_name, definition.map);
  if (!columns.ok()) return;
  definition.columns = *std::move(columns);
  const auto one = NewSqlMapper(definition, fuzz::kLimits);
  const auto other = NewSqlMapper(definition, fuzz::kLimits);
  FUZZ_CHECK(one.ok() && other.ok());
  for (Seq seq = 1; seq <= 2; seq++) {
    Entry entry;
    entry.seq = seq;
    entry.time_ms = 1000;
    entry.key = seq == 1 ? ValueView::Text("key") : ValueView::Integer(7);
    entry.value = ValueView::Text(document);
    fuzz::KeptRows rows(definition.columns.size()), again(definition.columns.size());
    const Status mapped = (*one)->Map(entry, rows);
    const Status repeated = (*other)->Map(entry, again);
    FUZZ_CHECK(mapped.code() == repeated.code());
    if (mapped.IsCutShort()) continue;
    FUZZ_CHECK(rows.values.size() == again.values.size());
    for (size_t i = 0; i < rows.values.size(); i++) {
      FUZZ_CHECK(Identical(rows.values[i], again.values[i]));
    }
  }
}
