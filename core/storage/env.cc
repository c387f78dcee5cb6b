#include "core/storage/env.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <map>
#include <new>
#include <optional>
#include <system_error>
#include <utility>

#include "core/base/descriptor.h"
#include "core/base/errno_text.h"
#include "core/base/file_id.h"
#include "core/base/mutex.h"
#include "core/base/process.h"
#include "core/base/signals.h"
#include "core/storage/thread_pool.h"

namespace streamview {

namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

constexpr char kLockName[] = "LOCK";  // RocksDB's

std::string LockPath(const std::string& directory) { return directory + "/" + kLockName; }

// How often a file is opened again because it has got a standard descriptor.
constexpr int kMaxOpenings = 100;

// Whether this is one of RocksDB's options files, or the temporary file that becomes one.
bool IsOptionsFile(const std::string& path) {
  return std::string_view(path).substr(path.rfind('/') + 1).starts_with("OPTIONS-");
}

template <typename File, typename Open>
IOStatus OpenAboveStandard(const std::string& path, std::unique_ptr<File>* file, Open open) {
  for (int opening = 0; opening < kMaxOpenings; opening++) {
    OccupyStandardDescriptors();
    IOStatus opened = open();
    if (!opened.ok() || !IsOnStandardDescriptor(path)) return opened;
    file->reset();
  }
  return IOStatus::IOError(path, "it is one of the process' standard streams");
}

class StoreWritableFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  using FSWritableFileOwnerWrapper::FSWritableFileOwnerWrapper;
  void SetPreallocationBlockSize(size_t bytes) override {
    FSWritableFileOwnerWrapper::SetPreallocationBlockSize(std::min(bytes, kPreallocatedBytes));
  }
};

std::string DirectoryOf(const std::string& path) { return path.substr(0, path.rfind('/')); }

class StoreFileLock final : public rocksdb::FileLock {
 public:
  StoreFileLock(std::string path, int fd)
      : path_(std::move(path)), fd_(fd), directory_(FileId::Of(DirectoryOf(path_))) {}
  ~StoreFileLock() override { ::close(fd_); }  // which unlocks the file
  const std::string& path() const { return path_; }
  const std::optional<FileId>& directory() const { return directory_; }

 private:
  const std::string path_;
  const int fd_;
  const std::optional<FileId> directory_;
};

// The files LOCK that this process has locked.
class Locks {
 public:
  // A file is locked by one at a time.
  IOStatus Lock(const std::string& path, rocksdb::FileLock** lock) EXCLUDES(mutex_);
  void Unlock(const std::string& path) EXCLUDES(mutex_);
  // Whether the directory that `path` is in is still the one that was locked, if it was.
  IOStatus CheckDirectory(const std::string& path) EXCLUDES(mutex_);

 private:
  Mutex mutex_;
  std::map<std::string, std::unique_ptr<StoreFileLock>> held_ GUARDED_BY(mutex_);
};

Locks& TheLocks() {
  static PerProcess<Locks> locks;
  return locks.Get();
}

IOStatus LastError(const std::string& path) {
  return errno == ENOSPC ? IOStatus::NoSpace(path, ErrnoText())
                         : IOStatus::IOError(path, ErrnoText());
}

