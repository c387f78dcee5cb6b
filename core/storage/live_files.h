// LiveFiles: what a database has on disk at one moment, to be copied while it goes on.
//
// RocksDB's files only grow or go, so a list of them with their lengths is a state of the whole
// database. The object keeps RocksDB from deleting any of them; nobody waits for the copying.

#pragma once

#include <rocksdb/db.h>
#include <rocksdb/file_system.h>

#include <memory>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "core/base/wait.h"
#include "core/storage/database.h"

namespace streamview {

class LiveFiles {
 public:
  // What was flushed before the call, of the write-ahead log too. `store` must outlive the object,
  // and not be in memory.
  static Result<std::unique_ptr<LiveFiles>> Capture(Database* store);
  ~LiveFiles();
  LiveFiles(const LiveFiles&) = delete;
  LiveFiles& operator=(const LiveFiles&) = delete;

  // Brings them into an existing directory: files that never change as hard links where the file
  // system has them, all others as copies that are on disk when it returns. On error some of them
  // may be there. Errors: kInterrupted (the deadline is not looked at), kFull, kIOError.
  Status CopyTo(const std::string& directory, const WaitOptions& wait) const;

 private:
  explicit LiveFiles(Database* store);
  Status Copy(const rocksdb::LiveFileStorageInfo& file, const std::string& target,
              const WaitOptions& wait) const;
  Status Link(const rocksdb::LiveFileStorageInfo& file, const std::string& target,
              const WaitOptions& wait) const;

  rocksdb::DB* const db_;
  const std::shared_ptr<rocksdb::FileSystem> disk_;  // of the copies
  const rocksdb::FileOptions options_;
  std::vector<rocksdb::LiveFileStorageInfo> files_;
};

}  // namespace streamview
