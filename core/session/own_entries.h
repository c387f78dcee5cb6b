// OwnEntries: what a session has appended and not committed yet.
//
// Belongs to one thread at a time, with all runs of it.

#pragma once

#include <algorithm>
#include <memory>

#include "core/base/check.h"
#include "core/base/entry.h"
#include "core/base/status.h"
#include "core/engine.h"

namespace streamview {

// The entries that there were at a moment. It never changes, whatever becomes of the transaction,
// and costs nothing to copy.
class OwnRun {
 public:
  OwnRun() = default;  // none

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  // Both REQUIRE !empty().
  Seq first() const {
    SV_REQUIRE(!empty());
    return first_;
  }
  Seq last() const {
    SV_REQUIRE(!empty());
    return first_ + size_ - 1;
  }
  bool Has(Seq seq) const { return !empty() && seq >= first_ && seq <= last(); }
  // An entry; its bytes live as long as the run. REQUIRES: Has(seq)
  Entry Read(Seq seq) const;
  // Whether `longer` is this run, perhaps with more entries.
  bool IsBeginningOf(const OwnRun& longer) const {
    return empty() || (records_ == longer.records_ && size_ <= longer.size_);
  }

 private:
  friend class OwnEntries;
  OwnRun(std::shared_ptr<const Records> records, Seq first, size_t size)
      : records_(std::move(records)), first_(first), size_(size) {}

  std::shared_ptr<const Records> records_;  // these, and perhaps what was appended since
  Seq first_ = 0;
  size_t size_ = 0;
};

class OwnEntries {
 public:
  // Begins a transaction, which appends after `end`. REQUIRES: empty
  void Begin(const LogEnd& end);
  // Returns the number that the entry has. REQUIRES: begun. Errors: kConstraint (the key is too
  // large, or the log full); then the entries are as they were.
  Result<Seq> Append(const ValueView& key, const ValueView& value);
  // Forgets all entries after the first `size` ones. REQUIRES: size <= this->size()
  void Truncate(size_t size) noexcept {
    SV_REQUIRE(size <= size_);
    size_ = size;
  }
  // Ends the transaction.
  void Clear() noexcept {
    records_.reset();
    size_ = 0;
  }

  size_t size() const { return size_; }
  // The last entry of the log before them. REQUIRES: begun
  Seq base() const { return end_.seq; }
  OwnRun run() const { return OwnRun(records_, end_.seq + 1, size_); }
  // REQUIRES: begun
  const Records& records() {
    DropTruncated();
    return *records_;
  }

 private:
  // Runs share the records: what they see of them must not change.
  void DropTruncated();

  LogEnd end_;  // of the log when the transaction began; but the time of the last entry appended
  std::shared_ptr<Records> records_;  // null: not begun
  size_t size_ = 0;                   // what follows in records_ was truncated
};

// The entries of a run within a range, in either direction.
class OwnRunCursor {
 public:
  OwnRunCursor(OwnRun run, const LogRange& range) : run_(std::move(run)), reverse_(range.reverse) {
    if (run_.empty()) return;
    first_ = std::max(range.first, run_.first());
    last_ = std::min(range.last, run_.last());
    Read();
  }

  bool Valid() const { return first_ <= last_; }
  void Next() {
    SV_REQUIRE(Valid());
    reverse_ ? --last_ : ++first_;
    Read();
  }
  const Entry& entry() const { return entry_; }
  // Which comes first in the direction of the cursor: negative where it is the own entry.
  int Compare(const LogCursor& stored) const {
    const bool after = entry_.seq > stored.entry().seq;
    return after == reverse_ ? -1 : 1;
  }

 private:
  void Read() {
    if (Valid()) entry_ = run_.Read(reverse_ ? last_ : first_);
  }

  OwnRun run_;
  bool reverse_;
  Seq first_ = 1, last_ = 0;
  Entry entry_;
};

}  // namespace streamview
