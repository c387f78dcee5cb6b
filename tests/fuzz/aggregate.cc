// Aggregates: any bytes are decoded or refused, and what is decoded has no other encoding; rows add
// up to the same in any order and grouping, and taken out again leave nothing.

#include "core/codec/aggregate.h"

#include <cmath>
#include <vector>

#include "tests/fuzz/fuzz_target.h"

namespace streamview::fuzz {
namespace {

struct Row {
  uint64_t reals = 0;
  ValueView value;
  bool subtract = false;
};

std::string BytesOf(const Aggregate& aggregate) {
  std::string bytes;
  aggregate.AppendTo(&bytes);
  return bytes;
}

Aggregate Decoded(std::string_view bytes) {
  Aggregate aggregate;
  FUZZ_CHECK(aggregate.Decode(bytes).ok());
  int64_t count;
  FUZZ_CHECK(ReadAggregateCount(bytes, &count) && count == aggregate.count);
  return aggregate;
}

void CheckArbitrary(Input& input) {
  Aggregate left, right;
  const std::string_view first = input.TakeString(), second = input.TakeRest();
  if (!left.Decode(first).ok() || !right.Decode(second).ok()) return;
  FUZZ_CHECK(BytesOf(left) == first && BytesOf(right) == second);
  Aggregate sum = left;
  sum.Add(right);
  right.Add(left);
  FUZZ_CHECK(BytesOf(sum) == BytesOf(right));
  for (const ExactSum& part : sum.sums) {
    FUZZ_CHECK(!std::isnan(part.ToReal()));
    if (const auto integer = part.ToInteger()) {
      FUZZ_CHECK(static_cast<double>(*integer) == part.ToReal());
    }
  }
}

void CheckRows(Input& input) {
  const size_t sums = input.TakeBelow(3);
  std::vector<Row> rows(input.TakeBelow(20));
  for (Row& row : rows) {
    row.reals = input.TakeInteger() >> 1;
    row.value = input.TakeValue();
    const bool fits = row.value.type() == ValueType::kInteger ||
                      (row.value.type() == ValueType::kReal && std::isfinite(row.value.real()));
    if (!fits) row.value = ValueView::Integer(input.TakeByte());
    row.subtract = input.TakeBool();
  }
  Aggregate forwards, groups[2], none;
  for (size_t i = 0; i < rows.size(); i++) {
    const Row& row = rows[rows.size() - 1 - i];
    groups[i % 2].AddRow(row.reals, row.value, sums, row.subtract);
  }
  for (const Row& row : rows) forwards.AddRow(row.reals, row.value, sums, row.subtract);
  groups[0].Add(Decoded(BytesOf(groups[1])));
  FUZZ_CHECK(BytesOf(groups[0]) == BytesOf(forwards));
  none = forwards;
  for (const Row& row : rows) none.AddRow(row.reals, row.value, sums, !row.subtract);
  FUZZ_CHECK(none.is_zero());
}

}  // namespace
}  // namespace streamview::fuzz

FUZZ_TARGET(aggregate) {
  if (input.TakeBool()) return streamview::fuzz::CheckArbitrary(input);
  streamview::fuzz::CheckRows(input);
}
