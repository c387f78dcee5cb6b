#include "core/storage/overlay_files.h"

#include <rocksdb/env.h>

#include <filesystem>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/base/mutex.h"

namespace streamview {

namespace {

using rocksdb::FileOptions;
using rocksdb::FileSystem;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

// RocksDB syncs a write-ahead log only where that can be done while another thread writes.
class MemoryFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  using FSWritableFileOwnerWrapper::FSWritableFileOwnerWrapper;
  bool IsSyncThreadSafe() const override { return true; }
};

class OverlayFiles final : public rocksdb::FileSystemWrapper {
 public:
  explicit OverlayFiles(std::shared_ptr<FileSystem> disk)
      : FileSystemWrapper(std::move(disk)),
        memory_env_(rocksdb::NewMemEnv(rocksdb::Env::Default())),
        memory_(memory_env_->GetFileSystem()) {}
  const char* Name() const override { return "OverlayFiles"; }

  IOStatus NewSequentialFile(const std::string& path, const FileOptions& options,
                             std::unique_ptr<rocksdb::FSSequentialFile>* file,
                             IODebugContext* debug) override {
    return Of(path)->NewSequentialFile(path, options, file, debug);
  }
  IOStatus NewRandomAccessFile(const std::string& path, const FileOptions& options,
                               std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                               IODebugContext* debug) override {
    return Of(path)->NewRandomAccessFile(path, options, file, debug);
  }
  IOStatus FileExists(const std::string& path, const IOOptions& options,
                      IODebugContext* debug) override {
    return Of(path)->FileExists(path, options, debug);
  }
  IOStatus GetFileSize(const std::string& path, const IOOptions& options, uint64_t* size,
                       IODebugContext* debug) override {
    return Of(path)->GetFileSize(path, options, size, debug);
  }
  IOStatus GetFileModificationTime(const std::string& path, const IOOptions& options,
                                   uint64_t* time, IODebugContext* debug) override {
    return Of(path)->GetFileModificationTime(path, options, time, debug);
  }
  IOStatus IsDirectory(const std::string& path, const IOOptions& options, bool* is_directory,
                       IODebugContext* debug) override {
    return Of(path)->IsDirectory(path, options, is_directory, debug);
  }
  IOStatus GetChildren(const std::string& directory, const IOOptions& options,
                       std::vector<std::string>* names, IODebugContext* debug) override;
  IOStatus GetChildrenFileAttributes(const std::string& directory, const IOOptions& options,
                                     std::vector<rocksdb::FileAttributes>* attributes,
                                     IODebugContext* debug) override {
    return FileSystem::GetChildrenFileAttributes(directory, options, attributes, debug);
  }

  IOStatus NewWritableFile(const std::string& path, const FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* file,
                           IODebugContext* debug) override {
    IOStatus opened = memory_->NewWritableFile(path, options, file, debug);
    if (opened.ok()) *file = std::make_unique<MemoryFile>(std::move(*file));
    return opened;
  }
  IOStatus CreateDir(const std::string& path, const IOOptions& options,
                     IODebugContext* debug) override {
    return memory_->CreateDirIfMissing(path, options, debug);
  }
  IOStatus CreateDirIfMissing(const std::string& path, const IOOptions& options,
                              IODebugContext* debug) override {
    return memory_->CreateDirIfMissing(path, options, debug);
  }
  IOStatus NewDirectory(const std::string& path, const IOOptions& options,
                        std::unique_ptr<rocksdb::FSDirectory>* directory,
                        IODebugContext* debug) override {
    IOStatus made = memory_->CreateDirIfMissing(path, options, debug);
    return made.ok() ? memory_->NewDirectory(path, options, directory, debug) : made;
  }
  IOStatus DeleteFile(const std::string& path, const IOOptions& options,
                      IODebugContext* debug) override;
  IOStatus LockFile(const std::string& path, const IOOptions& options, rocksdb::FileLock** lock,
                    IODebugContext* debug) override {
    return memory_->LockFile(path, options, lock, debug);
  }
  IOStatus UnlockFile(rocksdb::FileLock* lock, const IOOptions& options,
                      IODebugContext* debug) override {
    return memory_->UnlockFile(lock, options, debug);
  }

