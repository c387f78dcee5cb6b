// DocIndex: which entry of the log is the latest of each document, and which one each entry
// supersedes.
//
// It walks the log ahead of the views, and is itself a checkpointed function of it: what a crash
// takes from its column family is made again from the log. An index that is damaged is emptied: its
// checkpoint goes back to 0, and reads past it fail with kDamaged. Call AdvanceTo, then try again.
//
// Documents, superseded entries and checkpoint share one column family, so that one write holds
// them together, and with them how many documents there are. Some are kept in memory first, few
// near the head of the log, many far from it
// (core/storage/pending_run.h); whoever asks is answered from both.
//
// Thread-safe.

#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/seq_set.h"
#include "core/base/status.h"
#include "core/codec/checkpoint.h"
#include "core/log/batch_reader.h"
#include "core/log/log.h"
#include "core/log/log_reader.h"
#include "core/storage/derived_store.h"

namespace streamview {

// `superseded` stopped counting when `by` was appended.
struct Supersession {
  Seq by;
  Seq superseded;
};

// The stored form of a document version (docs/format.md), and where keys begin in the column
// family.
void AppendVersion(std::string* dst, const DocVersion& version);
// Errors: kDamaged, noted as the family's.
Status ReadVersion(const ColumnFamily& family, std::string_view bytes, DocVersion* version);
inline constexpr std::string_view kFirstDocKey = "\2";

class DocIndex {
 public:
  // `log` and `store` must outlive the index. An index that is damaged, of another epoch, or ahead
  // of the log (the directory lost the log's tail) is emptied and made again. Errors: kCorruption
  // (of the log), kIOError.
  static Result<std::unique_ptr<DocIndex>> Open(Log* log, DerivedStore* store);

  Seq checkpoint() const { return checkpoint_.load(std::memory_order_acquire); }

  // Processes the log up to `seq`, or finds it done; first empties an index that was found damaged.
  // REQUIRES: seq <= head of the log
  Status AdvanceTo(Seq seq, const WaitOptions& wait) EXCLUDES(mutex_, pending_mutex_);
  // The same, and on to the end of the transaction, so that TakeState() shows it.
  Status SettleAt(Seq seq, const WaitOptions& wait) EXCLUDES(mutex_, pending_mutex_);
  // One batch of that, at most. For the indexer, which has other things to do as well.
  Status AdvanceBatch(Seq seq) EXCLUDES(mutex_, pending_mutex_);
  // Processes the log up to the batch's last entry, and need not read the batch again.
  Status AdvanceOver(const EntryBatch& batch) EXCLUDES(mutex_, pending_mutex_);

  // What follows REQUIRES that the index was advanced as far as is asked for. Errors: kDamaged (it
  // has been emptied since, or will be), kIOError.

  // Appends to `out` what the entries in (after, upto] superseded, ascending in `by`; once there
  // are `limit` in it, it may end there.
  Status ListSupersessions(Seq after, Seq upto, std::vector<Supersession>* out,
                           size_t limit = SIZE_MAX) const EXCLUDES(pending_mutex_);

  // Adds to `set` the entries that those in (after, upto] superseded.
  Status AddSuperseded(Seq after, Seq upto, SeqSet* set) const;
  // All that the entries up to `upto` superseded. What was found for the latest is kept.
  Result<SeqSet> Superseded(Seq upto) const EXCLUDES(superseded_mutex_);

  // The entry that was the latest one of the document at `at`, tombstones included.
  Result<DocVersion> FindLatest(const ValueView& key, Seq at) const;
  // The entry that `seq` superseded.
  Result<DocVersion> FindPrevious(Seq seq) const;
  // The first of `version` and those it superseded, one after the other, that is not past `at`.
  Result<DocVersion> AsOf(DocVersion version, Seq at) const;

  // The index at a moment: `snapshot` shows `family` as it is then, which may hold the beginning of
  // a transaction; `seq` is the end of the last whole one.
  struct State {
    Seq seq = 0;
    Seq checkpoint = 0;
    uint64_t documents = 0;  // that are live at the checkpoint
    std::shared_ptr<const ColumnFamily> family;
    std::shared_ptr<const rocksdb::Snapshot> snapshot;
  };
  Result<State> TakeState() EXCLUDES(mutex_, pending_mutex_);

  // Writes what is in memory to the column family.
  Status Write() EXCLUDES(mutex_, pending_mutex_);
  // The same, and to disk.
  Status Flush() EXCLUDES(mutex_, pending_mutex_);
  // Merges its files, and drops what was overwritten.
  Status Compact() EXCLUDES(mutex_, pending_mutex_);
  // Writes what is in memory, and that to disk where it is worth it. For an index that is closed.
  Status Close() EXCLUDES(mutex_, pending_mutex_);

