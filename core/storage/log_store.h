// LogStore: the database of the log itself, with a write-ahead log. All else that a log directory
// holds is made from it.
//
// Column families (docs/format.md): `default`, metadata, and `log`.
//
// Thread-safe.

#pragma once

#include <memory>

#include "core/storage/database.h"

namespace streamview {

class LogStore final : public Database {
 public:
  // Drops what a directory of version 0.1 has of derived data. Errors: kBusy (locked; the message
  // names the holder's pid where that is another process), kCannotOpen, kCorruption, kFull.
  static Result<std::unique_ptr<LogStore>> Open(const StoreOptions& options);
  // Writes to disk what is only in memory, and closes.
  ~LogStore() override;

  rocksdb::ColumnFamilyHandle* meta() const { return meta_->handle(); }
  rocksdb::ColumnFamilyHandle* log() const { return log_->handle(); }

  // Writes with the write-ahead log (into a buffer: FlushWal gives it to the system).
  Status Write(rocksdb::WriteBatch* batch) EXCLUDES(wal_mutex_);
  // Gives buffered write-ahead log to the operating system, and with `sync` to the disk. Concurrent
  // calls share one fsync.
  Status FlushWal(bool sync) EXCLUDES(wal_mutex_);
  // Undoes a Write that failed, or that FlushWal could not make durable, by `batch`. Cannot fail:
  // what it undoes is gone from memory at once, and from the disk before the store takes another
  // write. Should the process die before that, it may be there after all.
  using Database::TakeBack;

  // Writes all to disk, and rewrites it there without what was deleted.
  Status Compact();
  // Merges files that are small, as short-lived processes leave them, so that their number depends
  // on what the log holds and not on who wrote it. Does nothing below `few` of them.
  Status MergeSmallFiles(size_t few);

 private:
  LogStore() : Database(/*uses_wal=*/true, "the log") {}
  Status OpenFamilies(const StoreOptions& options);
  FamilySetUp SetUpFamily(const std::string& name) override;

  // Held while the write-ahead log is written, if only to memory: RocksDB asserts that nobody
  // appends to a file that has failed.
  Mutex wal_mutex_;
  std::unique_ptr<ColumnFamily> meta_, log_;
};

}  // namespace streamview
