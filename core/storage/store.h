// Store: the RocksDB database of one log directory. The only place that opens RocksDB and that
// decides its options.
//
// Column families (docs/format.md): `default` metadata, `log`, `docs`, and one `mrview-<view>` for
// each index of a view. Column families with other names belong to somebody else: they are opened,
// because RocksDB asks for it, and left alone.
//
// Thread-safe.

#pragma once

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/status.h"
#include "core/storage/drop_filter.h"
#include "core/storage/options.h"
#include "core/storage/pending_run.h"

namespace streamview {

inline constexpr char kViewFamilyPrefix[] = "mrview-";
// Of files that are not RocksDB's yet (Store::NewBuildingFile).
inline constexpr char kBuildingPrefix[] = "building-";

// An open column family. Its data can be read as long as the object lives, even once it was
// dropped. Must be gone before its Store.
class ColumnFamily {
 public:
  ColumnFamily(rocksdb::DB* db, rocksdb::ColumnFamilyHandle* handle,
               std::shared_ptr<DropSlot> drop_slot)
      : db_(db), handle_(handle), drop_slot_(std::move(drop_slot)) {}
  ~ColumnFamily();
  ColumnFamily(const ColumnFamily&) = delete;
  ColumnFamily& operator=(const ColumnFamily&) = delete;

  rocksdb::ColumnFamilyHandle* handle() const { return handle_; }
  // Where to say which entries compactions may drop. Null for all but the families of views.
  DropSlot* drop_slot() const { return drop_slot_.get(); }
  std::string name() const { return handle_->GetName(); }

 private:
  rocksdb::DB* const db_;
  rocksdb::ColumnFamilyHandle* const handle_;
  const std::shared_ptr<DropSlot> drop_slot_;
};

struct StoreOptions {
  std::string directory;  // absolute; empty: in memory
  bool create = false;    // make the database where there is none
};

class Store {
 public:
  // Errors: kBusy (locked; the message names the holder's pid where that is another process),
  // kCannotOpen, kCorruption, kIOError.
  static Result<std::unique_ptr<Store>> Open(const StoreOptions& options);
  // Writes to disk what is only in memory, and closes.
  ~Store();

  rocksdb::DB* db() const { return db_.get(); }
  rocksdb::ColumnFamilyHandle* meta() const { return meta_->handle(); }
  rocksdb::ColumnFamilyHandle* log() const { return log_->handle(); }
  rocksdb::ColumnFamilyHandle* docs() const { return docs_->handle(); }

  // The view column families found when the database was opened; the caller takes them over.
  std::vector<std::shared_ptr<ColumnFamily>> TakeViewFamilies();
  // An empty column family for an index of view `view`: `mrview-<view>`, with a number behind where
  // that name is taken.
  Result<std::shared_ptr<ColumnFamily>> CreateViewFamily(const std::string& view);
  // The data goes once the last holder lets go of the family.
  Status DropViewFamily(const ColumnFamily& family);

  // Writes with the write-ahead log (into a buffer: FlushWal gives it to the system).
  Status WriteLogged(rocksdb::WriteBatch* batch);
  // Writes without it: lost in a crash unless the column family was flushed since.
  Status WriteUnlogged(rocksdb::WriteBatch* batch);
  // Gives buffered write-ahead log to the operating system, and with `sync` to the disk. Concurrent
  // calls share one fsync.
  Status FlushWal(bool sync);
  Status Flush(rocksdb::ColumnFamilyHandle* family);
  // Rewrites all of the family's files, without what was deleted or may be dropped.
  Status Compact(rocksdb::ColumnFamilyHandle* family);

  // The path of a file, not there yet, that is being made for a column family to take in. What is
  // left of such files is removed when the store is opened.
  std::string NewBuildingFile();
  // What indexes may keep in memory, all together, before they write it.
  MemoryBudget& building_memory() { return building_memory_; }

  uint64_t BytesOnDisk(rocksdb::ColumnFamilyHandle* family) const;

 private:
  Store() = default;
  Status OpenDatabase(const StoreOptions& options);
  rocksdb::ColumnFamilyOptions OptionsOf(const std::string& family,
                                         std::shared_ptr<DropSlot>* drop_slot);

  std::string directory_;
  SharedBuffers buffers_;
  MemoryBudget building_memory_{kBuildingBytes};
  std::atomic<uint64_t> building_files_{0};
  std::shared_ptr<FlushListener> flush_listener_ = std::make_shared<FlushListener>();
  std::unique_ptr<rocksdb::Env> memory_env_;  // null where the store is on disk
  std::unique_ptr<rocksdb::DB> db_;
  // Closed before db_ is: declared after it.
  std::unique_ptr<ColumnFamily> meta_, log_, docs_;
  std::vector<std::unique_ptr<ColumnFamily>> foreign_;
  Mutex mutex_;
  std::set<std::string> names_ GUARDED_BY(mutex_);  // of all column families
  std::vector<std::shared_ptr<ColumnFamily>> found_views_ GUARDED_BY(mutex_);
};

// A snapshot that is released with the last reference to it. Must be gone before the Store.
std::shared_ptr<const rocksdb::Snapshot> TakeSnapshot(rocksdb::DB* db);

}  // namespace streamview
