// RangeScan: the rows of several ranges of one snapshot, one range after the other.

#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "core/base/check.h"
#include "core/base/status.h"

namespace streamview {

// `Snapshot` is ViewSnapshot or DocsSnapshot, `Range` what its NewCursor takes.
template <typename Snapshot, typename Range>
class RangeScan {
 public:
  using CursorPtr =
      decltype(std::declval<const Snapshot&>().NewCursor(std::declval<const Range&>()));

  // Goes to the first row. `snapshot` must outlive the scan.
  Status Begin(const Snapshot* snapshot, std::vector<Range> ranges) {
    snapshot_ = snapshot;
    ranges_ = std::move(ranges);
    next_ = 0;
    cursor_.reset();
    return SkipEmptyRanges();
  }
  Status Next() {
    SV_REQUIRE(Valid());
    cursor_->Next();
    return SkipEmptyRanges();
  }

  // Of reading the present row, or why there is none.
  Status status() const { return cursor_ != nullptr ? cursor_->status() : Status::Ok(); }
  bool Valid() const { return cursor_ != nullptr && cursor_->Valid(); }
  // REQUIRES: Valid()
  auto* operator->() const {
    SV_REQUIRE(Valid());
    return cursor_.get();
  }

 private:
  Status SkipEmptyRanges() {
    while (!Valid()) {
      if (cursor_ != nullptr) SV_RETURN_IF_ERROR(cursor_->status());
      cursor_.reset();
      if (next_ == ranges_.size()) break;
      cursor_ = snapshot_->NewCursor(ranges_[next_++]);
    }
    return Status::Ok();
  }

  const Snapshot* snapshot_ = nullptr;
  std::vector<Range> ranges_;
  size_t next_ = 0;
  CursorPtr cursor_;
};

}  // namespace streamview