  // Of files in memory only.
  IOStatus NewRandomRWFile(const std::string& path, const FileOptions& options,
                           std::unique_ptr<rocksdb::FSRandomRWFile>* file,
                           IODebugContext* debug) override {
    return Change(path, [&] { return memory_->NewRandomRWFile(path, options, file, debug); });
  }
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                      IODebugContext* debug) override {
    return Change(from, [&] { return memory_->RenameFile(from, to, options, debug); });
  }
  IOStatus LinkFile(const std::string& from, const std::string& to, const IOOptions& options,
                    IODebugContext* debug) override {
    return Change(from, [&] { return memory_->LinkFile(from, to, options, debug); });
  }
  IOStatus Truncate(const std::string& path, size_t size, const IOOptions& options,
                    IODebugContext* debug) override {
    return Change(path, [&] { return memory_->Truncate(path, size, options, debug); });
  }
  IOStatus ReopenWritableFile(const std::string& path, const FileOptions& options,
                              std::unique_ptr<rocksdb::FSWritableFile>* file,
                              IODebugContext* debug) override {
    return Change(path, [&] { return memory_->ReopenWritableFile(path, options, file, debug); });
  }
  IOStatus ReuseWritableFile(const std::string& path, const std::string& old_path,
                             const FileOptions& options,
                             std::unique_ptr<rocksdb::FSWritableFile>* file,
                             IODebugContext* debug) override {
    return Change(old_path,
                  [&] { return memory_->ReuseWritableFile(path, old_path, options, file, debug); });
  }
  // There is as much as memory has.
  IOStatus GetFreeSpace(const std::string& path, const IOOptions&, uint64_t*,
                        IODebugContext*) override {
    return IOStatus::NotSupported(path);
  }

 private:
  bool IsInMemory(const std::string& path) const {
    return memory_->FileExists(path, IOOptions(), nullptr).ok();
  }
  static std::string Normal(const std::string& path) {
    return std::filesystem::path(path).lexically_normal();
  }
  bool IsDeleted(const std::string& path) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return deleted_.count(Normal(path)) != 0;
  }
  // What has the file that can be seen; where there is none, either will say so.
  FileSystem* Of(const std::string& path) {
    return IsInMemory(path) || IsDeleted(path) ? memory_.get() : target();
  }
  template <typename Call>
  IOStatus Change(const std::string& path, Call call) {
    return IsInMemory(path) ? call() : IOStatus::NotSupported(path, "it cannot be written");
  }

  const std::unique_ptr<rocksdb::Env> memory_env_;
  const std::shared_ptr<FileSystem> memory_;
  Mutex mutex_;
  std::set<std::string> deleted_ GUARDED_BY(mutex_);  // files on disk, by their normal paths
};

IOStatus OverlayFiles::GetChildren(const std::string& directory, const IOOptions& options,
                                   std::vector<std::string>* names, IODebugContext* debug) {
  std::vector<std::string> stored, written;
  const IOStatus on_disk = target()->GetChildren(directory, options, &stored, debug);
  const IOStatus in_memory = memory_->GetChildren(directory, options, &written, debug);
  if (!on_disk.ok() && !in_memory.ok()) return on_disk;
  std::set<std::string> all(written.begin(), written.end());
  for (std::string& name : stored) {
    if (!IsDeleted(directory + "/" + name)) all.insert(std::move(name));
  }
  names->assign(all.begin(), all.end());
  return IOStatus::OK();
}

IOStatus OverlayFiles::DeleteFile(const std::string& path, const IOOptions& options,
                                  IODebugContext* debug) {
  if (IsInMemory(path)) {
    IOStatus deleted = memory_->DeleteFile(path, options, debug);
    if (!deleted.ok()) return deleted;
  } else if (!Of(path)->FileExists(path, options, debug).ok()) {
    return IOStatus::NotFound(path);
  }
  MutexLock lock(mutex_);
  deleted_.insert(Normal(path));
  return IOStatus::OK();
}

}  // namespace

std::shared_ptr<FileSystem> NewOverlayFiles(std::shared_ptr<FileSystem> disk) {
  return std::make_shared<OverlayFiles>(std::move(disk));
}

}  // namespace streamview
