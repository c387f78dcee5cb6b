// Reading the log: a batch for those who follow it, a cursor for those who query it.

#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/check.h"
#include "core/engine.h"
#include "core/log/log.h"

namespace streamview {

// What becomes of the blocks of the log that are read: kept for who reads the same soon, or not.
enum class BlockCache { kFill, kSpare };

// A run of consecutive entries that owns their bytes.
class EntryBatch {
 public:
  bool empty() const { return entries_.empty(); }
  // Both REQUIRE !empty().
  Seq first() const {
    SV_REQUIRE(!empty());
    return entries_.front().seq;
  }
  Seq last() const {
    SV_REQUIRE(!empty());
    return entries_.back().seq;
  }
  const std::vector<Entry>& entries() const { return entries_; }
  // In bytes, what it shares with the log included.
  size_t MemoryUsage() const;
  bool Has(Seq seq) const { return !empty() && seq >= first() && seq <= last(); }
  // The entries from `seq` on. REQUIRES: Has(seq)
  std::span<const Entry> From(Seq seq) const {
    SV_REQUIRE(Has(seq));
    return std::span(entries_).subspan(seq - first());
  }

 private:
  friend Status ReadBatch(const Log&, Seq, Seq, BlockCache, EntryBatch*);
  friend Status ReadStoredBatch(const Log&, Seq, Seq, BlockCache, EntryBatch*);

  std::string bytes_;               // of the entries; or
  std::vector<LogRecord> records_;  // their records, shared with the log
  std::vector<Entry> entries_;
};

// The most that one batch holds; an entry larger than the bytes comes alone.
constexpr size_t kBatchEntries = 1000;
constexpr size_t kBatchBytes = 4u << 20;

// Reads entries from `first` on, at most up to `last`, as many as a batch may hold and at least
// one. REQUIRES: first <= last <= log.head(). Errors: kCorruption (a number is missing, a record
// does not decode), kIOError.
Status ReadBatch(const Log& log, Seq first, Seq last, BlockCache cache, EntryBatch* batch);
// The same, with no use of what is in memory still.
Status ReadStoredBatch(const Log& log, Seq first, Seq last, BlockCache cache, EntryBatch* batch);

// See Engine::ScanLog. The log must outlive the cursor.
std::unique_ptr<LogCursor> NewLogCursor(const Log& log, const LogRange& range,
                                        BlockCache cache = BlockCache::kFill);

}  // namespace streamview
