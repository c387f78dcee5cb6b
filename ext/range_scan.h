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
    if (snapshot != snapshot_) cursor_.reset();
    snapshot_ = snapshot;
    ranges_ = std::move(ranges);
    next_ = 0;
    return BeginRanges();
  }
  Status Next() {
    SV_REQUIRE(Valid());
    // Not from a row of which something could not be read.
    if (cursor_->Valid()) cursor_->Next();
    valid_ = cursor_->Valid();
    return valid_ ? Status::Ok() : EndRange();
  }

  // Of reading the present row, or why there is none.
  Status status() const { return cursor_ != nullptr ? cursor_->status() : Status::Ok(); }
  bool Valid() const { return valid_; }
  // REQUIRES: Valid()
  auto* operator->() const {
    SV_REQUIRE(Valid());
    return cursor_.get();
  }

 private:
  Status EndRange() {
    SV_RETURN_IF_ERROR(cursor_->status());
    return BeginRanges();
  }

  // Begins the next range that has rows.
  Status BeginRanges() {
    for (valid_ = false; !valid_ && next_ < ranges_.size();) {
      BeginRange(ranges_[next_++]);
      valid_ = cursor_->Valid();
      if (!valid_) SV_RETURN_IF_ERROR(cursor_->status());
    }
    return Status::Ok();
  }

  void BeginRange(const Range& range) {
    if constexpr (requires { cursor_->Restart(range); }) {
      if (cursor_ != nullptr && cursor_->Restart(range)) return;
    }
    cursor_.reset();  // before there is another one
    cursor_ = snapshot_->NewCursor(range);
  }

  const Snapshot* snapshot_ = nullptr;
  std::vector<Range> ranges_;
  size_t next_ = 0;
  CursorPtr cursor_;
  bool valid_ = false;  // cursor_ stands at a row of these ranges
};

}  // namespace streamview
