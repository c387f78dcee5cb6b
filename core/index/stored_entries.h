// What a reader of an index walks: the stored entries of a range, and those of an overlay, in
// either direction; and the dead ones that it meets on the way.

#pragma once

#include <rocksdb/db.h>

#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
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

// The same for the entries of an overlay, a std::map by their keys.
template <typename Map>
class OverlayEntries {
 public:
  // `entries`: null: none.
  OverlayEntries(const Map* entries, const KeyRange& keys, bool reverse) : reverse_(reverse) {
    if (entries == nullptr) return;
    begin_ = entries->lower_bound(keys.lower);
    end_ = keys.upper.empty() ? entries->end() : entries->lower_bound(keys.upper);
  }
  bool Valid() const { return begin_ != end_; }
  void Next() {
    if (reverse_) {
      --end_;
    } else {
      ++begin_;
    }
  }
  std::string_view key() const { return Current()->first; }
  const typename Map::mapped_type& value() const { return Current()->second; }

 private:
  using Iterator = typename Map::const_iterator;
  Iterator Current() const { return reverse_ ? std::prev(end_) : begin_; }

  const bool reverse_;
  Iterator begin_{}, end_{};
};

// A cursor over a range whose bounds have crossed.
class EmptyCursor final : public ViewCursor {
 public:
  bool Valid() const override { return false; }
  void Next() override { SV_REQUIRE(Valid()); }
  Status status() const override { return Status::Ok(); }
  ValueView column(size_t) override { return ValueView::Null(); }
  ValueView doc_id() override { return ValueView::Null(); }
  Seq seq() override { return 0; }
  Result<Value> ReadDocument() override { return Value(); }
  int64_t row_id() override { return 0; }
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
