#include "tests/core/testing/fault_file_system.h"

#include <rocksdb/system_clock.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "core/storage/database.h"

namespace streamview::testing {

namespace fs = std::filesystem;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

namespace {

// As the POSIX file system reports ENOSPC.
IOStatus NoSpace() {
  IOStatus status = IOStatus::NoSpace("injected full disk");
  status.SetRetryable(true);
  return status;
}

// RocksDB joins directory and file name by one slash or two.
std::string Normal(const std::string& path) { return fs::path(path).lexically_normal(); }

std::string DirectoryOf(const std::string& path) { return fs::path(Normal(path)).parent_path(); }

std::optional<std::string> Contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace

class FaultWritableFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  FaultWritableFile(std::unique_ptr<rocksdb::FSWritableFile> file, std::string path,
                    FaultFileSystem* disk)
      : FSWritableFileOwnerWrapper(std::move(file)), path_(std::move(path)), disk_(disk) {}

  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  IODebugContext* debug) override {
    IOStatus error;
    const size_t size = disk_->BeginAppend(data.size(), &error);
    if (size > 0) {
      const IOStatus done = FSWritableFileOwnerWrapper::Append({data.data(), size}, options, debug);
      if (!done.ok()) return done;
      MutexLock lock(disk_->mutex_);
      disk_->files_[path_].size += size;
    }
    return error;
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo&, IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  IOStatus Sync(const IOOptions&, IODebugContext*) override {
    const IOStatus error = disk_->Begin(FaultOp::kSync);
    if (!error.ok()) return error;
    MutexLock lock(disk_->mutex_);
    FaultFileSystem::FileState& state = disk_->files_[path_];
    state.synced = state.size;
    return error;
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return Sync(options, debug);
  }

 private:
  const std::string path_;
  FaultFileSystem* const disk_;
};

class FaultDirectory final : public rocksdb::FSDirectoryWrapper {
 public:
  FaultDirectory(std::unique_ptr<rocksdb::FSDirectory> directory, std::string path,
                 FaultFileSystem* disk)
      : FSDirectoryWrapper(std::move(directory)), path_(std::move(path)), disk_(disk) {}

  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return FsyncWithDirOptions(options, debug, rocksdb::DirFsyncOptions());
  }
  IOStatus FsyncWithDirOptions(const IOOptions&, IODebugContext*,
                               const rocksdb::DirFsyncOptions&) override {
    const IOStatus error = disk_->Begin(FaultOp::kSync);
    if (!error.ok()) return error;
    MutexLock lock(disk_->mutex_);
    disk_->unsynced_.erase(path_);
    return error;
  }

 private:
  const std::string path_;
  FaultFileSystem* const disk_;
};

void FaultFileSystem::Mend() {
  MutexLock lock(mutex_);
  MendLocked();
}

// Together with what comes next: RocksDB's threads may not find the disk whole in between.
void FaultFileSystem::MendLocked() {
  met_ = false;
  fail_op_.reset();
  bytes_left_.reset();
  power_lasts_.reset();
}

void FaultFileSystem::FailAt(FaultOp op, int n, Repeat repeat, IOStatus error) {
  MutexLock lock(mutex_);
  MendLocked();
  fail_op_ = op;
  fail_in_ = n;
  repeat_ = repeat;
  error_ = std::move(error);
}

void FaultFileSystem::Fill(uint64_t bytes_left) {
  MutexLock lock(mutex_);
  MendLocked();
  bytes_left_ = bytes_left;
}

void FaultFileSystem::CutPowerAfter(int ops) {
  MutexLock lock(mutex_);
  MendLocked();
  power_lasts_ = ops;
}

bool FaultFileSystem::met() const {
  MutexLock lock(mutex_);
  return met_;
}

bool FaultFileSystem::PowerIsOffLocked() {
  if (!power_lasts_) return false;
  if (*power_lasts_ > 0) {
    --*power_lasts_;
    return false;
  }
  met_ = true;
  return true;
}

