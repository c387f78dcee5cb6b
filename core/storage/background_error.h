// BackgroundError: why a store takes no more writes, and what RocksDB makes of errors of the disk.
//
// By itself, RocksDB takes most errors of the disk for final, also a damaged block that a
// compaction has met, and recovers from a full one by threads of its own. Here the store decides
// (Database::Resume), and RocksDB is to be stopped only where it must: in 7.8, a flush that is
// about to begin when RocksDB stops is forgotten, and the recovery then waits for it forever.
//
// Thread-safe.

#pragma once

#include <rocksdb/db.h>
#include <rocksdb/listener.h>

#include <atomic>
#include <functional>

#include "core/base/mutex.h"
#include "core/base/status.h"

namespace streamview {

class BackgroundError final : public rocksdb::EventListener {
 public:
  // `what` is in the database, for messages.
  explicit BackgroundError(std::string what) : what_(std::move(what)) {}

  // OK: the store takes writes.
  Status status() const EXCLUDES(mutex_);
  // Sets the error, unless there is one already.
  void Note(const Status& error) EXCLUDES(mutex_);
  void Clear() EXCLUDES(mutex_);

  // To be called once the database is open.
  void Attach(rocksdb::DB* db) { db_.store(db); }
  // A write of the manifest has failed, and the caller has disabled the deletion of files once: it
  // stays disabled until a flush has written a new manifest.
  void NoteManifestError() { manifest_errors_++; }
  // Lets background jobs run again, where an error has paused them.
  void Unpause();
  // Whether an error of the write-ahead log stops RocksDB. By default it does not: whoever writes
  // is told, and the indexes, which do not use the log, go on.
  void set_wal_errors_stop(bool stop) { wal_errors_stop_.store(stop); }
  // Returns when the family has been flushed, as far as it was to be, or need not be any more, or
  // with the error. `need_not` is called with no lock held.
  Status AwaitFlush(rocksdb::ColumnFamilyHandle* family, const std::function<bool()>& need_not)
      EXCLUDES(mutex_);

  // --- for RocksDB
  void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status* error) override;
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason reason, rocksdb::Status error,
                            bool* auto_recovery) override;
  void OnFlushCompleted(rocksdb::DB* db, const rocksdb::FlushJobInfo& info) override;

 private:
  const std::string what_;
  std::atomic<rocksdb::DB*> db_{nullptr};
  std::atomic<bool> wal_errors_stop_{false};
  std::atomic<bool> paused_{false};
  std::atomic<int> manifest_errors_{0};  // each has disabled the deletion of files once
  mutable Mutex mutex_;
  CondVar changed_;
  Status status_ GUARDED_BY(mutex_);
};

}  // namespace streamview
