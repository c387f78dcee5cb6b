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
#include <map>
#include <memory>
#include <shared_mutex>
#include <string>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/status.h"
#include "core/storage/background_error.h"
#include "core/storage/drop_filter.h"
#include "core/storage/family_names.h"
#include "core/storage/options.h"
#include "core/storage/pending_run.h"

namespace streamview {

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
  // Stores on disk that are opened from now on use `env`, which must outlive them; null: the
  // system's. For tests that make the disk fail.
  static void SetEnvForTesting(rocksdb::Env* env);

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

  // Why writes are refused, or OK. An error of the disk stays until Resume succeeds.
  Status background_error() const { return background_error_->status(); }
  // Where writes are refused, tries to bring them back: flushes what is in memory, since the
  // write-ahead log may have lost it, and begins a new one. Does nothing where they are not
  // refused. Whatever is refused calls it, so a store heals with the next write that the disk
  // takes. Errors: the background error.
  Status Resume() EXCLUDES(resume_mutex_);

  // Writes with the write-ahead log (into a buffer: FlushWal gives it to the system).
  Status WriteLogged(rocksdb::WriteBatch* batch) EXCLUDES(wal_mutex_);
  // Undoes a WriteLogged that failed, or that FlushWal could not make durable, by `batch`. Cannot
  // fail: what it undoes is gone from memory at once, and from the disk before the store takes
  // another write. Should the process die before that, it may be there after all.
  void TakeBack(rocksdb::WriteBatch batch) EXCLUDES(resume_mutex_);
  // Writes without it: lost in a crash unless the column family was flushed since. So it goes on
  // where it is only the write-ahead log that has failed.
  Status WriteUnlogged(rocksdb::WriteBatch* batch);
  // Gives buffered write-ahead log to the operating system, and with `sync` to the disk. Concurrent
  // calls share one fsync.
  Status FlushWal(bool sync) EXCLUDES(wal_mutex_);
  Status Flush(rocksdb::ColumnFamilyHandle* family);
  // Rewrites all of the family's files, without what was deleted or may be dropped.
  Status Compact(rocksdb::ColumnFamilyHandle* family);

  // The path of a file, not there yet, that is being made for a column family to take in. What is
  // left of such files is removed when the store is opened.
  std::string NewBuildingFile();
  // Makes such a file, sorted and whole, a part of the family: atomic, and durable on return. The
  // file itself is moved away.
  Status TakeIn(rocksdb::ColumnFamilyHandle* family, const std::string& file);
  // What indexes may keep in memory, all together, before they write it.
  MemoryBudget& building_memory() { return building_memory_; }

  uint64_t BytesOnDisk(rocksdb::ColumnFamilyHandle* family) const;

 private:
  bool IsDropped(rocksdb::ColumnFamilyHandle* family) const EXCLUDES(mutex_);
  Store() = default;
  Status OpenDatabase(const StoreOptions& options);
  bool HasRoom() const;
  rocksdb::Status TryToWrite(bool* written);
  rocksdb::Status ResumeDatabase();
  Status Written(const rocksdb::Status& status, const std::string& what);
  rocksdb::ColumnFamilyOptions OptionsOf(const std::string& family,
                                         std::shared_ptr<DropSlot>* drop_slot);

  std::string directory_;
  SharedBuffers buffers_;
  MemoryBudget building_memory_{kBuildingBytes};
  std::atomic<uint64_t> building_files_{0};
  std::shared_ptr<FlushListener> flush_listener_ = std::make_shared<FlushListener>();
  std::shared_ptr<BackgroundError> background_error_ = std::make_shared<BackgroundError>();
  std::unique_ptr<rocksdb::Env> memory_env_;  // null where the store is on disk
  std::unique_ptr<rocksdb::DB> db_;
  // Closed before db_ is: declared after it.
  std::unique_ptr<ColumnFamily> meta_, log_, docs_;
  std::vector<std::unique_ptr<ColumnFamily>> foreign_;
  Mutex resume_mutex_;
  std::vector<rocksdb::WriteBatch> undo_ GUARDED_BY(resume_mutex_);  // what TakeBack has to undo
  // Held, shared, by whatever writes, flushes or compacts; Resume has it for itself.
  std::shared_mutex in_use_;
  // Held while the write-ahead log is written, if only to memory: RocksDB asserts that nobody
  // appends to a file that has failed.
  Mutex wal_mutex_;
  mutable Mutex mutex_;
  // Of all column families, with RocksDB's number, which is never used again.
  std::map<std::string, uint32_t> names_ GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<ColumnFamily>> found_views_ GUARDED_BY(mutex_);
};

// A snapshot that is released with the last reference to it. Must be gone before the Store.
std::shared_ptr<const rocksdb::Snapshot> TakeSnapshot(rocksdb::DB* db);

}  // namespace streamview
