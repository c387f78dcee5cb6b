// What a reader of an index walks: the stored entries of a range, in either direction; and the dead
// ones that it meets on the way.

#pragma once

#include <rocksdb/db.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/check.h"
#include "core/codec/key_codec.h"
#include "core/codec/key_range.h"
#include "core/engine.h"
#include "core/index/view_index.h"
#include "core/storage/rocks.h"

namespace streamview {

// One iterator for as many ranges as are asked for, one after the other. RocksDB looks at the
// bounds anew at each seek, so they may change.
class StoredEntries {
 public:
  // Of `index` at `state`. Both must outlive it. It stands nowhere yet.
  StoredEntries(const ViewIndex& index, const IndexState& state) : index_(index) {
    options_.snapshot = state.snapshot.get();
    options_.iterate_lower_bound = &lower_slice_;
    options_.iterate_upper_bound = &upper_slice_;
  }
  StoredEntries(const StoredEntries&) = delete;
  StoredEntries& operator=(const StoredEntries&) = delete;

  // Goes to the first entry of a range. REQUIRES: !keys.empty()
  void Seek(const KeyRange& keys, bool reverse) {
    SV_REQUIRE(!keys.empty());
    reverse_ = reverse;
    is_near_ = false;
    SetBounds(keys.lower, keys.upper.empty() ? AfterKeyColumns("") : keys.upper);
    reverse_ ? it_->SeekToLast() : it_->SeekToFirst();
    Settle();
  }

  // The same, for one that mostly begins a few entries after the end of the one before it: then
  // these are stepped over. `within`: no range that follows soon goes past it, so the entries up to
  // there may be looked at. REQUIRES: keys.upper <= within
  void SeekNear(const KeyRange& keys, std::string&& within) {
    SV_REQUIRE(!keys.empty() && !keys.upper.empty() && keys.upper <= within);
    const bool follows = is_near_ && within == upper_ && keys.lower >= end_ && it_->status().ok();
    end_ = keys.upper;
    if (!follows || !StepTo(keys.lower)) {
      reverse_ = false;
      is_near_ = true;
      SetBounds(keys.lower, std::move(within));
      it_->SeekToFirst();
    }
    Settle();
  }

  bool Valid() const { return valid_; }
  void Next() {
    SV_REQUIRE(valid_);
    reverse_ ? it_->Prev() : it_->Next();
    Settle();
  }
  std::string_view key() const { return key_; }
  std::string_view value() const { return ToView(it_->value()); }
  // Errors: kDamaged, noted as the index's; kIOError.
  Status status() const {
    return it_ == nullptr || it_->status().ok() ? Status::Ok() : index_.CheckRead(it_->status());
  }

 private:
  // About what a seek costs.
  static constexpr int kMaxSteps = 8;

  void SetBounds(const std::string& lower, std::string upper) {
    lower_ = lower;
    upper_ = std::move(upper);
    lower_slice_ = lower_;
    upper_slice_ = upper_;
    if (it_ == nullptr) it_.reset(index_.db()->NewIterator(options_, index_.family()->handle()));
  }

  // Whether the iterator, which stands before `lower` or at the first entry after it, has come to
  // the first entry that is not before it, or to the end of what it may look at.
  bool StepTo(const std::string& lower) {
    for (int step = 0; it_->Valid() && ToView(it_->key()) < lower; it_->Next()) {
      if (++step > kMaxSteps) return false;
    }
    return it_->status().ok();
  }

  void Settle() {
    valid_ = it_->Valid();
    if (!valid_) return;
    key_ = ToView(it_->key());
    if (is_near_) valid_ = key_ < end_;
  }

  const ViewIndex& index_;
  rocksdb::ReadOptions options_;
  std::string lower_, upper_;
  rocksdb::Slice lower_slice_, upper_slice_;  // the iterator points to them
  std::unique_ptr<rocksdb::Iterator> it_;
  bool reverse_ = false;
  bool is_near_ = false;
  std::string end_;  // where is_near_: of the range
  bool valid_ = false;
  std::string_view key_;
};

// Index entries as they are stored. `Live` walks those of `Snapshot` that count.
template <typename Live, typename Snapshot>
class StoredIndexCursor final : public IndexCursor {
 public:
  StoredIndexCursor(std::shared_ptr<const Snapshot> snapshot, const KeyRange& keys, bool reverse)
      : snapshot_(std::move(snapshot)), live_(*snapshot_, keys, reverse) {}
  bool Valid() const override { return live_.Valid(); }
  void Next() override {
    SV_REQUIRE(Valid());
    live_.Next();
  }
  Status status() const override { return live_.status(); }
  std::string_view key() const override { return live_.key(); }
  std::string_view value() const override { return live_.value(); }

 private:
  const std::shared_ptr<const Snapshot> snapshot_;
  Live live_;
};

// The dead entries that a cursor meets: told to the index when the cursor goes.
class DeadMet {
 public:
  // `wake` is called where there are any; it may be empty. All must outlive the object.
  DeadMet(ViewIndex* index, const std::function<void()>& wake) : index_(index), wake_(wake) {}
  ~DeadMet() {
    if (count_ == 0) return;
    index_->CountDeadMet(count_);
    try {
      index_->QueueRepair(std::move(keys_));
      if (wake_) wake_();
    } catch (...) {
      // No memory: whoever meets these entries next tells again.
    }
  }
  DeadMet(const DeadMet&) = delete;
  DeadMet& operator=(const DeadMet&) = delete;

  void Note(std::string_view key) {
    count_++;
    if (keys_.size() < kMaxRepairs) keys_.emplace_back(key);
  }

 private:
  static constexpr size_t kMaxRepairs = 1024;  // of one cursor

  ViewIndex* const index_;
  const std::function<void()>& wake_;
  uint64_t count_ = 0;
  std::vector<std::string> keys_;
};

}  // namespace streamview
