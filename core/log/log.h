// Log: the committed entries and the writer's turn of one log.
//
// An entry becomes visible by Publish alone: what lies in the column family beyond head() was
// prepared by a transaction that has not committed yet, or is being made durable by AppendNow.
//
// Whoever appends has the writer's turn: a transaction from its first append to its end, AppendNow
// only while it writes to memory. So of those that AppendNow appends many may be on their way to
// the disk at once, and one fsync serves them all (group commit); a transaction waits until there
// are none.
//
// Thread-safe.

#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <string>

#include "core/base/mutex.h"
#include "core/base/status.h"
#include "core/base/turn.h"
#include "core/engine.h"
#include "core/log/recent_records.h"
#include "core/storage/log_store.h"

namespace streamview {

class Log {
 public:
  // `store` must outlive the log. The token of the log's last conditional transaction
  // (Transaction::Prepare) is compared with the one that `committed_token` gives; a null function
  // is not asked. Where the database has the token before it, a transaction that ends the log, and
  // of which it is not known whether it was committed, is taken back. Where they do not fit
  // otherwise, one of them is older than the other: kCannotOpen, and nothing is changed. With
  // `adopt`, the log is kept as it is in any case, and they fit from now on. Other errors:
  // kCorruption, and those of the function.
  static Result<std::unique_ptr<Log>> Open(LogStore* store, const CommittedToken& committed_token,
                                           bool adopt = false);

  // Notes that the last transaction is committed, whatever a database of another time says. For a
  // log that is about to be closed. REQUIRES: no transaction is open, but for one that was
  // abandoned
  Status Settle();
  // For a copy of a log that was made while somebody had the writer's turn: its last transaction is
  // committed, and no database takes it back.
  static Status SettleCopy(LogStore* copy);

  Seq head() const { return head_.load(std::memory_order_acquire); }
  // Goes with each checkpoint of what is made from the log (core/codec/checkpoint.h).
  uint64_t epoch() const { return epoch_; }
  LogStore* store() const { return store_; }

  // The stored record of an entry, committed or not. kNotFound; kCorruption is for the decoder to
  // find.
  Status ReadRecord(Seq seq, rocksdb::PinnableSlice* record) const;
  // Whether further entries of its transaction follow the entry.
  Result<bool> Continues(Seq seq) const;

  // The records of the entries from `first` to `last`, as many as `limit`, where all of them were
  // published lately and are in memory still; else none.
  std::vector<LogRecord> FindRecent(Seq first, Seq last, size_t limit) const EXCLUDES(mutex_);

  // Returns once head() >= seq. Errors: kInterrupted, kTimedOut.
  Status WaitForHead(Seq seq, const WaitOptions& wait) EXCLUDES(mutex_);

  // Appends one entry as a transaction of its own, and returns its number once it is as durable as
  // `sync` says, and visible. Concurrent calls share one fsync. On error it is taken back
  // (LogStore::TakeBack). Errors: those of Engine::AppendNow.
  Result<Seq> AppendNow(const ValueView& key, const ValueView& value, SyncMode sync,
                        const WaitOptions& wait) EXCLUDES(commit_mutex_, mutex_);

  // --- for transactions

  // Returns once the caller has the writer's turn and all that was appended is visible. Errors:
  // kBusy past the deadline, kInterrupted, the background error.
  Status TakeTurn(const WaitOptions& wait) EXCLUDES(commit_mutex_, mutex_);
  void ReleaseTurn() { writer_turn_.Release(); }
  // Who has the turn leaves what it has written, and not published, to the next opening, as a crash
  // does: nobody gets the turn any more, and Settle does nothing.
  void Abandon() { abandoned_ = true; }

  // What follows is for who has the turn.

  LogEnd end() const;
  // Writes records under consecutive numbers from `first`, not yet visible, as durable as `sync`
  // says; with a token, conditional. On error they are taken back (LogStore::TakeBack).
  Status WriteRecords(Seq first, const Records& records, SyncMode sync, const std::string& token);
  // Deletes `count` records from `first` that were written but not published. An error: they are
  // gone from memory, and from the disk before anything else is written.
  Status EraseRecords(Seq first, size_t count, SyncMode sync);
  // Makes the records from `first` visible, which were written with `token`.
  void Publish(Seq first, const Records& records, std::string token) noexcept EXCLUDES(mutex_);

  // Why appends are refused, or OK (LogStore::background_error).
  Status background_error() const { return store_->background_error(); }

  // Appends are refused with `writable` unless it is OK. Set once, before the first append.
  void set_writable(Status writable) { writable_ = std::move(writable); }
  // Called after every Publish, on the committing thread. Set once, before the first append.
  void set_on_publish(std::function<void()> callback) { on_publish_ = std::move(callback); }

 private:
  explicit Log(LogStore* store);
  Status Recover();
  Status MatchDatabase(const CommittedToken& committed_token, bool adopt);
  Status RecoverEpoch();
  Status CheckEndsWith(Seq first) const;
  Status CheckWritable();
  Status AwaitTurn(const WaitOptions& wait);
  Status Persist(SyncMode sync);
  Status BuildErasure(Seq first, size_t count, rocksdb::WriteBatch* batch) const;
  // An entry of AppendNow on its way to the disk; `waiter` lives in the thread that waits for it.
  struct Waiter {
    bool decided = false;
    Status outcome;
  };
  struct Unpublished {
    LogRecord record;
    Waiter* waiter;
  };
  // Both return the entry's number, which is not decided yet.
  Result<Seq> WriteNow(const ValueView& key, const ValueView& value, SyncMode sync, Waiter* waiter)
      EXCLUDES(commit_mutex_);
  Status Enqueue(Seq seq, Unpublished entry) REQUIRES(commit_mutex_);
  Status CommitTogether(Waiter* waiter) EXCLUDES(commit_mutex_, mutex_);
  Status PersistTail(SyncMode sync) noexcept;
  void EndCommit(size_t count, const Status& persisted) noexcept EXCLUDES(commit_mutex_, mutex_);
  void AdvanceHead(Seq head) noexcept REQUIRES(mutex_);

  LogStore* const store_;
  std::atomic<Seq> head_{0};
  uint64_t epoch_ = 1;                // constant once the log is open
  Status writable_;                   // constant after set-up
  std::function<void()> on_publish_;  // constant after set-up

  // There was no memory to write an entry, or to take back what had failed: nothing may be appended
  // under its number.
  std::atomic<bool> broken_{false};
  std::atomic<bool> abandoned_{false};
  Turn writer_turn_;
  // Guarded by writer_turn_. (A failed AppendNow reads the token without it: no transaction is
  // under way then.)
  int64_t last_time_ms_ = 0;
  std::string committed_token_;  // of the last conditional transaction that has committed
  bool settled_ = true;          // the metadata do not say that it may be undecided

  // Of AppendNow: what is written beyond the head, and by whom. While there is something, no
  // transaction has the turn.
  Mutex commit_mutex_;
  CondVar decided_;
  std::deque<Unpublished> unpublished_ GUARDED_BY(commit_mutex_);
  SyncMode unpublished_sync_ GUARDED_BY(commit_mutex_) = SyncMode::kOff;  // the strongest of them
  bool committing_ GUARDED_BY(commit_mutex_) = false;  // one of them does it, for all

  mutable Mutex mutex_;  // taken after commit_mutex_
  CondVar head_moved_;
  RecentRecords recent_ GUARDED_BY(mutex_);  // up to head_
};

}  // namespace streamview
