// CountCache: how many rows the long ranges of an index have that were read to their end last, so
// that whoever only counts them again need not walk them.
//
// A count is of one state of the index, by the last log entry of it: any further entry may add rows
// or supersede some.
//
// Thread-safe.

#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "core/base/entry.h"
#include "core/base/key_bound.h"
#include "core/base/mutex.h"

namespace streamview {

class CountCache {
 public:
  // Of fewer rows it is no use to keep how many there are.
  static constexpr uint64_t kMinRows = 64;

  // How many rows a reader of the state after log entry `seq` finds in `range`, where it is known.
  std::optional<uint64_t> Find(const KeyRange& range, Seq seq) const EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    const Slot& slot = slots_[SlotOf(range)];
    if (slot.rows < kMinRows || slot.seq != seq || slot.range.lower != range.lower ||
        slot.range.upper != range.upper) {
      return std::nullopt;
    }
    return slot.rows;
  }
  void Insert(const KeyRange& range, Seq seq, uint64_t rows) EXCLUDES(mutex_) {
    if (rows < kMinRows || range.lower.size() + range.upper.size() > kMaxKeyBytes) return;
    Slot slot{range, seq, rows};
    MutexLock lock(mutex_);
    std::swap(slots_[SlotOf(range)], slot);
  }

 private:
  static constexpr size_t kSlots = 256;
  static constexpr size_t kMaxKeyBytes = 512;  // of the ends of a range

  struct Slot {
    KeyRange range;
    Seq seq = 0;
    uint64_t rows = 0;  // 0: nothing is known
  };
  static size_t SlotOf(const KeyRange& range) {
    return std::hash<std::string>()(range.lower) % kSlots;
  }

  mutable Mutex mutex_;
  std::array<Slot, kSlots> slots_ GUARDED_BY(mutex_);
};

}  // namespace streamview
