// DropFilter: lets a compaction leave out entries that nobody needs any more.
//
// RocksDB's compaction filters see entries without regard to snapshots, and may drop from disk what
// a crash would need again. So at the start of each compaction the owner of the column family is
// asked what may go, and told how much of its writing is on disk.

#pragma once

#include <rocksdb/compaction_filter.h>
#include <rocksdb/listener.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/mutex.h"

namespace streamview {

// True where the entry may be dropped.
using DropEntry = std::function<bool(std::string_view key, std::string_view value)>;

// Whoever owns the entries of a column family.
class DropPolicy {
 public:
  virtual ~DropPolicy() = default;
  // `flushed` is RocksDB's sequence number up to which all writes to the family are on disk. An
  // empty function: drop nothing. Called from RocksDB's threads.
  virtual DropEntry ForCompaction(uint64_t flushed) = 0;
};

// Where the policy of one column family is found by its compactions. Thread-safe.
class DropSlot {
 public:
  void Set(std::weak_ptr<DropPolicy> policy) EXCLUDES(mutex_);
  void NoteFlushed(uint64_t upto) EXCLUDES(mutex_);
  DropEntry ForCompaction() EXCLUDES(mutex_);

 private:
  Mutex mutex_;
  std::weak_ptr<DropPolicy> policy_ GUARDED_BY(mutex_);
  uint64_t flushed_ GUARDED_BY(mutex_) = 0;
};

// The RocksDB side of a slot, for the options of its column family.
std::shared_ptr<rocksdb::CompactionFilterFactory> NewDropFilterFactory(
    std::shared_ptr<DropSlot> slot);

// Tells slots of flushes. One for each database.
class FlushListener final : public rocksdb::EventListener {
 public:
  void Add(const std::string& family, std::weak_ptr<DropSlot> slot) EXCLUDES(mutex_);
  void OnFlushCompleted(rocksdb::DB* db, const rocksdb::FlushJobInfo& info) override;

 private:
  Mutex mutex_;
  std::map<std::string, std::weak_ptr<DropSlot>> slots_ GUARDED_BY(mutex_);  // by family
};

}  // namespace streamview
