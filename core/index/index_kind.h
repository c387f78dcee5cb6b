// IndexKind: what the entries of an index are.
//
// ViewIndex knows when an index advances, and how it is written, published and recovered; the kind
// knows what is written, how it is read, and what no longer counts. Kinds: row_kind.h,
// reduce_kind.h.

#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/base/seq_set.h"
#include "core/base/status.h"
#include "core/engine.h"
#include "core/storage/derived_store.h"
#include "core/storage/drop_filter.h"

namespace streamview {

class FamilyWrite;
class ViewIndex;

// What an index is after the log entries up to seq, which ends a transaction (but where the index
// has failed). Immutable.
struct IndexState {
  Seq seq = 0;
  uint64_t version = 0;  // counts the published states
  SeqSet superseded;     // the log entries that no longer count
  SeqSet errors;         // the log entries that count and that the map failed on
  std::string last_error;
  Status failure;                                     // where on_error=stop halted it: at seq + 1
  std::shared_ptr<const rocksdb::Snapshot> snapshot;  // the column family at this state
};

// What a run of log entries changes in the index, in memory until it is written.
class IndexChange {
 public:
  virtual ~IndexChange() = default;
  // Takes in the next entry, which is not superseded yet as far as the index knows. `withdrawn`:
  // the entry that it supersedes, where that was taken in before and the map did not fail on it;
  // else 0. False, with *why, where the map fails on the entry: then nothing is added, and with
  // on_error=stop nothing is taken out either. On error the change is as it was. REQUIRES: the
  // caller has the index's turn. Errors: those that say nothing about the entry.
  virtual Result<bool> TakeIn(const Entry& entry, Seq withdrawn, std::string* why) = 0;
  virtual size_t keys() const = 0;   // about so many
  virtual size_t bytes() const = 0;  // of memory, about
  // Writes index entries, by ascending key, that bring the index to `state`.
  virtual void Write(const IndexState& state, FamilyWrite* write) = 0;
};

// One for each index. Thread-safe, but for what its changes say.
class IndexKind {
 public:
  virtual ~IndexKind() = default;

  // A change of `index`, which must outlive it.
  virtual std::unique_ptr<IndexChange> NewChange(ViewIndex* index) = 0;

  // Which entries of the index are dead, once the log entries `superseded` are. They may be deleted
  // at any time, from the present state or a later one. Empty: none.
  virtual DropEntry Dead(const SeqSet& superseded) const = 0;

  // See ViewIndex::Read and ViewIndex::Check.
  virtual std::shared_ptr<const CommittedView> Read(std::shared_ptr<ViewIndex> index,
                                                    std::shared_ptr<const IndexState> state,
                                                    const std::function<void()>& wake) = 0;
  virtual Status Check(const ViewIndex& index, const IndexState& state, Mapper* mapper,
                       const WaitOptions& wait) = 0;
};

}  // namespace streamview
