// ViewIndex: one index of a view, in a column family of its own, as a checkpointed function of the
// log.
//
// Changes are appended blindly, and what no longer counts is found when the index is read, and
// removed in the background. Index entries, map errors and the checkpoint change together in one
// write without write-ahead log: what a crash takes is made again from the log.
//
// What the entries of an index are, its kind says (index_kind.h).
//
// Thread-safe. Whoever has the turn advances; readers take the published state and wait for nobody.

#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "core/base/check.h"
#include "core/base/mutex.h"
#include "core/base/seq_set.h"
#include "core/base/status.h"
#include "core/base/turn.h"
#include "core/codec/checkpoint.h"
#include "core/docs/doc_index.h"
#include "core/engine.h"
#include "core/index/drop_horizon.h"
#include "core/index/index_kind.h"
#include "core/storage/derived_store.h"

namespace streamview {

class ViewIndex final : public DropPolicy, public std::enable_shared_from_this<ViewIndex> {
 public:
  using State = IndexState;

  // Opens what `family` holds, or begins an empty index in it. `kind` is the one that the
  // definition asks for (core/index/open_index.h). `log` and `docs` must outlive the index. Where
  // `mapper` is an error the index can be read, and does not advance: can_advance() is that error.
  // REQUIRES: its coverage is not past docs->checkpoint(). Errors: kDamaged, noted as the family's;
  // kIOError.
  static Result<std::shared_ptr<ViewIndex>> Open(Log* log, DocIndex* docs,
                                                 std::shared_ptr<ColumnFamily> family,
                                                 const ViewDefinition& definition,
                                                 Result<std::unique_ptr<Mapper>> mapper,
                                                 std::unique_ptr<IndexKind> kind);
  ~ViewIndex() override;

  // What a column family says of itself; zeros where it is new.
  struct Coverage {
    Checkpoint checkpoint;
    Seq readable_from = 0;
  };
  // Errors: kDamaged, noted as the family's; kIOError.
  static Result<Coverage> ReadCoverage(DerivedStore* store, const ColumnFamily& family);

  // From now on, entries that are superseded at the document index's present checkpoint are not
  // mapped. For a new index, before its first advance; it must not be read before it is past
  // readable_from().
  Status SkipObsolete();
  // 0: the index may be read at any state.
  Seq readable_from() const { return std::max(readable_from_, settled_from_); }

  // The published state: that of readers.
  std::shared_ptr<const State> state() const EXCLUDES(mutex_);
  // How far the log is processed; beyond state()->seq in the middle of a transaction, and while the
  // index is far behind.
  Seq progress() const { return progress_.load(std::memory_order_acquire); }
  const ViewDefinition& definition() const { return definition_; }
  const std::shared_ptr<ColumnFamily>& family() const { return family_; }
  // The outcome of reading what is stored. Where that is damaged, it is noted, and kDamaged.
  Status CheckRead(const rocksdb::Status& read) const;
  // Notes that what is stored contradicts its format. Returns kDamaged.
  Status NoteDamage(std::string_view what) const;
  // Whether damage was noted: then the index is of no use any more.
  bool is_damaged() const { return family_->is_damaged(); }
  rocksdb::DB* db() const { return store_->db(); }
  const Log& log() const { return *log_; }
  const DocIndex& docs() const { return *docs_; }

  // What a reader of `state` sees. `wake` is called when there is something to repair.
  std::shared_ptr<const CommittedView> Read(std::shared_ptr<const State> state,
                                            const std::function<void()>& wake) {
    return kind_->Read(shared_from_this(), std::move(state), wake);
  }
  // Maps the log again, with a mapper of the caller's, and compares with what `state` shows. Memory
  // is bounded. Errors: kCorruption, naming the first differences; kInterrupted...
  Status Check(const State& state, Mapper* mapper, const WaitOptions& wait) const {
    return kind_->Check(*this, state, mapper, wait);
  }

  // OK, or why there is no mapper to advance it with.
  const Status& can_advance() const { return can_advance_; }
  // Processes the log up to `seq`, or finds it done, or finds the index failed or retired: look at
  // state(). REQUIRES: seq <= head of the log. Errors: can_advance(), kInterrupted, kTimedOut,
  // kIOError...
  Status AdvanceTo(Seq seq, const WaitOptions& wait);

  // The right to advance, retire or use the mapper.
  Turn& turn() { return turn_; }
  // For mapping only. REQUIRES: the caller has the turn.
  Mapper* mapper() const {
    SV_REQUIRE(turn_.IsTaken());
    return mapper_.get();
  }
  // Takes the entries of `batch` that follow progress(), or as many as one slice of time allows.
  // Far from the head of the log they are kept in memory first (core/storage/pending_run.h). Does
  // nothing where the batch does not follow on, or the index is failed or retired.
  // REQUIRES: the caller has the turn, batch.last() <= docs->checkpoint(), can_advance() is OK.
  Status Apply(const EntryBatch& batch);
  // The index is no longer anybody's: it stops to advance. REQUIRES: the caller has the turn.
  void Retire() {
    SV_REQUIRE(turn_.IsTaken());
    retired_.store(true, std::memory_order_release);
  }
  bool retired() const { return retired_.load(std::memory_order_acquire); }

