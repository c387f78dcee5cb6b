// RunCache: the first rows of the key ranges of an index that were read last, so that the next
// look-up under the same key is a look into memory.
//
// RocksDB's block cache saves the reading and unpacking of blocks, not the search for the place in
// every sorted run of the tree; for a look-up of a few rows that search is most of the work.
//
// A row that was superseded since, the reader leaves out by its own state. So a cached run stays
// true until a row is added under its first key column. That is noted per bucket of first columns,
// not per run: an index that advances forgets only what it touches, and writers pay one store for
// it.
//
// Thread-safe.

#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/check.h"
#include "core/base/mutex.h"
#include "core/codec/key_range.h"

namespace streamview {

// The first entries of a range of keys, in the order in which they are read.
class CachedRun {
 public:
  static constexpr size_t kMaxBytes = 4096;  // of all that it takes, about

  size_t size() const { return rows_.size(); }
  // Whether the range has no other entries.
  bool complete() const { return complete_; }
  // Whether there is room for no more.
  bool full() const { return full_; }
  // Of entry i. REQUIRES: i < size(). The bytes live as long as the run.
  std::string_view key(size_t i) const { return {bytes_.data() + At(i).begin, At(i).key_size}; }
  std::string_view value(size_t i) const {
    return {bytes_.data() + At(i).begin + At(i).key_size, At(i).value_size};
  }

  // False where the run is long enough without this entry, or the entry is too long for one.
  bool Add(std::string_view key, std::string_view value);
  void Complete() { complete_ = true; }

 private:
  struct Row {
    uint32_t begin, key_size, value_size;  // in bytes_
  };
  const Row& At(size_t i) const {
    SV_REQUIRE(i < rows_.size());
    return rows_[i];
  }

  std::vector<Row> rows_;
  std::string bytes_;
  bool complete_ = false;
  bool full_ = false;
};

class RunCache {
 public:
  // Versions are those of the index's published states: a later state has a greater one.

  // Notes that the state `version`, which nobody reads yet, has other rows under the first
  // column of `key` than the states before it. (Those that are superseded need not be noted.)
  void NoteChange(std::string_view key, uint64_t version);

  // What a reader of the state `version` finds in `range`, where that is known; else null.
  // `reverse`: of one who reads it from its end.
  std::shared_ptr<const CachedRun> Find(const KeyRange& range, bool reverse,
                                        uint64_t version) const;
  // Keeps what a reader of the state `version` has found from the beginning of `range`, or from its
  // end. All keys of the range must have the same first column.
  void Insert(const KeyRange& range, bool reverse, uint64_t version, CachedRun run);
  // Forgets what was found in `range`.
  void Erase(const KeyRange& range, bool reverse);

 private:
  static constexpr size_t kSets = 256, kWays = 4;  // so about 4 MB at most
  static constexpr size_t kMaxKeyBytes = 512;      // of the ends of a range
  static constexpr size_t kBuckets = 4096;

  struct Slot {
    KeyRange range;
    bool reverse = false;
    uint64_t version = 0;
    std::shared_ptr<const CachedRun> run;
  };
  // Where a range may be; the one that came first makes room.
  struct Set {
    Mutex mutex;
    std::array<Slot, kWays> slots GUARDED_BY(mutex);
    size_t next GUARDED_BY(mutex) = 0;
  };

  Set& SetOf(const KeyRange& range) const;
  static Slot* FindSlot(Set& set, const KeyRange& range, bool reverse) REQUIRES(set.mutex);
  std::atomic<uint64_t>& ChangedAt(std::string_view key) const;

  mutable std::array<std::atomic<uint64_t>, kBuckets> changed_at_{};
  mutable std::vector<Set> sets_{kSets};
};

}  // namespace streamview
