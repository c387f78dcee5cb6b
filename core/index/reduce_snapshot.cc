#include "core/index/reduce_snapshot.h"

#include <string>

#include "core/base/check.h"
#include "core/codec/key_range.h"
#include "core/index/stored_entries.h"
#include "core/reduce_cursor.h"
#include "core/row_cursor.h"

namespace streamview {

namespace {

// The aggregates of a range of index entries that count rows.
class LiveAggregates {
 public:
  using Snapshot = ReduceSnapshot;

  // REQUIRES: !keys.empty(). `snapshot` must outlive it.
  LiveAggregates(const ReduceSnapshot& snapshot, const KeyRange& keys, bool reverse)
      : snapshot_(snapshot),
        stored_(*snapshot.index(), snapshot.state()),
        met_(snapshot.index(), snapshot.wake()) {
    stored_.Seek(keys, reverse);
    SkipDead();
  }

  bool Valid() const { return valid_; }
  void Next() {
    stored_.Next();
    SkipDead();
  }
  const Status& status() const { return status_; }
  // All until the next Next(). REQUIRES: Valid()
  std::string_view key() const {
    SV_REQUIRE(valid_);
    return stored_.key();
  }
  std::string_view value() const { return stored_.value(); }
  const Aggregate& aggregate() const { return aggregate_; }

 private:
  // Goes on from the present entry to the first that counts.
  void SkipDead() {
    for (valid_ = false; stored_.Valid(); stored_.Next()) {
      status_ = Read();
      valid_ = status_.ok() && aggregate_.count > 0;
      if (valid_ || !status_.ok()) return;
      met_.Note(stored_.key());
    }
    status_ = stored_.status();
  }

  Status Read() {
    aggregate_ = Aggregate();
    const Status decoded = aggregate_.Decode(stored_.value());
    if (!decoded.ok()) return snapshot_.NoteDamage(decoded.message());
    if (aggregate_.count >= 0) return Status::Ok();
    return snapshot_.NoteDamage("an index entry counts " + std::to_string(aggregate_.count) +
                                " rows");
  }

  const ReduceSnapshot& snapshot_;
  StoredEntries stored_;
  DeadMet met_;
  Aggregate aggregate_;
  bool valid_ = false;
  Status status_;
};

}  // namespace

std::unique_ptr<ViewCursor> ReduceSnapshot::NewCursor(const ViewRange& range) const {
  const KeyRange keys = EncodeKeyRange(range.equal, range.lower, range.upper, kFirstReduceRow);
  if (keys.empty()) return std::make_unique<EmptyCursor>();
  return std::make_unique<ReduceCursor<LiveAggregates>>(index_->definition(), shared_from_this(),
                                                        keys, range.reverse);
}

std::unique_ptr<IndexCursor> ReduceSnapshot::Scan(const KeyRange& keys, bool reverse) const {
  return std::make_unique<StoredIndexCursor<LiveAggregates, ReduceSnapshot>>(shared_from_this(),
                                                                             keys, reverse);
}

}  // namespace streamview
