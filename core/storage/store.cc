#include "core/storage/store.h"

#include <fcntl.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

#include "core/storage/options.h"
#include "core/storage/rocks.h"

namespace streamview {

namespace {

constexpr char kMemoryDirectory[] = "/streamview";

// A key of the metadata that never has a value.
constexpr char kNothing[] = "nothing";

// RocksDB may have stopped, then resume with a write-ahead log that has failed because there was
// nothing to flush, and then with the same again because that was empty.
constexpr int kResumeRounds = 3;

rocksdb::Env* env_for_testing = nullptr;

// The pid that holds RocksDB's lock file, or 0 where that cannot be told.
pid_t LockHolder(const std::string& directory) {
  const int fd = ::open((directory + "/LOCK").c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return 0;
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  const bool told = ::fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
  ::close(fd);
  return told ? lock.l_pid : 0;
}

// What a crash left of NewBuildingFile(). One that cannot be removed is in nobody's way.
void RemoveBuildingFiles(rocksdb::DB* db, const std::string& directory) {
  std::vector<std::string> files;
  db->GetEnv()->GetChildren(directory, &files).PermitUncheckedError();
  for (const std::string& file : files) {
    if (file.rfind(kBuildingPrefix, 0) != 0) continue;
    const std::string path = std::filesystem::path(directory) / file;
    db->GetEnv()->DeleteFile(path).PermitUncheckedError();
  }
}

Status OpenError(const rocksdb::Status& status, const std::string& directory) {
  const std::string text = status.ToString();
  if (status.IsIOError() && text.find("lock") != std::string::npos) {
    // Asking for the holder opens and closes the lock file, and that would drop this process' own
    // lock, if another copy of the library holds it. RocksDB says so; then there is nothing to ask.
    if (text.find("current process") != std::string::npos) {
      return Status::Busy("log directory " + directory +
                          " is already open in this process, by another copy of the library");
    }
    const pid_t pid = LockHolder(directory);
    return Status::Busy("log directory " + directory + " is held by " +
                        (pid > 0 ? "process " + std::to_string(pid) : "another process") +
                        "; one process at a time can use a log");
  }
  Status converted = FromRocks(status, "cannot open log directory " + directory);
  if (converted.code() == StatusCode::kCorruption || converted.code() == StatusCode::kFull) {
    return converted;
  }
  return Status::CannotOpen(converted.message());
}

using InUse = std::shared_lock<std::shared_mutex>;

// Flushes and compactions have come to an end, and none begins.
class PausedBackground {
 public:
  // RocksDB documents no errors but that of a continuation without pause.
  explicit PausedBackground(rocksdb::DB* db) : db_(db) {
    db_->PauseBackgroundWork().PermitUncheckedError();
  }
  ~PausedBackground() { db_->ContinueBackgroundWork().PermitUncheckedError(); }
  PausedBackground(const PausedBackground&) = delete;
  PausedBackground& operator=(const PausedBackground&) = delete;

 private:
  rocksdb::DB* const db_;
};

rocksdb::WriteOptions Unlogged() {
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  return options;
}

}  // namespace

ColumnFamily::~ColumnFamily() {
  // Only an invalid handle makes this fail.
  db_->DestroyColumnFamilyHandle(handle_).PermitUncheckedError();
}

Result<std::unique_ptr<Store>> Store::Open(const StoreOptions& options) {
  std::unique_ptr<Store> store(new Store);
  SV_RETURN_IF_ERROR(store->OpenDatabase(options));
  return store;
}

void Store::SetEnvForTesting(rocksdb::Env* env) { env_for_testing = env; }

Status Store::OpenDatabase(const StoreOptions& options) {
  buffers_ = NewSharedBuffers();
  rocksdb::DBOptions db_options = DatabaseOptions(buffers_);
  std::string directory = options.directory;
  if (directory.empty()) {
    memory_env_.reset(rocksdb::NewMemEnv(rocksdb::Env::Default()));
    db_options.env = memory_env_.get();
    directory = kMemoryDirectory;
  } else if (env_for_testing != nullptr) {
    db_options.env = env_for_testing;
  }
  directory_ = directory;
  db_options.create_if_missing = options.create;
  db_options.listeners.push_back(flush_listener_);
  db_options.listeners.push_back(background_error_);

  std::vector<std::string> names;
  const rocksdb::Status listed = rocksdb::DB::ListColumnFamilies(db_options, directory, &names);
  if (!listed.ok()) {
    // With create, a missing database is what is expected; if it is worse, opening says so.
    if (!options.create) return OpenError(listed, directory);
    names.clear();
  }
  for (const char* own : {"default", "log", "docs"}) {
    if (std::find(names.begin(), names.end(), own) == names.end()) names.emplace_back(own);
  }
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  descriptors.reserve(names.size());
  std::map<std::string, std::shared_ptr<DropSlot>> drop_slots;
  for (const std::string& name : names) {
    descriptors.emplace_back(name, OptionsOf(name, &drop_slots[name]));
  }

  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  rocksdb::Status opened = rocksdb::DB::Open(db_options, directory, descriptors, &handles, &db);
  if (opened.IsCorruption()) {
    // A process may have died while it resumed: some families are flushed then, others are still in
    // a write-ahead log with a torn end. By default RocksDB takes that for a loss. What was in the
    // torn end was acknowledged to nobody; damage before it is still an error.
    db_options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
    opened = rocksdb::DB::Open(db_options, directory, descriptors, &handles, &db);
  }
  if (!opened.ok()) return OpenError(opened, directory);
  db_.reset(db);
  background_error_->Attach(db);

  RemoveBuildingFiles(db, directory);

  MutexLock lock(mutex_);
  for (rocksdb::ColumnFamilyHandle* handle : handles) {
    const std::string name = handle->GetName();
    names_[name] = handle->GetID();
    auto family = std::make_unique<ColumnFamily>(db, handle, drop_slots[name]);
    if (name == "default") {
      meta_ = std::move(family);
    } else if (name == "log") {
      log_ = std::move(family);
    } else if (name == "docs") {
      docs_ = std::move(family);
    } else if (name.rfind(kViewFamilyPrefix, 0) == 0) {
      found_views_.push_back(std::move(family));
    } else {
      foreign_.push_back(std::move(family));
    }
  }
  return Status::Ok();
}

rocksdb::ColumnFamilyOptions Store::OptionsOf(const std::string& family,
                                              std::shared_ptr<DropSlot>* drop_slot) {
  rocksdb::ColumnFamilyOptions options = FamilyOptions(family, buffers_);
  if (family.rfind(kViewFamilyPrefix, 0) == 0) {
    *drop_slot = std::make_shared<DropSlot>();
    options.compaction_filter_factory = NewDropFilterFactory(*drop_slot);
    flush_listener_->Add(family, *drop_slot);
  }
  return options;
}

Store::~Store() {
  if (!db_) return;
  // Close() flushes what was written without the write-ahead log. An error here has nobody to go
  // to, and costs nothing but a replay at the next open.
  (void)FlushWal(/*sync=*/true);
  {
    MutexLock lock(mutex_);
    found_views_.clear();
  }
  foreign_.clear();
  docs_.reset();
  log_.reset();
  meta_.reset();
  db_->Close().PermitUncheckedError();
}

std::vector<std::shared_ptr<ColumnFamily>> Store::TakeViewFamilies() {
  MutexLock lock(mutex_);
  return std::move(found_views_);
}

Result<std::shared_ptr<ColumnFamily>> Store::CreateViewFamily(const std::string& view) {
  SV_RETURN_IF_ERROR(Resume());
  const InUse in_use(in_use_);
  MutexLock lock(mutex_);
  const std::string base = kViewFamilyPrefix + view;
  std::string name = base;
  for (int i = 2; names_.count(name) != 0; i++) name = base + "~" + std::to_string(i);
  std::shared_ptr<DropSlot> drop_slot;
  const rocksdb::ColumnFamilyOptions options = OptionsOf(name, &drop_slot);
  rocksdb::ColumnFamilyHandle* handle = nullptr;
  SV_RETURN_IF_ERROR(
      FromRocks(db_->CreateColumnFamily(options, name, &handle), "creating column family " + name));
  names_[name] = handle->GetID();
  return std::make_shared<ColumnFamily>(db_.get(), handle, std::move(drop_slot));
}

Status Store::DropViewFamily(const ColumnFamily& family) {
  SV_RETURN_IF_ERROR(Resume());
  const InUse in_use(in_use_);
  MutexLock lock(mutex_);
  SV_RETURN_IF_ERROR(
      FromRocks(db_->DropColumnFamily(family.handle()), "dropping column family " + family.name()));
  names_.erase(family.name());
  return Status::Ok();
}

Status Store::Resume() {
  if (background_error().ok()) return Status::Ok();
  MutexLock lock(resume_mutex_);
  const Status error = background_error();
  if (error.ok()) return Status::Ok();  // somebody else has been faster
  if (error.code() == StatusCode::kFull && !HasRoom()) return error;
  // Another error in the midst of it would end the recovery while a flush is about to begin, which
  // RocksDB would forget: so nobody else is at work.
  const std::unique_lock<std::shared_mutex> alone(in_use_);
  bool written = false;
  rocksdb::Status status = TryToWrite(&written);
  for (int round = 0; round < kResumeRounds && !status.ok(); round++) {
    status = ResumeDatabase();
    if (!status.ok()) break;
    status = TryToWrite(&written);
  }
  for (size_t i = 0; i < undo_.size() && status.ok(); i++) {
    status = db_->Write(rocksdb::WriteOptions(), &undo_[i]);
  }
  if (status.ok() && !undo_.empty() && !memory_env_) status = db_->FlushWAL(/*sync=*/true);
  if (!status.ok()) return background_error();
  undo_.clear();
  background_error_->Clear();
  return Status::Ok();
}

// Whether there may be space for what is in memory. To find that out by flushing would stop RocksDB
// where it is only the write-ahead log that has failed, and with it the views.
bool Store::HasRoom() const {
  uint64_t needed = 0, free = 0;
  if (!db_->GetAggregatedIntProperty(rocksdb::DB::Properties::kCurSizeAllMemTables, &needed)) {
    return true;
  }
  const rocksdb::Status asked =
      db_->GetFileSystem()->GetFreeSpace(db_->GetName(), rocksdb::IOOptions(), &free, nullptr);
  return !asked.ok() || free > needed;
}

// Writes to memory and syncs the write-ahead log. Where that fails, RocksDB has stopped; `written`
// says whether something is in memory, for without that it would resume with the same log.
rocksdb::Status Store::TryToWrite(bool* written) {
  // What goes on in the background may stop RocksDB yet; and no flush must be about to begin when
  // this does.
  const PausedBackground paused(db_.get());
  rocksdb::WriteOptions options;
  options.no_slowdown = true;  // it would wait for compactions
  options.disableWAL = true;
  const rocksdb::Status status = db_->Delete(options, meta(), kNothing);
  const bool was_written = std::exchange(*written, status.ok());
  if (!status.ok() || memory_env_) return status;
  if (was_written && (!kManualWalFlush || !db_->FlushWAL(/*sync=*/false).ok())) {
    // It has flushed, and not begun a new log because the present one is empty: a sync must have
    // failed. An attempt to write makes it count as one that is not.
    options.disableWAL = false;
    db_->Delete(options, meta(), kNothing).PermitUncheckedError();
  }
  background_error_->set_wal_errors_stop(true);
  const rocksdb::Status synced = db_->FlushWAL(/*sync=*/true);
  background_error_->set_wal_errors_stop(false);
  return synced;
}

rocksdb::Status Store::ResumeDatabase() {
  background_error_->Unpause();
  // Compactions come to an end, and none begins while RocksDB is stopped.
  { const PausedBackground paused(db_.get()); }
  // RocksDB asserts that no files are deleted after an error of its manifest, and sees to it but
  // for the errors of creating and dropping a column family.
  const rocksdb::Status disabled = db_->DisableFileDeletions();
  if (!disabled.ok()) return disabled;
  const rocksdb::Status status = db_->Resume();
  const rocksdb::Status enabled = EnableFileDeletions(db_.get());
  return status.ok() ? enabled : status;
}

void Store::TakeBack(rocksdb::WriteBatch batch) {
  MutexLock lock(resume_mutex_);
  background_error_->Note(Status::IOError("a failed append is to be taken back"));
  // Fails where RocksDB has stopped; Resume does it in any case.
  db_->Write(Unlogged(), &batch).PermitUncheckedError();
  undo_.push_back(std::move(batch));
}

Status Store::Written(const rocksdb::Status& status, const std::string& what) {
  const Status converted = FromRocks(status, what);
  if (status.IsIOError()) background_error_->Note(converted);
  return converted;
}

Status Store::WriteLogged(rocksdb::WriteBatch* batch) {
  SV_RETURN_IF_ERROR(Resume());
  const InUse in_use(in_use_);
  MutexLock lock(wal_mutex_);
  SV_RETURN_IF_ERROR(background_error());
  return Written(db_->Write(rocksdb::WriteOptions(), batch), "writing the log");
}

Status Store::WriteUnlogged(rocksdb::WriteBatch* batch) {
  for (bool resumed = false;; resumed = true) {
    {
      const InUse in_use(in_use_);
      const Status written = Written(db_->Write(Unlogged(), batch), "writing an index");
      if (written.ok() || resumed || background_error().ok()) return written;
    }
    SV_RETURN_IF_ERROR(Resume());
  }
}

Status Store::FlushWal(bool sync) {
  if (memory_env_) return Status::Ok();
  SV_RETURN_IF_ERROR(Resume());
  const InUse in_use(in_use_);
  {
    MutexLock lock(wal_mutex_);
    SV_RETURN_IF_ERROR(background_error());
    SV_RETURN_IF_ERROR(Written(db_->FlushWAL(/*sync=*/false), "flushing the log"));
  }
  return sync ? Written(db_->SyncWAL(), "syncing the log") : Status::Ok();
}

Status Store::Flush(rocksdb::ColumnFamilyHandle* family) {
  SV_RETURN_IF_ERROR(Resume());
  const InUse in_use(in_use_);
  SV_RETURN_IF_ERROR(background_error());
  SV_RETURN_IF_ERROR(
      Written(db_->Flush(rocksdb::FlushOptions(), family), "flushing " + family->GetName()));
  // Once resumed, RocksDB 7.8 takes itself for stopped in this, and returns before it has flushed.
  // It never flushes one that is dropped meanwhile.
  return background_error_->AwaitFlush(family, [this, family] { return IsDropped(family); });
}

bool Store::IsDropped(rocksdb::ColumnFamilyHandle* family) const {
  MutexLock lock(mutex_);
  const auto found = names_.find(family->GetName());
  return found == names_.end() || found->second != family->GetID();
}

Status Store::Compact(rocksdb::ColumnFamilyHandle* family) {
  SV_RETURN_IF_ERROR(Resume());
  const InUse in_use(in_use_);
  SV_RETURN_IF_ERROR(background_error());
  rocksdb::CompactRangeOptions options;
  options.exclusive_manual_compaction = false;
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
  return FromRocks(db_->CompactRange(options, family, nullptr, nullptr),
                   "compacting " + family->GetName());
}

Status Store::TakeIn(rocksdb::ColumnFamilyHandle* family, const std::string& file) {
  SV_RETURN_IF_ERROR(Resume());
  const InUse in_use(in_use_);
  rocksdb::IngestExternalFileOptions options;
  options.move_files = true;
  options.failed_move_fall_back_to_copy = true;
  return Written(db_->IngestExternalFile(family, {file}, options), "writing " + family->GetName());
}

std::string Store::NewBuildingFile() {
  return directory_ + "/" + kBuildingPrefix + std::to_string(++building_files_);
}

uint64_t Store::BytesOnDisk(rocksdb::ColumnFamilyHandle* family) const {
  uint64_t bytes = 0;
  db_->GetIntProperty(family, rocksdb::DB::Properties::kTotalSstFilesSize, &bytes);
  return bytes;
}

std::shared_ptr<const rocksdb::Snapshot> TakeSnapshot(rocksdb::DB* db) {
  return {db->GetSnapshot(), [db](const rocksdb::Snapshot* s) { db->ReleaseSnapshot(s); }};
}

}  // namespace streamview
