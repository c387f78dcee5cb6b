// DropHorizon: which entries of an index a compaction may leave out.
//
// What a state of the index supersedes may be dropped from disk only when the state itself is
// there, since a crash goes back to what is on disk, and when no reader holds an older one.
//
// Thread-safe.

#pragma once

#include <cstdint>
#include <deque>
#include <memory>

#include "core/base/mutex.h"
#include "core/base/seq_set.h"

namespace streamview {

class DropHorizon {
 public:
  // Takes in a state of the index, before any reader can have it. `state` is only watched.
  // `written`: RocksDB's sequence number of it. REQUIRES: seq is no less than before.
  void Add(const std::shared_ptr<const void>& state, Seq seq, const SeqSet& superseded,
           uint64_t written) EXCLUDES(mutex_);

  // The log entries whose index entries may be dropped, where all writes up to RocksDB's sequence
  // number `flushed` are on disk. nullptr: none.
  std::shared_ptr<const SeqSet> Droppable(uint64_t flushed) EXCLUDES(mutex_);

 private:
  struct Held {
    std::weak_ptr<const void> state;
    Seq seq;
  };
  struct Point {
    Seq seq;
    uint64_t written;
    std::shared_ptr<const SeqSet> superseded;
  };

  Mutex mutex_;
  std::deque<Held> held_ GUARDED_BY(mutex_);  // states that readers may hold, oldest first
  // Of the states that were waited for, one at a time, until they were on disk: the last one, and
  // the one that is waited for at present. superseded is null: none.
  Point on_disk_ GUARDED_BY(mutex_) = {};
  Point candidate_ GUARDED_BY(mutex_) = {};
};

}  // namespace streamview
