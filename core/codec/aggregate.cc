#include "core/codec/aggregate.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "core/codec/varint.h"

namespace streamview {

namespace {

// Counts of a damaged index may be anything: adding them up must not be undefined.
int64_t AddCounts(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}

}  // namespace

void Aggregate::AddReals(uint32_t column, int64_t n) {
  const auto at = std::lower_bound(reals.begin(), reals.end(), column,
                                   [](const RealCount& r, uint32_t c) { return r.column < c; });
  if (at == reals.end() || at->column != column) {
    reals.insert(at, {column, n});
  } else if ((at->count = AddCounts(at->count, n)) == 0) {
    reals.erase(at);
  }
}

void Aggregate::AddRow(uint64_t real_columns, const ValueView& value, size_t kept, bool subtract) {
  const int64_t n = subtract ? -1 : 1;
  count = AddCounts(count, n);
  for (uint64_t rest = real_columns; rest != 0; rest &= rest - 1) {
    AddReals(static_cast<uint32_t>(std::countr_zero(rest)), n);
  }
  if (sums.size() < kept) sums.resize(kept);
  for (size_t i = 0; i < kept; i++) sums[i].AddPower(value, static_cast<int>(i + 1), subtract);
}

void Aggregate::Add(const Aggregate& other) {
  count = AddCounts(count, other.count);
  for (const RealCount& r : other.reals) AddReals(r.column, r.count);
  if (sums.size() < other.sums.size()) sums.resize(other.sums.size());
  for (size_t i = 0; i < other.sums.size(); i++) sums[i].Add(other.sums[i]);
}

int64_t Aggregate::RealsIn(uint32_t column) const {
  for (const RealCount& r : reals) {
    if (r.column == column) return r.count;
  }
  return 0;
}

bool Aggregate::is_zero() const {
  return count == 0 && reals.empty() &&
         std::all_of(sums.begin(), sums.end(), [](const ExactSum& sum) { return sum.is_zero(); });
}

void Aggregate::AppendTo(std::string* dst) const {
  AppendSignedVarint(dst, count);
  AppendVarint(dst, reals.size());
  for (const RealCount& r : reals) {
    AppendVarint(dst, r.column);
    AppendSignedVarint(dst, r.count);
  }
  for (const ExactSum& sum : sums) sum.AppendTo(dst);
}

Status Aggregate::Decode(std::string_view bytes) {
  const auto corrupt = [](const char* what) {
    return Status::Corruption(std::string("aggregate: ") + what);
  };
  *this = Aggregate();
  uint64_t columns;
  if (!ReadSignedVarint(&bytes, &count)) return corrupt("bad count");
  if (!ReadVarint(&bytes, &columns)) return corrupt("bad counts of REAL columns");
  for (uint64_t i = 0; i < columns; i++) {
    uint64_t column;
    RealCount r;
    if (!ReadVarint(&bytes, &column) || column > std::numeric_limits<uint32_t>::max() ||
        !ReadSignedVarint(&bytes, &r.count) || r.count == 0 ||
        (i > 0 && column <= reals.back().column)) {
      return corrupt("bad counts of REAL columns");
    }
    r.column = static_cast<uint32_t>(column);
    reals.push_back(r);
  }
  while (!bytes.empty()) {
    if (!sums.emplace_back().ReadFrom(&bytes)) return corrupt("bad sum");
  }
  return Status::Ok();
}

bool ReadAggregateCount(std::string_view bytes, int64_t* count) {
  return ReadSignedVarint(&bytes, count);
}

}  // namespace streamview