  // --- dead entries: those that no longer count
  // Tells of entries that a reader found dead, to be deleted by Repair. More than a bound at a time
  // are forgotten: whoever meets them next tells again.
  void QueueRepair(std::vector<std::string> keys) EXCLUDES(mutex_);
  bool NeedsRepair() const EXCLUDES(mutex_);
  // Deletes those that are still dead: a document may have emitted the same key again. REQUIRES:
  // the caller has the turn.
  Status Repair();
  // Publishes the present state anew, with a snapshot that holds on to nothing that was deleted
  // before.
  Status Refresh(const WaitOptions& wait);
  // Deletes all dead entries, a slice at a time, so that others get the turn in between.
  Status Sweep(const WaitOptions& wait);
  // DropPolicy: what a compaction may leave out.
  DropEntry ForCompaction(uint64_t flushed) override;
  Status Compact() { return store_->Compact(*family_); }

  // Writes what is in memory to the column family. Waits for the turn.
  Status Write();
  // The same, and to disk.
  Status Flush();
  // Writes what is in memory, and that to disk where it is worth it. For an index that is closed.
  Status Close();
  Result<std::vector<MapError>> ListErrors(Seq after, size_t limit) const;

  void CountDeadMet(uint64_t n) { dead_met_.fetch_add(n, std::memory_order_relaxed); }
  uint64_t dead_met() const { return dead_met_.load(std::memory_order_relaxed); }
  // Physical entries, dead ones included. Counted up to 100,000, beyond that an estimate.
  uint64_t CountEntries() const;
  uint64_t BytesOnDisk() const { return store_->BytesOnDisk(family_->handle()); }
  // Why the last attempt to advance, repair or settle it in the background failed; OK: it did not.
  void NoteBackground(const Status& status) EXCLUDES(mutex_);
  Status background_status() const EXCLUDES(mutex_);
  double Rate() const EXCLUDES(mutex_);  // log entries a second in the present run; 0: idle

 private:
  struct Pending;

  ViewIndex(Log* log, DocIndex* docs, std::shared_ptr<ColumnFamily> family,
            const ViewDefinition& definition, Result<std::unique_ptr<Mapper>> mapper,
            std::unique_ptr<IndexKind> kind);
  Status Recover();
  Status RecoverErrors(State* state) const;
  Status Step(Seq seq);
  Status MapBatch(const EntryBatch& batch, Seq from);
  bool Counts(Seq seq) const;
  // Writes what is pending. On error it is forgotten, and read again from the log.
  Status CommitPending();
  Status WritePending();
  void ForgetPending();
  void WriteErrors(const State& old, State* state, FamilyWrite* write) const;
  void NoteProgress(Seq upto) EXCLUDES(mutex_);
  void Publish(std::shared_ptr<State> state) EXCLUDES(mutex_);
  // Publishes the present state again, with a snapshot of what was deleted since, where it can.
  void PublishAgain() EXCLUDES(mutex_);
  Status DeleteDead(const std::vector<std::string>& keys);

  Log* const log_;
  DocIndex* const docs_;
  DerivedStore* const store_;
  const std::shared_ptr<ColumnFamily> family_;
  const ViewDefinition definition_;
  const std::string fingerprint_;  // of the definition
  const Status can_advance_;
  const std::unique_ptr<Mapper> mapper_;  // used by whoever has the turn
  const std::unique_ptr<IndexKind> kind_;

  // Constant once the index advances.
  Seq readable_from_ = 0;
  Seq settled_from_ = 0;  // where it was opened in the middle of a transaction: the next entry
  SeqSet obsolete_;       // superseded as of readable_from_

  Turn turn_;
  // Guarded by turn_: the state that is written, and what was processed since, up to progress().
  std::shared_ptr<State> working_;
  std::unique_ptr<Pending> pending_;
  bool pending_ends_ = false;  // progress() ends a transaction
  uint64_t next_version_ = 1;  // of the next state to be published; guarded by turn_
  std::atomic<Seq> progress_{0};
  std::atomic<bool> retired_{false};
  std::atomic<uint64_t> dead_met_{0};
  DropHorizon horizon_;

  mutable Mutex mutex_;
  std::shared_ptr<const State> state_ GUARDED_BY(mutex_);
  Status background_status_ GUARDED_BY(mutex_);
  std::vector<std::string> repairs_ GUARDED_BY(mutex_);
  // The present run of advances, for Rate().
  WaitOptions::Clock::time_point run_start_ GUARDED_BY(mutex_), last_advance_ GUARDED_BY(mutex_);
  Seq run_start_seq_ GUARDED_BY(mutex_) = 0;
};

}  // namespace streamview
