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
#include "core/codec/index_entry.h"
#include "core/codec/key_range.h"

namespace streamview {

// The first rows of a range of keys, in order.
class CachedRun {
 public:
  static constexpr size_t kMaxBytes = 4096;  // of all that it takes, about

  size_t size() const { return rows_.size(); }
  // Whether the range has no other rows.
  bool complete() const { return complete_; }
  // Of row i. REQUIRES: i < size(). The bytes live as long as the run.
  Seq seq(size_t i) const { return At(i).seq; }
  uint64_t row(size_t i) const { return At(i).row; }
  std::string_view key(size_t i) const { return {bytes_.data() + At(i).key, At(i).key_size}; }
  ValueView column(size_t i, size_t column) const { return ViewOf(i * (columns_ + 1) + column); }
  ValueView doc_id(size_t i) const { return ViewOf(i * (columns_ + 1) + columns_); }

  // False where the run is long enough without this row, or the row is too long for one.
  bool Add(std::string_view key, const IndexEntryDecoder& entry);
  void Complete() { complete_ = true; }

 private:
  struct Row {
    Seq seq;
    uint64_t row;
    uint32_t key, key_size;  // in bytes_
  };
  const Row& At(size_t i) const {
    SV_REQUIRE(i < rows_.size());
    return rows_[i];
  }
  // A value. Of TEXT and BLOB, the bytes are in bytes_.
  struct Cell {
    union {
      int64_t integer;
      double real;
      struct {
        uint32_t begin, size;
      } bytes;
    };
    ValueType type;
    bool is_c_string;
  };
  void AddCell(const ValueView& value);
  ValueView ViewOf(size_t cell) const;
  size_t Bytes() const {
    return bytes_.size() + rows_.size() * sizeof(Row) + cells_.size() * sizeof(Cell);
  }

  size_t columns_ = 0;
  std::vector<Row> rows_;
  std::vector<Cell> cells_;  // of each row: the columns, then doc_id
  std::string bytes_;
  bool complete_ = false;
};

class RunCache {
 public:
  // Versions are those of the index's published states: a later state has a greater one.

  // Notes that the state `version`, which nobody reads yet, has other rows under the first
  // column of `key` than the states before it. (Those that are superseded need not be noted.)
  void NoteChange(std::string_view key, uint64_t version);

  // What a reader of the state `version` finds in `range`, where that is known; else null.
  std::shared_ptr<const CachedRun> Find(const KeyRange& range, uint64_t version) const;
  // Keeps what a reader of the state `version` has found from the beginning of `range`. All keys of
  // the range must have the same first column.
  void Insert(const KeyRange& range, uint64_t version, CachedRun run);
  // Forgets what was found in `range`.
  void Erase(const KeyRange& range);

 private:
  static constexpr size_t kSets = 256, kWays = 4;  // so about 4 MB at most
  static constexpr size_t kMaxKeyBytes = 512;      // of the ends of a range
  static constexpr size_t kBuckets = 4096;

  struct Slot {
    KeyRange range;
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
  static Slot* FindSlot(Set& set, const KeyRange& range) REQUIRES(set.mutex);
  std::atomic<uint64_t>& ChangedAt(std::string_view key) const;

  mutable std::array<std::atomic<uint64_t>, kBuckets> changed_at_{};
  mutable std::vector<Set> sets_{kSets};
};

}  // namespace streamview