IOStatus Locks::Lock(const std::string& path, rocksdb::FileLock** lock) {
  MutexLock guard(mutex_);
  if (held_.count(path) != 0) return IOStatus::Busy("is already open in this process");
  const int fd = OpenDescriptor(path, O_RDWR | O_CREAT, 0644);
  if (fd < 0) return LastError(path);
  auto held = std::make_unique<StoreFileLock>(path, fd);
  struct flock whole = {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  if (::fcntl(fd, F_SETLK, &whole) == 0) {
    ShareWithWriters(path);
    *lock = (held_[path] = std::move(held)).get();
    return IOStatus::OK();
  }
  if (errno != EAGAIN && errno != EACCES) return LastError(path);
  const bool told = ::fcntl(fd, F_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
  return IOStatus::Busy("is held by " +
                        (told && whole.l_pid > 0 ? "process " + std::to_string(whole.l_pid)
                                                 : std::string("another process")) +
                        "; one process at a time can use a log");
}

IOStatus Locks::CheckDirectory(const std::string& path) {
  const std::string directory = DirectoryOf(path);
  MutexLock guard(mutex_);
  const auto found = held_.find(LockPath(directory));
  if (found == held_.end() || found->second->directory() == FileId::Of(directory)) {
    return IOStatus::OK();
  }
  return IOStatus::IOError(directory, "it was deleted or moved away while it is open");
}

void Locks::Unlock(const std::string& path) {
  MutexLock guard(mutex_);
  held_.erase(path);
}

class SharedDirectory final : public rocksdb::FSDirectory {
 public:
  explicit SharedDirectory(std::shared_ptr<rocksdb::FSDirectory> directory)
      : directory_(std::move(directory)) {}
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return directory_->Fsync(options, debug);
  }
  IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* debug,
                               const rocksdb::DirFsyncOptions& what) override {
    return directory_->FsyncWithDirOptions(options, debug, what);
  }
  size_t GetUniqueId(char* id, size_t max_size) const override {
    return directory_->GetUniqueId(id, max_size);
  }

 private:
  const std::shared_ptr<rocksdb::FSDirectory> directory_;
};

// RocksDB opens a directory once more for each column family that is made in it, and keeps it open.
// One descriptor does for all.
class SharedDirectories {
 public:
  template <typename Open>
  IOStatus Find(const std::string& path, std::unique_ptr<rocksdb::FSDirectory>* directory,
                const Open& open) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    std::erase_if(open_, [](const auto& entry) { return entry.second.expired(); });
    // By device and inode, too: a directory may be deleted and made again.
    const std::optional<FileId> id = FileId::Of(path);
    const std::string key = id ? id->ToString() + ":" + path : path;
    std::shared_ptr<rocksdb::FSDirectory> shared;
    if (const auto found = open_.find(key); found != open_.end()) shared = found->second.lock();
    if (shared == nullptr) {
      std::unique_ptr<rocksdb::FSDirectory> opened;
      IOStatus outcome = open(&opened);
      if (!outcome.ok()) return outcome;
      shared = std::move(opened);
      open_[key] = shared;
    }
    *directory = std::make_unique<SharedDirectory>(std::move(shared));
    return IOStatus::OK();
  }

 private:
  Mutex mutex_;
  std::map<std::string, std::weak_ptr<rocksdb::FSDirectory>> open_ GUARDED_BY(mutex_);
};

