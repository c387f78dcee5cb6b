// Reading the log: a batch for those who follow it, a cursor for those who query it.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/engine.h"
#include "core/log/log.h"
#include "core/log/log_transaction.h"

namespace streamview {

// A run of consecutive entries that owns their bytes.
class EntryBatch {
 public:
  bool empty() const { return entries_.empty(); }
  Seq first() const { return entries_.front().seq; }  // REQUIRES: !empty()
  Seq last() const { return entries_.back().seq; }    // REQUIRES: !empty()
  const std::vector<Entry>& entries() const { return entries_; }
  // The last entry that ends a transaction; 0: all are of one that goes on.
  Seq last_end() const {
    for (size_t i = entries_.size(); i-- > 0;) {
      if (!entries_[i].continues) return entries_[i].seq;
    }
    return 0;
  }

 private:
  friend Status ReadBatch(const Log&, Seq, Seq, EntryBatch*);
  friend Status ReadStoredBatch(const Log&, Seq, Seq, EntryBatch*);

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
Status ReadBatch(const Log& log, Seq first, Seq last, EntryBatch* batch);
// The same, with no use of what is in memory still.
Status ReadStoredBatch(const Log& log, Seq first, Seq last, EntryBatch* batch);

// See Engine::ScanLog. `own` may be null. The log must outlive the cursor.
std::unique_ptr<LogCursor> NewLogCursor(const Log& log, const LogRange& range,
                                        const LogTransaction* own);

}  // namespace streamview
