// FaultFileSystem: RocksDB's file system on a disk that fails when a test wants it to.
//
// It writes to the real one (and syncs nothing there), and keeps what a loss of power would take:
// what was appended to a file since its last sync, and the files created and renamed in a directory
// since that was synced. (A deletion is durable at once.) After RocksDB's FaultInjectionTestFS and
// LevelDB's FaultInjectionTestEnv.
//
//   FaultDisk disk;                                   // all stores of the process, while it lives
//   disk->FailAt(FaultOp::kSync, 3, Repeat::kOnce);   // or Fill(bytes), or CutPowerAfter(ops)
//   ... use and close the engine ...
//   disk->LosePower(nullptr);                         // the disk as found by the next start
//
// Thread-safe.

#pragma once

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/mutex.h"
#include "core/storage/env.h"
#include "tests/ext/testing/seed.h"

namespace streamview::testing {

enum class FaultOp {
  kAppend,
  kSync,  // of a file or a directory
  kOpen,  // for reading or writing
  kRename,
};
enum class Repeat { kOnce, kForGood };

class FaultFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  FaultFileSystem() : FileSystemWrapper(StoreFileSystem()) {}
  const char* Name() const override { return "FaultFileSystem"; }

  // --- faults; each call replaces the fault set before
  // Lets the n-th `op` from now (1: the next) fail with `error`, and where `repeat` says so all
  // that follow it. A failed append writes half of its bytes.
  void FailAt(FaultOp op, int n, Repeat repeat,
              rocksdb::IOStatus error = rocksdb::IOStatus::IOError("injected fault"));
  // Leaves room for so many bytes: what is appended beyond is cut off there, and fails for lack of
  // space.
  void Fill(uint64_t bytes_left);
  // After so many changes of the disk, all that follow fail and have no effect.
  void CutPowerAfter(int ops);
  // The disk is in order again.
  void Mend();
  // Whether an operation has failed since the fault was set.
  bool met() const EXCLUDES(mutex_);

  // Takes from the disk what a loss of power would, and mends it. With `torn`, what was not synced
  // of a file is lost from a random byte on. REQUIRES: nobody has a file open for writing.
  void LosePower(Random* torn);

  // --- FileSystem
  rocksdb::IOStatus NewSequentialFile(const std::string& path, const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSSequentialFile>* file,
                                      rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewRandomAccessFile(const std::string& path,
                                        const rocksdb::FileOptions& options,
                                        std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                                        rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus ReopenWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                       std::unique_ptr<rocksdb::FSWritableFile>* file,
                                       rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewDirectory(const std::string& path, const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* directory,
                                 rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus DeleteFile(const std::string& path, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus GetFreeSpace(const std::string& path, const rocksdb::IOOptions& options,
                                 uint64_t* bytes, rocksdb::IODebugContext* debug) override;

 private:
  friend class FaultWritableFile;
  friend class FaultDirectory;

  struct FileState {
    uint64_t size = 0;
    uint64_t synced = 0;
  };
  // A change of a directory that was not synced: `path` was created, or took the place of what
  // `replaced` holds when it was renamed from `from`.
  struct DirectoryChange {
    std::string path;
    std::string from;  // empty: created
    std::optional<std::string> replaced;
  };

  // Counts an operation, and says whether it fails.
  rocksdb::IOStatus Begin(FaultOp op) EXCLUDES(mutex_);
  // How many of `size` bytes an append gets onto the disk, and the error where that is not all.
  size_t BeginAppend(size_t size, rocksdb::IOStatus* error) EXCLUDES(mutex_);
  void MendLocked() REQUIRES(mutex_);
  rocksdb::IOStatus FailsLocked(FaultOp op) REQUIRES(mutex_);
  bool PowerIsOffLocked() REQUIRES(mutex_);
  void Created(const std::string& path) EXCLUDES(mutex_);

  mutable Mutex mutex_;
  bool met_ GUARDED_BY(mutex_) = false;
  std::optional<FaultOp> fail_op_ GUARDED_BY(mutex_);
  int fail_in_ GUARDED_BY(mutex_) = 0;
  Repeat repeat_ GUARDED_BY(mutex_) = Repeat::kOnce;
  rocksdb::IOStatus error_ GUARDED_BY(mutex_);
  std::optional<uint64_t> bytes_left_ GUARDED_BY(mutex_);
  std::optional<int> power_lasts_ GUARDED_BY(mutex_);  // changes of the disk

  std::map<std::string, FileState> files_ GUARDED_BY(mutex_);  // those written through it
  std::map<std::string, std::vector<DirectoryChange>> unsynced_ GUARDED_BY(mutex_);  // by directory
};

// A FaultFileSystem under all stores that are opened while it lives.
class FaultDisk {
 public:
  FaultDisk();
  ~FaultDisk();
  FaultDisk(const FaultDisk&) = delete;
  FaultDisk& operator=(const FaultDisk&) = delete;

  FaultFileSystem* operator->() const { return files_.get(); }

 private:
  const std::shared_ptr<FaultFileSystem> files_ = std::make_shared<FaultFileSystem>();
  const std::unique_ptr<rocksdb::Env> env_;
};

}  // namespace streamview::testing