  // Whether damage was noted: the next advance begins anew.
  bool is_damaged() const { return family()->is_damaged(); }
  // What the indexer met when it last advanced the index; for sv_status.
  void NoteBackground(const Status& status) EXCLUDES(pending_mutex_);
  Status background_status() const EXCLUDES(pending_mutex_);
  // Why the index had to be made anew since the log was opened; empty: it did not.
  std::string loss() const EXCLUDES(pending_mutex_);
  uint64_t BytesOnDisk() const EXCLUDES(pending_mutex_);

  Log* log() const { return log_; }
  // What this index and those that follow it read of the log.
  BatchReader& batches() const { return batches_; }
  DerivedStore* store() const { return store_; }

 private:
  using Versions = std::unordered_map<std::string, DocVersion>;  // by key, as it is stored

  using Family = std::shared_ptr<const ColumnFamily>;

  DocIndex(Log* log, DerivedStore* store);
  Status Recover() EXCLUDES(mutex_, pending_mutex_);
  // False: what the column family holds is of no use.
  Result<bool> RecoverWritten() REQUIRES(mutex_) EXCLUDES(pending_mutex_);
  // The number of documents that was written with the checkpoint; nothing: an earlier version has
  // written that, or there is none.
  Result<std::optional<uint64_t>> RecoverCount(const ColumnFamily& family,
                                               const Checkpoint& checkpoint) const;
  Status RecoverSuperseding(const ColumnFamily& family);
  // Begins anew, in a new column family.
  Status Reset() REQUIRES(mutex_) EXCLUDES(pending_mutex_);
  Status ResetIfDamaged() REQUIRES(mutex_) EXCLUDES(pending_mutex_);
  Family family() const EXCLUDES(pending_mutex_);
  Status CheckReaches(Seq seq) const REQUIRES(pending_mutex_);
  Status Apply(std::span<const Entry> entries) REQUIRES(mutex_) EXCLUDES(pending_mutex_);
  Status ReadWritten(std::span<const Entry> entries, Versions* versions) REQUIRES(mutex_)
      EXCLUDES(pending_mutex_);
  void AddVersion(const Entry& entry, const Versions& written) REQUIRES(mutex_, pending_mutex_);
  Status WritePending() REQUIRES(mutex_) EXCLUDES(pending_mutex_);
  // The first of the recent supersessions by `seq` or later.
  std::deque<std::pair<Seq, DocVersion>>::const_iterator FindRecent(Seq seq) const
      REQUIRES(pending_mutex_);
  Status ListWritten(const ColumnFamily& family, Seq after, Seq upto,
                     std::vector<Supersession>* out, size_t limit) const;
  Result<Seq> LastEnd(Seq seq) const;
  Status ReadLatest(const ColumnFamily& family, const std::string& doc_key,
                    DocVersion* version) const;

  Log* const log_;
  DerivedStore* const store_;
  mutable BatchReader batches_;  // thread-safe
  Mutex mutex_;                  // one advance at a time
  std::atomic<Seq> checkpoint_{0};
  std::atomic<Seq> settled_{0};  // the end of the last whole transaction
  // No entry outside of these superseded another: a log of distinct documents is never searched.
  std::atomic<Seq> first_superseding_{UINT64_MAX};
  std::atomic<Seq> last_superseding_{0};

  // Taken after mutex_, which who changes them has, too.
  mutable Mutex pending_mutex_;
  Family family_ GUARDED_BY(pending_mutex_);
  std::string loss_ GUARDED_BY(pending_mutex_);
  Status background_status_ GUARDED_BY(pending_mutex_);
  // The latest versions that are not written yet.
  Versions pending_ GUARDED_BY(pending_mutex_);
  size_t pending_bytes_ GUARDED_BY(pending_mutex_) = 0;  // about so many, superseded_ included
  uint64_t documents_ GUARDED_BY(pending_mutex_) = 0;    // live, at the checkpoint
  PendingRun pending_run_ GUARDED_BY(pending_mutex_);
  Seq written_ GUARDED_BY(pending_mutex_) = 0;  // the checkpoint in the column family
  // What each entry from recent_from_ on superseded, where it did; ascending. Those up to written_
  // are in the column family, too.
  std::deque<std::pair<Seq, DocVersion>> superseded_ GUARDED_BY(pending_mutex_);
  Seq recent_from_ GUARDED_BY(pending_mutex_) = 1;

  mutable Mutex superseded_mutex_;
  mutable SeqSet superseded_set_ GUARDED_BY(superseded_mutex_);  // by the entries up to
  mutable Seq superseded_upto_ GUARDED_BY(superseded_mutex_) = 0;
};

}  // namespace streamview
