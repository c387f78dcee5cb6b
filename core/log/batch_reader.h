// BatchReader: reads batches of a log for those who follow it; far from the head, ahead of them.
//
// While they work on some batches, a thread reads those that come next, for all who are at the same
// place: the document index, the views that the indexer serves together, a reader that advances its
// view. Only one place of the log is read ahead of, and nobody waits long for the thread: whoever
// is elsewhere, or faster, reads for himself. Thread-safe.

#pragma once

#include <atomic>
#include <future>
#include <memory>
#include <vector>

#include "core/base/mutex.h"
#include "core/log/log_reader.h"

namespace streamview {

using SharedBatch = std::shared_ptr<const EntryBatch>;

class BatchReader {
 public:
  // `log` must outlive the reader.
  explicit BatchReader(const Log* log) : log_(log) {}

  // From now on batches are read ahead and kept. Without that there is no thread.
  void EnableReadingAhead() { enabled_ = true; }

  // A batch with the entry `first`, which may begin before it, up to `last` at most.
  // REQUIRES: first <= last <= log.head(). Errors: those of ReadBatch.
  Result<SharedBatch> Read(Seq first, Seq last) EXCLUDES(mutex_);

  // Gives back the memory of what was read ahead.
  void Forget() EXCLUDES(mutex_);

 private:
  using Batches = std::vector<SharedBatch>;  // one after the other

  using Next = std::shared_future<Batches>;

  // Where a batch is: here, or it may be worth waiting for; or else whether this is the place to
  // read ahead of.
  struct Found {
    SharedBatch batch;
    Next pending;
    Seq pending_first = 0;
    bool is_here = false;
  };

  // `awaited`: the pending_first that was waited for in vain.
  Found Find(Seq first, Seq last, Seq awaited = 0) EXCLUDES(mutex_);
  SharedBatch FindPresent(Seq seq) const REQUIRES(mutex_);
  // Starts the thread for what comes after a batch.
  void ReadAhead(const EntryBatch& after, Seq last) REQUIRES(mutex_);
  Batches ReadSome(Seq first, Seq last) const noexcept;

  const Log* const log_;
  std::atomic<bool> enabled_{false};

  Mutex mutex_;
  Batches present_ GUARDED_BY(mutex_);
  Next next_ GUARDED_BY(mutex_);  // may be invalid
  Seq next_first_ GUARDED_BY(mutex_) = 0;
  bool late_ GUARDED_BY(mutex_) = false;  // somebody has waited for next_ in vain
  int elsewhere_ GUARDED_BY(mutex_) = 0;  // how many more reads were elsewhere than here, lately
};

}  // namespace streamview