IOStatus FaultFileSystem::FailsLocked(FaultOp op) {
  if (fail_op_ != op) return IOStatus::OK();
  if (fail_in_ > 0) --fail_in_;
  if (fail_in_ > 0) return IOStatus::OK();
  met_ = true;
  if (repeat_ == Repeat::kOnce) fail_op_.reset();
  return error_;
}

IOStatus FaultFileSystem::Begin(FaultOp op) {
  MutexLock lock(mutex_);
  if (PowerIsOffLocked()) return IOStatus::IOError("the power is off");
  return FailsLocked(op);
}

size_t FaultFileSystem::BeginAppend(size_t size, IOStatus* error) {
  MutexLock lock(mutex_);
  if (PowerIsOffLocked()) {
    *error = IOStatus::IOError("the power is off");
    return 0;
  }
  *error = FailsLocked(FaultOp::kAppend);
  if (!error->ok()) return size / 2;
  if (!bytes_left_) return size;
  const size_t fits = std::min<uint64_t>(size, *bytes_left_);
  *bytes_left_ -= fits;
  if (fits < size) {
    met_ = true;
    *error = NoSpace();
  }
  return fits;
}

void FaultFileSystem::Created(const std::string& path) {
  MutexLock lock(mutex_);
  files_[path] = FileState();
  unsynced_[DirectoryOf(path)].push_back({path, "", std::nullopt});
}

IOStatus FaultFileSystem::NewSequentialFile(const std::string& path,
                                            const rocksdb::FileOptions& options,
                                            std::unique_ptr<rocksdb::FSSequentialFile>* file,
                                            IODebugContext* debug) {
  const IOStatus error = Begin(FaultOp::kOpen);
  if (!error.ok()) return error;
  return FileSystemWrapper::NewSequentialFile(path, options, file, debug);
}

IOStatus FaultFileSystem::NewRandomAccessFile(const std::string& path,
                                              const rocksdb::FileOptions& options,
                                              std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                                              IODebugContext* debug) {
  const IOStatus error = Begin(FaultOp::kOpen);
  if (!error.ok()) return error;
  return FileSystemWrapper::NewRandomAccessFile(path, options, file, debug);
}

IOStatus FaultFileSystem::NewWritableFile(const std::string& path,
                                          const rocksdb::FileOptions& options,
                                          std::unique_ptr<rocksdb::FSWritableFile>* file,
                                          IODebugContext* debug) {
  const IOStatus error = Begin(FaultOp::kOpen);
  if (!error.ok()) return error;
  std::unique_ptr<rocksdb::FSWritableFile> opened;
  const IOStatus status = FileSystemWrapper::NewWritableFile(path, options, &opened, debug);
  if (!status.ok()) return status;
  Created(Normal(path));
  *file = std::make_unique<FaultWritableFile>(std::move(opened), Normal(path), this);
  return status;
}

IOStatus FaultFileSystem::ReopenWritableFile(const std::string& path,
                                             const rocksdb::FileOptions& options,
                                             std::unique_ptr<rocksdb::FSWritableFile>* file,
                                             IODebugContext* debug) {
  const IOStatus error = Begin(FaultOp::kOpen);
  if (!error.ok()) return error;
  const bool exists = fs::exists(path);
  const uint64_t size = exists ? fs::file_size(path) : 0;
  std::unique_ptr<rocksdb::FSWritableFile> opened;
  const IOStatus status = FileSystemWrapper::ReopenWritableFile(path, options, &opened, debug);
  if (!status.ok()) return status;
  if (!exists) Created(Normal(path));
  {
    MutexLock lock(mutex_);
    files_.try_emplace(Normal(path), FileState{size, size});
  }
  *file = std::make_unique<FaultWritableFile>(std::move(opened), Normal(path), this);
  return status;
}

IOStatus FaultFileSystem::NewDirectory(const std::string& path, const IOOptions& options,
                                       std::unique_ptr<rocksdb::FSDirectory>* directory,
                                       IODebugContext* debug) {
  const IOStatus error = Begin(FaultOp::kOpen);
  if (!error.ok()) return error;
  std::unique_ptr<rocksdb::FSDirectory> opened;
  const IOStatus status = FileSystemWrapper::NewDirectory(path, options, &opened, debug);
  if (!status.ok()) return status;
  // As the directory of a path: without a slash at its end.
  *directory =
      std::make_unique<FaultDirectory>(std::move(opened), DirectoryOf(path + "/file"), this);
  return status;
}

