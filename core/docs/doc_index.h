// DocIndex: which entry of the log is the latest of each document, and which one each entry
// supersedes.
//
// It walks the log ahead of the views, and is itself a checkpointed function of it: what a crash
// takes from its column family is made again from the log. Documents, superseded entries and
// checkpoint share one column family, so that one write batch and one flush hold them together.
//
// Thread-safe.

#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/status.h"
#include "core/log/log.h"
#include "core/log/log_reader.h"

namespace streamview {

// `superseded` stopped counting when `by` was appended.
struct Supersession {
  Seq by;
  Seq superseded;
};

class DocIndex {
 public:
  // `log` must outlive the index. An index that is ahead of the log (the directory lost the log's
  // tail) is emptied and made again. Errors: kCorruption, kIOError.
  static Result<std::unique_ptr<DocIndex>> Open(Log* log);

  Seq checkpoint() const { return checkpoint_.load(std::memory_order_acquire); }

  // Processes the log up to `seq`, or finds it done. REQUIRES: seq <= head of the log
  Status AdvanceTo(Seq seq, const WaitOptions& wait) EXCLUDES(mutex_);
  // One batch of that, at most. For the indexer, which has other things to do as well.
  Status AdvanceBatch(Seq seq) EXCLUDES(mutex_);

  // Appends to `out` what the entries in (after, upto] superseded, ascending in `by`.
  // REQUIRES: upto <= checkpoint()
  Status ListSupersessions(Seq after, Seq upto, std::vector<Supersession>* out) const;

  // The entry that was the latest one of the document at `at`, tombstones included; 0 where there
  // was none. REQUIRES: at <= checkpoint()
  Result<Seq> FindLatest(const ValueView& key, Seq at) const;
  // The entry that `seq` superseded; 0: none. REQUIRES: seq <= checkpoint()
  Result<Seq> FindPrevious(Seq seq) const;

  Status Flush();

 private:
  explicit DocIndex(Log* log) : log_(log), store_(log->store()) {}
  Status Recover();
  Status Apply(const EntryBatch& batch) REQUIRES(mutex_);
  Status ReadLatest(const std::string& doc_key, Seq* seq) const;

  Log* const log_;
  Store* const store_;
  Mutex mutex_;  // one advance at a time
  std::atomic<Seq> checkpoint_{0};
  // No entry up to here superseded another: a log of distinct documents is never searched.
  std::atomic<Seq> first_superseding_{UINT64_MAX};
  std::atomic<Seq> last_superseding_{0};
};

}  // namespace streamview