class StoreFiles final : public rocksdb::FileSystemWrapper {
 public:
  StoreFiles() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "StoreFiles"; }

  IOStatus NewSequentialFile(const std::string& path, const FileOptions& options,
                             std::unique_ptr<rocksdb::FSSequentialFile>* file,
                             IODebugContext* debug) override {
    return OpenAboveStandard(
        path, file, [&] { return target()->NewSequentialFile(path, options, file, debug); });
  }
  IOStatus NewRandomAccessFile(const std::string& path, const FileOptions& options,
                               std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                               IODebugContext* debug) override {
    return OpenAboveStandard(
        path, file, [&] { return target()->NewRandomAccessFile(path, options, file, debug); });
  }
  IOStatus NewWritableFile(const std::string& path, const FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* file,
                           IODebugContext* debug) override {
    if (IsOptionsFile(path)) return IOStatus::NotSupported("nobody reads the options");
    IOStatus checked = TheLocks().CheckDirectory(path);
    if (!checked.ok()) return checked;
    return Wrapped(
        OpenAboveStandard(path, file,
                          [&] { return target()->NewWritableFile(path, options, file, debug); }),
        file);
  }
  IOStatus ReopenWritableFile(const std::string& path, const FileOptions& options,
                              std::unique_ptr<rocksdb::FSWritableFile>* file,
                              IODebugContext* debug) override {
    return Wrapped(
        OpenAboveStandard(path, file,
                          [&] { return target()->ReopenWritableFile(path, options, file, debug); }),
        file);
  }
  // A file that is used again, under another name, is emptied: that can be repeated.
  IOStatus ReuseWritableFile(const std::string& path, const std::string& old_path,
                             const FileOptions& options,
                             std::unique_ptr<rocksdb::FSWritableFile>* file,
                             IODebugContext* debug) override {
    IOStatus renamed = RenameFile(old_path, path, options.io_options, debug);
    return renamed.ok() ? NewWritableFile(path, options, file, debug) : renamed;
  }
  IOStatus NewRandomRWFile(const std::string& path, const FileOptions& options,
                           std::unique_ptr<rocksdb::FSRandomRWFile>* file,
                           IODebugContext* debug) override {
    return OpenAboveStandard(path, file,
                             [&] { return target()->NewRandomRWFile(path, options, file, debug); });
  }
  IOStatus NewDirectory(const std::string& path, const IOOptions& options,
                        std::unique_ptr<rocksdb::FSDirectory>* directory,
                        IODebugContext* debug) override {
    return directories_.Get().Find(
        path, directory, [&](std::unique_ptr<rocksdb::FSDirectory>* opened) {
          return OpenAboveStandard(
              path, opened, [&] { return target()->NewDirectory(path, options, opened, debug); });
        });
  }
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                      IODebugContext* debug) override {
    IOStatus checked = TheLocks().CheckDirectory(to);
    return checked.ok() ? target()->RenameFile(from, to, options, debug) : checked;
  }
  IOStatus LinkFile(const std::string& from, const std::string& to, const IOOptions& options,
                    IODebugContext* debug) override {
    IOStatus checked = TheLocks().CheckDirectory(to);
    return checked.ok() ? target()->LinkFile(from, to, options, debug) : checked;
  }
  IOStatus DeleteFile(const std::string& path, const IOOptions& options,
                      IODebugContext* debug) override {
    IOStatus checked = TheLocks().CheckDirectory(path);
    return checked.ok() ? target()->DeleteFile(path, options, debug) : checked;
  }
  IOStatus LockFile(const std::string& path, const IOOptions&, rocksdb::FileLock** lock,
                    IODebugContext*) override {
    return TheLocks().Lock(path, lock);
  }
  IOStatus UnlockFile(rocksdb::FileLock* lock, const IOOptions&, IODebugContext*) override {
    const std::string path = static_cast<StoreFileLock*>(lock)->path();
    TheLocks().Unlock(path);
    return IOStatus::OK();
  }

 private:
  static IOStatus Wrapped(IOStatus opened, std::unique_ptr<rocksdb::FSWritableFile>* file) {
    if (opened.ok()) *file = std::make_unique<StoreWritableFile>(std::move(*file));
    return opened;
  }

  PerProcess<SharedDirectories> directories_;
};

struct Threads {
  ThreadPool flushes{"streamview:high", ThreadPool::Priority::kNormal};
  // Compactions can wait; appends, and the views that follow them, should not have to.
  ThreadPool compactions{"streamview:low", ThreadPool::Priority::kLow};
};

PerProcess<Threads> the_threads;

ThreadPool& Pool(rocksdb::Env::Priority priority) {
  Threads& threads = the_threads.Get();
  return priority == rocksdb::Env::HIGH ? threads.flushes : threads.compactions;
}

// At the end of the process RocksDB's own objects are destroyed. What runs then comes to its end
// first.
class PauseAtExit {
 public:
  PauseAtExit() = default;
  ~PauseAtExit() {
    Threads* const threads = the_threads.Find();
    if (threads == nullptr) return;
    threads->flushes.Pause();
    threads->compactions.Pause();
  }
  PauseAtExit(const PauseAtExit&) = delete;
  PauseAtExit& operator=(const PauseAtExit&) = delete;
};

class EnvOfStores final : public rocksdb::EnvWrapper {
 public:
  explicit EnvOfStores(std::unique_ptr<rocksdb::Env> files) : EnvWrapper(std::move(files)) {
    // A wrapper does not take these over.
    file_system_ = target()->GetFileSystem();
    system_clock_ = target()->GetSystemClock();
  }
  const char* Name() const override { return "EnvOfStores"; }

