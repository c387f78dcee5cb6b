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
#include "core/codec/key_range.h"
#include "core/engine.h"
#include "core/index/view_index.h"
#include "core/storage/rocks.h"

namespace streamview {

class StoredEntries {
 public:
  // Of `index` at `state`. Both, and `keys`, must outlive it. REQUIRES: !keys.empty()
  StoredEntries(const ViewIndex& index, const IndexState& state, const KeyRange& keys, bool reverse)
      : index_(index), lower_(keys.lower), upper_(keys.upper), reverse_(reverse) {
    SV_REQUIRE(!keys.empty());
    rocksdb::ReadOptions options;
    options.snapshot = state.snapshot.get();
    options.iterate_lower_bound = &lower_;
    if (!keys.upper.empty()) options.iterate_upper_bound = &upper_;
    it_.reset(index.db()->NewIterator(options, index.family()->handle()));
    if (reverse_) {
      it_->SeekToLast();
    } else {
      it_->SeekToFirst();
    }
  }
  StoredEntries(const StoredEntries&) = delete;
  StoredEntries& operator=(const StoredEntries&) = delete;

  bool Valid() const { return it_->Valid(); }
  void Next() { reverse_ ? it_->Prev() : it_->Next(); }
  std::string_view key() const { return ToView(it_->key()); }
  std::string_view value() const { return ToView(it_->value()); }
  // Errors: kDamaged, noted as the index's; kIOError.
  Status status() const {
    return it_->status().ok() ? Status::Ok() : index_.CheckRead(it_->status());
  }

 private:
  const ViewIndex& index_;
  const rocksdb::Slice lower_, upper_;  // the iterator points to them
  const bool reverse_;
  std::unique_ptr<rocksdb::Iterator> it_;
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