IOStatus FaultFileSystem::RenameFile(const std::string& from, const std::string& to,
                                     const IOOptions& options, IODebugContext* debug) {
  const IOStatus error = Begin(FaultOp::kRename);
  if (!error.ok()) return error;
  std::optional<std::string> replaced = Contents(to);
  const IOStatus status = FileSystemWrapper::RenameFile(from, to, options, debug);
  if (!status.ok()) return status;
  MutexLock lock(mutex_);
  files_[Normal(to)] = files_[Normal(from)];
  files_.erase(Normal(from));
  unsynced_[DirectoryOf(to)].push_back({Normal(to), Normal(from), std::move(replaced)});
  return status;
}

IOStatus FaultFileSystem::DeleteFile(const std::string& path, const IOOptions& options,
                                     IODebugContext* debug) {
  {
    MutexLock lock(mutex_);
    if (PowerIsOffLocked()) return IOStatus::IOError("the power is off");
  }
  const IOStatus status = FileSystemWrapper::DeleteFile(path, options, debug);
  if (!status.ok()) return status;
  MutexLock lock(mutex_);
  files_.erase(Normal(path));
  std::erase_if(unsynced_[DirectoryOf(path)],
                [&](const DirectoryChange& change) { return change.path == Normal(path); });
  return status;
}

IOStatus FaultFileSystem::GetFreeSpace(const std::string& path, const IOOptions& options,
                                       uint64_t* bytes, IODebugContext* debug) {
  MutexLock lock(mutex_);
  if (!bytes_left_) return FileSystemWrapper::GetFreeSpace(path, options, bytes, debug);
  *bytes = *bytes_left_;
  return IOStatus::OK();
}

void FaultFileSystem::LosePower(Random* torn) {
  MutexLock lock(mutex_);
  MendLocked();
  for (const auto& [path, state] : files_) {
    const uint64_t lost = state.size - state.synced;
    if (lost == 0 || !fs::exists(path)) continue;
    const uint64_t kept = torn == nullptr ? 0 : torn->Below(static_cast<int>(lost) + 1);
    fs::resize_file(path, state.synced + kept);
  }
  files_.clear();
  for (auto& [directory, changes] : unsynced_) {
    for (; !changes.empty(); changes.pop_back()) {
      const DirectoryChange& change = changes.back();
      if (change.from.empty()) {
        fs::remove(change.path);
        continue;
      }
      std::error_code gone;  // somebody else may have deleted it
      fs::rename(change.path, change.from, gone);
      if (change.replaced && !gone)
        std::ofstream(change.path, std::ios::binary) << *change.replaced;
    }
  }
  unsynced_.clear();
}

namespace {

// After an error RocksDB's threads sleep for a second. Tests do not.
class ImpatientClock final : public rocksdb::SystemClockWrapper {
 public:
  ImpatientClock() : SystemClockWrapper(rocksdb::SystemClock::Default()) {}
  const char* Name() const override { return "ImpatientClock"; }
  void SleepForMicroseconds(int micros) override {
    SystemClockWrapper::SleepForMicroseconds(std::min(micros, 1000));
  }
};

class FaultEnv final : public rocksdb::EnvWrapper {
 public:
  explicit FaultEnv(const std::shared_ptr<rocksdb::FileSystem>& files)
      : EnvWrapper(NewStoreEnv(files)) {
    file_system_ = files;
    system_clock_ = std::make_shared<ImpatientClock>();
  }
  const char* Name() const override { return "FaultEnv"; }
};

}  // namespace

FaultDisk::FaultDisk() : env_(std::make_unique<FaultEnv>(files_)) {
  Database::SetEnvForTesting(env_.get());
}

FaultDisk::~FaultDisk() { Database::SetEnvForTesting(nullptr); }

}  // namespace streamview::testing