  void Schedule(void (*function)(void*), void* arg, Priority priority, void* tag,
                void (*unschedule)(void*)) override {
    Pool(priority).Schedule(function, arg, tag, unschedule);
  }
  int UnSchedule(void* tag, Priority priority) override {
    // Nothing is ever scheduled as BOTTOM: there are no threads of that kind.
    return priority == BOTTOM ? 0 : Pool(priority).UnSchedule(tag);
  }
  void StartThread(void (*function)(void*), void* arg) override {
    const BlockSignals blocked;
    EnvWrapper::StartThread(function, arg);
  }
  unsigned int GetThreadPoolQueueLen(Priority priority) const override {
    return priority == BOTTOM ? 0 : Pool(priority).QueueLength();
  }
  void SetBackgroundThreads(int number, Priority priority) override {
    IncBackgroundThreadsIfNeeded(number, priority);
  }
  // OpenRocksDb has started one of each kind: that there are no more is no error.
  void IncBackgroundThreadsIfNeeded(int number, Priority priority) override {
    if (priority != BOTTOM) (void)Pool(priority).Start(number);
  }
  int GetBackgroundThreads(Priority priority) override {
    return priority == BOTTOM ? 0 : Pool(priority).threads();
  }
  int ReserveThreads(int, Priority) override { return 0; }
  int ReleaseThreads(int, Priority) override { return 0; }
  void LowerThreadPoolIOPriority(Priority) override {}
  void LowerThreadPoolCPUPriority(Priority) override {}
  rocksdb::Status LowerThreadPoolCPUPriority(Priority, rocksdb::CpuPriority) override {
    return rocksdb::Status::OK();
  }
};

Status StartThreads() {
  Threads& threads = the_threads.Get();
  SV_RETURN_IF_ERROR(threads.flushes.Start(1));
  return threads.compactions.Start(1);
}

// RocksDB's one thread for what it does from time to time could not be started, which is the last
// step of opening: the database can be closed.
void CloseAfterException(std::vector<rocksdb::ColumnFamilyHandle*>* handles, rocksdb::DB** db) {
  for (rocksdb::ColumnFamilyHandle* handle : *handles) {
    (*db)->DestroyColumnFamilyHandle(handle).PermitUncheckedError();
  }
  handles->clear();
  for (bool closed = false; !closed;) {
    try {
      (*db)->Close().PermitUncheckedError();
      closed = true;
    } catch (const std::system_error&) {
      // It takes the thread for one that runs, and joins it; once.
    }
  }
  delete std::exchange(*db, nullptr);
}

}  // namespace

const std::shared_ptr<rocksdb::FileSystem>& StoreFileSystem() {
  static auto* const files =
      new std::shared_ptr<rocksdb::FileSystem>(std::make_shared<StoreFiles>());
  return *files;
}

std::unique_ptr<rocksdb::Env> NewStoreEnv(const std::shared_ptr<rocksdb::FileSystem>& files) {
  return std::make_unique<EnvOfStores>(rocksdb::NewCompositeEnv(files));
}

rocksdb::Env* StoreEnv() {
  static rocksdb::Env* const env = NewStoreEnv(StoreFileSystem()).release();
  static const PauseAtExit pause_at_exit;  // destroyed before RocksDB's own, which exist already
  return env;
}

rocksdb::Status OpenRocksDb(const rocksdb::DBOptions& options, const std::string& directory,
                            const std::vector<rocksdb::ColumnFamilyDescriptor>& families,
                            std::vector<rocksdb::ColumnFamilyHandle*>* handles, rocksdb::DB** db) {
  *db = nullptr;
  const std::string lock_path = LockPath(directory);
  if (const Status started = StartThreads(); !started.ok()) {
    return started.code() == StatusCode::kNoMemory
               ? rocksdb::Status::Aborted(rocksdb::Status::kMemoryLimit)
               : rocksdb::Status::IOError(started.message());
  }
  const BlockSignals blocked;  // for the thread that RocksDB starts
  try {
    return rocksdb::DB::Open(options, directory, families, handles, db);
  } catch (const std::bad_alloc&) {
    // What is there of the database is lost, and does nothing. Only if it is as good as open may it
    // have begun to, and keeps its lock.
    if (*db == nullptr) TheLocks().Unlock(lock_path);
    *db = nullptr;
    return rocksdb::Status::Aborted(rocksdb::Status::kMemoryLimit);
  } catch (const std::system_error& error) {
    if (*db != nullptr) CloseAfterException(handles, db);
    TheLocks().Unlock(lock_path);
    return rocksdb::Status::IOError("cannot start a thread: " + error.code().message());
  }
}

}  // namespace streamview
