// Database: one of the two RocksDB databases of a log directory, and what becomes of errors of the
// disk. What the two hold, and how it is written, say LogStore (log_store.h) and DerivedStore
// (derived_store.h).
//
// Column families whose names mean nothing to streamview belong to somebody else: they are opened,
// because RocksDB asks for it, and left alone.
//
// Thread-safe.

#pragma once

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <memory>
#include <shared_mutex>
#include <string>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/status.h"
#include "core/storage/background_error.h"
#include "core/storage/column_family.h"
#include "core/storage/options.h"

namespace streamview {

struct StoreOptions {
  std::string directory;        // of the log, absolute; empty: in memory
  bool create = false;          // make the database where there is none
  SharedBuffers buffers;        // what the databases of one log share; empty: one's own
  rocksdb::Env* env = nullptr;  // of the files on disk, outlives the database; null: DiskEnv()
};

class Database {
 public:
  virtual ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  // Databases on disk that are opened from now on use `env`, which must outlive them; null: the
  // system's. For tests that make the disk fail.
  static void SetEnvForTesting(rocksdb::Env* env);
  // The one that databases on disk use, unless they are given another.
  static rocksdb::Env* DiskEnv();

  rocksdb::DB* db() const { return db_.get(); }

  // Why writes are refused, or OK. An error of the disk stays until Resume succeeds.
  Status background_error() const { return background_error_->status(); }
  // Where writes are refused, tries to bring them back: flushes what is in memory, since the
  // write-ahead log may have lost it, and begins a new one. Does nothing where they are not
  // refused. Whatever is refused calls it, so a database heals with the next write that the disk
  // takes. Errors: the background error.
  Status Resume() EXCLUDES(resume_mutex_);

  Status Flush(rocksdb::ColumnFamilyHandle* family);
  uint64_t BytesOnDisk(rocksdb::ColumnFamilyHandle* family) const;

 protected:
  // Held, shared, by whatever writes, flushes or compacts; Resume has it for itself.
  using InUse = std::shared_lock<std::shared_mutex>;

  // `uses_wal`: whether anything is written with the write-ahead log.
  // `what` it holds, for messages.
  Database(bool uses_wal, const std::string& what)
      : uses_wal_(uses_wal), background_error_(std::make_shared<BackgroundError>(what)) {}

  // The options for a column family, and for that of a view where its compactions ask what they may
  // drop. Called while the database is opened.
  struct FamilySetUp {
    rocksdb::ColumnFamilyOptions options;
    std::shared_ptr<DropSlot> drop_slot;
  };
  virtual FamilySetUp SetUpFamily(const std::string& name) = 0;
  using Families = std::vector<std::unique_ptr<ColumnFamily>>;
  // Opens what is in `directory` (with options.create, or makes it), and the families `wanted`
  // beside those that are there. Errors are RocksDB's own.
  rocksdb::Status OpenDatabase(const StoreOptions& options, const std::string& directory,
                               rocksdb::DBOptions db_options,
                               const std::vector<std::string>& wanted, Families* families);
  // To be called by the destructors of subclasses, once they hold no column family any more.
  void Close();

  bool in_memory() const { return memory_env_ != nullptr; }
  const std::string& directory() const { return directory_; }
  rocksdb::Env* env() const { return env_; }
  const SharedBuffers& buffers() const { return buffers_; }
  BackgroundError& background() { return *background_error_; }
  // Converts the outcome of a write, and notes an error of the disk.
  Status Written(const rocksdb::Status& status, const std::string& what);
  // Whether the family need not be flushed any more.
  virtual bool IsDropped(rocksdb::ColumnFamilyHandle*) const { return false; }
  // Rewrites all of the family's files, without what was deleted or may be dropped.
  rocksdb::Status CompactAll(rocksdb::ColumnFamilyHandle* family);
  // Merges files of the family that are small, as short-lived processes leave them, so that their
  // number depends on what it holds and not on who wrote it; does nothing below `few` of them. For
  // families in which new keys follow the old ones, or that are small.
  Status MergeFiles(rocksdb::ColumnFamilyHandle* family, size_t few);
  // Undoes by `batch` a write that failed. Cannot fail: what it undoes is gone from memory at once,
  // and from the disk before the database takes another write.
  void TakeBack(rocksdb::WriteBatch batch) EXCLUDES(resume_mutex_);

  std::shared_mutex in_use_;
  Families foreign_;  // of others

 private:
  bool HasRoom() const;
  rocksdb::Status TryToWrite(bool* written);
  rocksdb::Status ResumeDatabase();

  const bool uses_wal_;
  std::string directory_;
  SharedBuffers buffers_;
  const std::shared_ptr<BackgroundError> background_error_;
  std::unique_ptr<rocksdb::Env> memory_env_;  // null where the database is on disk
  rocksdb::Env* env_ = nullptr;
  std::unique_ptr<rocksdb::DB> db_;
  Mutex flush_mutex_;  // one flush that was asked for at a time; taken after in_use_
  Mutex resume_mutex_;
  std::vector<rocksdb::WriteBatch> undo_ GUARDED_BY(resume_mutex_);  // what TakeBack has to undo
};

// Without write-ahead log.
rocksdb::WriteOptions Unlogged();

// A snapshot that is released with the last reference to it. Must be gone before the database.
std::shared_ptr<const rocksdb::Snapshot> TakeSnapshot(rocksdb::DB* db);

}  // namespace streamview
