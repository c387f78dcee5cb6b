// Log: the committed entries and the writer's turn of one log.
//
// An entry becomes visible by Publish alone: what lies in the column family beyond head() was
// prepared by a transaction that has not committed yet.
//
// Thread-safe.

#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "core/base/mutex.h"
#include "core/base/status.h"
#include "core/base/turn.h"
#include "core/engine.h"
#include "core/storage/store.h"

namespace streamview {

class Log {
 public:
  // `store` must outlive the log. A conditional transaction at the log's end (Transaction::Prepare)
  // is kept where its token is the one that `committed_token` gives, and taken back where it is
  // not; the function is called only if there is one. Errors: kCorruption, and those of the
  // function.
  static Result<std::unique_ptr<Log>> Open(Store* store, const CommittedToken& committed_token);

  Seq head() const { return head_.load(std::memory_order_acquire); }
  Store* store() const { return store_; }

  // The stored record of an entry, committed or not. kNotFound; kCorruption is for the decoder to
  // find.
  Status ReadRecord(Seq seq, rocksdb::PinnableSlice* record) const;
  // Whether further entries of its transaction follow the entry.
  Result<bool> Continues(Seq seq) const;

  // Returns once head() >= seq. Errors: kInterrupted, kTimedOut.
  Status WaitForHead(Seq seq, const WaitOptions& wait) EXCLUDES(mutex_);

  // --- for the transaction that has the writer's turn
  Turn& writer_turn() { return writer_turn_; }
  // Milliseconds since the Unix epoch, but never before an earlier entry's.
  int64_t NextTime();
  // Writes records under consecutive numbers from `first`, not yet visible, as durable as `sync`
  // says; with a token, conditional. On error they are taken back (Store::TakeBack).
  Status WriteRecords(Seq first, const std::vector<std::shared_ptr<const std::string>>& records,
                      SyncMode sync, const std::string& token);
  // Deletes `count` records from `first` that were written but not published. An error: they are
  // gone from memory, and from the disk before anything else is written.
  Status EraseRecords(Seq first, size_t count, SyncMode sync);
  // Makes all entries up to `head` visible.
  void Publish(Seq head) EXCLUDES(mutex_);

  // Why appends are refused, or OK (Store::background_error).
  Status background_error() const { return store_->background_error(); }

  // Called after every Publish, on the committing thread. Set once, before the first append.
  void set_on_publish(std::function<void()> callback) { on_publish_ = std::move(callback); }

 private:
  explicit Log(Store* store) : store_(store) {}
  Status ResolveConditional(const CommittedToken& committed_token);
  Status Recover();
  Status Persist(SyncMode sync);
  Status BuildErasure(Seq first, size_t count, rocksdb::WriteBatch* batch) const;

  Store* const store_;
  std::atomic<Seq> head_{0};
  std::function<void()> on_publish_;  // constant after set-up

  Turn writer_turn_;
  int64_t last_time_ms_ = 0;  // guarded by writer_turn_

  Mutex mutex_;
  CondVar head_moved_;
};

}  // namespace streamview
