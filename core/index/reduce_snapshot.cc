#include "core/index/reduce_snapshot.h"

#include <functional>
#include <string>
#include <vector>

#include "core/base/check.h"
#include "core/codec/key_codec.h"
#include "core/codec/key_range.h"
#include "core/index/stored_entries.h"

namespace streamview {

namespace {

// The aggregates of a range of index entries that count rows, own changes added.
class LiveAggregates {
 public:
  // REQUIRES: !keys.empty(). `snapshot` must outlive it.
  LiveAggregates(const ReduceSnapshot& snapshot, KeyRange keys, bool reverse)
      : index_(*snapshot.index()),
        reverse_(reverse),
        keys_(std::move(keys)),
        stored_(*snapshot.index(), snapshot.state(), keys_, reverse_),
        own_(snapshot.own_changes(), keys_, reverse_),
        met_(snapshot.index(), snapshot.wake()) {
    SkipDead();
  }

  bool Valid() const { return valid_; }
  void Next() {
    Leave();
    SkipDead();
  }
  const Status& status() const { return status_; }
  // Both until the next Next(). REQUIRES: Valid()
  std::string_view key() const {
    SV_REQUIRE(valid_);
    return at_stored_ ? stored_.key() : own_.key();
  }
  const Aggregate& aggregate() const { return aggregate_; }

 private:
  // Goes on from the present entries to the first that counts.
  void SkipDead() {
    valid_ = false;
    for (; FindEntry(); Leave()) {
      if (!ReadEntry()) return;
      valid_ = aggregate_.count > 0;
      if (valid_) return;
    }
  }

  // Whether there is an entry: a stored one, an own one, or both with one key.
  bool FindEntry() {
    if (!stored_.Valid()) status_ = stored_.status();
    if (!status_.ok()) return false;
    int order = stored_.Valid() && own_.Valid() ? stored_.key().compare(own_.key()) : 0;
    if (reverse_) order = -order;
    at_stored_ = stored_.Valid() && order <= 0;
    at_own_ = own_.Valid() && order >= 0;
    return at_stored_ || at_own_;
  }

  bool ReadEntry() {
    aggregate_ = Aggregate();
    if (at_stored_) {
      status_ = aggregate_.Decode(stored_.value());
      if (!status_.ok()) status_ = index_.NoteDamage(status_.message());
      // What only the own transaction takes out may come back.
      if (status_.ok() && aggregate_.count == 0) met_.Note(stored_.key());
    }
    if (at_own_) aggregate_.Add(own_.value());
    if (status_.ok() && aggregate_.count < 0) {
      status_ =
          index_.NoteDamage("an index entry counts " + std::to_string(aggregate_.count) + " rows");
    }
    return status_.ok();
  }

  void Leave() {
    if (at_stored_) stored_.Next();
    if (at_own_) own_.Next();
  }

  const ViewIndex& index_;
  const bool reverse_;
  const KeyRange keys_;
  StoredEntries stored_;
  OverlayEntries<ReduceOverlay::Changes> own_;
  DeadMet met_;
  Aggregate aggregate_;
  bool at_stored_ = false;
  bool at_own_ = false;
  bool valid_ = false;
  Status status_;
};

// The number that a sum is: an INTEGER where all that was added is, and it fits.
ValueView NumberOf(const ExactSum& sum, bool has_reals) {
  const std::optional<int64_t> integer = has_reals ? std::nullopt : sum.ToInteger();
  return integer ? ValueView::Integer(*integer) : ValueView::Real(sum.ToReal());
}

class ReduceCursor final : public ViewCursor {
 public:
  ReduceCursor(std::shared_ptr<const ReduceSnapshot> snapshot, KeyRange keys, bool reverse)
      : snapshot_(std::move(snapshot)),
        reduce_(snapshot_->index()->definition().reduce),
        key_columns_(snapshot_->index()->definition().key_columns),
        rows_(*snapshot_, std::move(keys), reverse),
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
    const LiveAggregates values(*snapshot_, keys, /*reverse=*/greatest);
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

  void Fail(const char* why) { status_ = snapshot_->index()->NoteDamage(why); }

  const std::shared_ptr<const ReduceSnapshot> snapshot_;
  const Reduce reduce_;
  const size_t key_columns_;
  LiveAggregates rows_;
  std::vector<ValueView> columns_;    // of the key
  std::vector<std::string> scratch_;  // for their bytes
  Status status_;
};

}  // namespace

std::unique_ptr<ViewCursor> ReduceSnapshot::NewCursor(const ViewRange& range) const {
  KeyRange keys = EncodeKeyRange(range.equal, range.lower, range.upper, kFirstReduceRow);
  if (keys.empty()) return std::make_unique<EmptyCursor>();
  return std::make_unique<ReduceCursor>(shared_from_this(), std::move(keys), range.reverse);
}

}  // namespace streamview
