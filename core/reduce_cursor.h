// ReduceCursor: the rows of a view that reduces, from the aggregates of its index, wherever these
// are: in the index alone (core/index/), or with a session's own changes (core/session/).

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/check.h"
#include "core/codec/aggregate.h"
#include "core/codec/key_codec.h"
#include "core/engine.h"
#include "core/map/reduce_builder.h"

namespace streamview {

// The number that a sum is: an INTEGER where all that was added is, and it fits.
inline ValueView NumberOf(const ExactSum& sum, bool has_reals) {
  const std::optional<int64_t> integer = has_reals ? std::nullopt : sum.ToInteger();
  return integer ? ValueView::Integer(*integer) : ValueView::Real(sum.ToReal());
}

// `Aggregates(snapshot, keys, reverse)` walks the index entries of a range that count rows:
// Valid(), Next(), status(), and of the present one key() and aggregate(). Aggregates::Snapshot
// notes what is found damaged (NoteDamage).
template <typename Aggregates>
class ReduceCursor final : public ViewCursor {
 public:
  using Snapshot = typename Aggregates::Snapshot;

  // REQUIRES: !keys.empty()
  ReduceCursor(const ViewDefinition& definition, std::shared_ptr<const Snapshot> snapshot,
               const KeyRange& keys, bool reverse)
      : snapshot_(std::move(snapshot)),
        reduce_(definition.reduce),
        key_columns_(definition.key_columns),
        rows_(*snapshot_, keys, reverse),
        columns_(key_columns_),
        scratch_(key_columns_) {
    DecodeKey();
  }

  bool Valid() const override { return rows_.Valid() && status_.ok(); }
  Status status() const override { return status_.ok() ? rows_.status() : status_; }
  void Next() override {
    SV_REQUIRE(Valid());
    rows_.Next();
    DecodeKey();
  }
  ValueView column(size_t i) override {
    return i < key_columns_ ? columns_[i] : Reduced(i - key_columns_);
  }
  ValueView doc_id() override { return ValueView::Null(); }
  Seq seq() override { return 0; }
  Result<Value> ReadDocument() override { return Value(); }
  int64_t row_id() override {
    return static_cast<int64_t>(std::hash<std::string_view>()(rows_.key()));
  }

 private:
  // In the order of ViewDefinition::RowColumns.
  enum StatsColumn { kCountColumn, kSumColumn, kMinColumn, kMaxColumn, kSumSqrColumn };

  void DecodeKey() {
    if (!Valid()) return;
    std::string_view key = rows_.key();
    for (size_t i = 0; i < key_columns_; i++) {
      if (!ReadKeyColumn(&key, IsReal(rows_.aggregate(), i), &scratch_[i], &columns_[i])) {
        return Fail("a key of the index does not decode");
      }
    }
    if (!key.empty()) Fail("a key of the index has trailing bytes");
  }

  // Whether the number in a column is a REAL in all rows. Where it is an INTEGER in some, these are
  // equal, and it is one.
  static bool IsReal(const Aggregate& aggregate, size_t column) {
    return aggregate.RealsIn(static_cast<uint32_t>(column)) == aggregate.count;
  }

  ValueView Reduced(size_t i) {
    const Aggregate& aggregate = rows_.aggregate();
    const size_t column = reduce_ == Reduce::kSum ? size_t{kSumColumn} : i;
    switch (column) {
      case kCountColumn:
        return ValueView::Integer(aggregate.count);
      case kMinColumn:
        return FindExtreme(/*greatest=*/false);
      case kMaxColumn:
        return FindExtreme(/*greatest=*/true);
      default:
        break;
    }
    const size_t power = column == kSumColumn ? 0 : 1;
    if (power >= aggregate.sums.size()) {
      Fail("an index entry lacks a sum");
      return ValueView::Null();
    }
    return NumberOf(aggregate.sums[power],
                    aggregate.RealsIn(static_cast<uint32_t>(key_columns_)) != 0);
  }

  ValueView FindExtreme(bool greatest) {
    KeyRange keys;
    keys.lower = ValuesKey(rows_.key());
    keys.upper = AfterKeyColumns(keys.lower);
    const Aggregates values(*snapshot_, keys, /*reverse=*/greatest);
    ValueView value;
    if (!values.Valid()) {
      status_ = values.status();
      if (status_.ok()) Fail("the index lacks the values of a row");
      return value;
    }
    std::string_view column = values.key().substr(keys.lower.size());
    std::string scratch;  // of no use for a number
    if (!ReadKeyColumn(&column, IsReal(values.aggregate(), key_columns_), &scratch, &value) ||
        !column.empty() || !value.is_number()) {
      Fail("a value of the index does not decode");
      return ValueView::Null();
    }
    return value;
  }

  void Fail(const char* why) { status_ = snapshot_->NoteDamage(why); }

  const std::shared_ptr<const Snapshot> snapshot_;
  const Reduce reduce_;
  const size_t key_columns_;
  Aggregates rows_;
  std::vector<ValueView> columns_;    // of the key
  std::vector<std::string> scratch_;  // for their bytes
  Status status_;
};

}  // namespace streamview
