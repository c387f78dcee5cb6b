#include "core/storage/database.h"

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <algorithm>
#include <map>
#include <utility>

#include "core/storage/env.h"
#include "core/storage/rocks.h"

namespace streamview {

namespace {

constexpr char kMemoryDirectory[] = "/streamview";

// A key of the default column family that never has a value.
constexpr char kNothing[] = "nothing";

// RocksDB may have stopped, then resume with a write-ahead log that has failed because there was
// nothing to flush, and then with the same again because that was empty.
constexpr int kResumeRounds = 3;

// Files up to this size are merged as if they had it, and files above that are left alone.
constexpr uint64_t kTinyFile = 256u << 10;
constexpr uint64_t kLargeFile = 16u << 20;

rocksdb::Env* env_for_testing = nullptr;

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

}  // namespace

rocksdb::WriteOptions Unlogged() {
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  return options;
}

std::shared_ptr<const rocksdb::Snapshot> TakeSnapshot(rocksdb::DB* db) {
  return {db->GetSnapshot(), [db](const rocksdb::Snapshot* s) { db->ReleaseSnapshot(s); }};
}

void Database::SetEnvForTesting(rocksdb::Env* env) { env_for_testing = env; }

rocksdb::Status Database::OpenDatabase(const StoreOptions& options, const std::string& directory,
                                       rocksdb::DBOptions db_options,
                                       const std::vector<std::string>& wanted, Families* families) {
  buffers_ = options.buffers;
  directory_ = directory;
  if (directory_.empty()) {
    memory_env_.reset(rocksdb::NewMemEnv(StoreEnv()));
    env_ = memory_env_.get();
    directory_ = kMemoryDirectory;
  } else {
    env_ = options.env != nullptr ? options.env : DiskEnv();
  }
  db_options.env = env_;
  db_options.create_if_missing = options.create;
  db_options.listeners.push_back(background_error_);

  std::vector<std::string> names;
  const rocksdb::Status listed = rocksdb::DB::ListColumnFamilies(db_options, directory_, &names);
  if (!listed.ok()) {
    // With create, a missing database is what is expected; if it is worse, opening says so.
    if (!options.create) return listed;
    names.clear();
  }
  for (const std::string& own : wanted) {
    if (std::find(names.begin(), names.end(), own) == names.end()) names.push_back(own);
  }
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  descriptors.reserve(names.size());
  std::map<std::string, std::shared_ptr<DropSlot>> drop_slots;
  for (const std::string& name : names) {
    FamilySetUp set_up = SetUpFamily(name);
    drop_slots[name] = std::move(set_up.drop_slot);
    descriptors.emplace_back(name, set_up.options);
  }

  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  rocksdb::Status opened = OpenRocksDb(db_options, directory_, descriptors, &handles, &db);
  if (opened.IsCorruption() && uses_wal_) {
    // A process may have died while it resumed: some families are flushed then, others are still in
    // a write-ahead log with a torn end. By default RocksDB takes that for a loss. What was in the
    // torn end was acknowledged to nobody; damage before it is still an error.
    db_options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
    opened = OpenRocksDb(db_options, directory_, descriptors, &handles, &db);
  }
  if (!opened.ok()) return opened;
  db_.reset(db);
  background_error_->Attach(db);
  for (rocksdb::ColumnFamilyHandle* handle : handles) {
    families->push_back(
        std::make_unique<ColumnFamily>(db, handle, std::move(drop_slots[handle->GetName()])));
  }
  return opened;
}

rocksdb::Env* Database::DiskEnv() {
  return env_for_testing != nullptr ? env_for_testing : StoreEnv();
}

Database::~Database() = default;

void Database::Close() {
  if (!db_) return;
  foreign_.clear();
  db_->Close().PermitUncheckedError();
}

Status Database::Resume() {
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
  if (status.ok() && !undo_.empty() && !memory_env_ && uses_wal_)
    status = db_->FlushWAL(/*sync=*/true);
  if (!status.ok()) return background_error();
  undo_.clear();
  background_error_->Clear();
  return Status::Ok();
}

// Whether there may be space for what is in memory. To find that out by flushing would stop RocksDB
// where it is only the write-ahead log that has failed, and with it the views.
bool Database::HasRoom() const {
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
rocksdb::Status Database::TryToWrite(bool* written) {
  // What goes on in the background may stop RocksDB yet; and no flush must be about to begin when
  // this does.
  const PausedBackground paused(db_.get());
  rocksdb::WriteOptions options;
  options.no_slowdown = true;  // it would wait for compactions
  options.disableWAL = true;
  const rocksdb::Status status = db_->Delete(options, kNothing);
  const bool was_written = std::exchange(*written, status.ok());
  if (!status.ok() || memory_env_ || !uses_wal_) return status;
  // Without a buffer a log that is not written to is empty, whatever has failed.
  if (was_written && (!kManualWalFlush || !db_->FlushWAL(/*sync=*/false).ok())) {
    // It has flushed, and not begun a new log because the present one is empty: a sync must have
    // failed. An attempt to write makes it count as one that is not.
    options.disableWAL = false;
    db_->Delete(options, kNothing).PermitUncheckedError();
  }
  background_error_->set_wal_errors_stop(true);
  const rocksdb::Status synced = db_->FlushWAL(/*sync=*/true);
  background_error_->set_wal_errors_stop(false);
  return synced;
}

rocksdb::Status Database::ResumeDatabase() {
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

void Database::TakeBack(rocksdb::WriteBatch batch) {
  MutexLock lock(resume_mutex_);
  undo_.push_back(std::move(batch));
  background_error_->Note(Status::IOError("a failed append is to be taken back"));
  // Fails where RocksDB has stopped; Resume does it in any case.
  db_->Write(Unlogged(), &undo_.back()).PermitUncheckedError();
}

Status Database::Written(const rocksdb::Status& status, const std::string& what) {
  const Status converted = FromRocks(status, what);
  if (status.IsIOError()) background_error_->Note(converted);
  return converted;
}

Status Database::Flush(rocksdb::ColumnFamilyHandle* family) {
  SV_RETURN_IF_ERROR(Resume());
  const InUse in_use(in_use_);
  // RocksDB 9.10 never ends its recovery from a flush that failed where that of another family was
  // waiting behind it: so that one is not asked for yet.
  MutexLock lock(flush_mutex_);
  SV_RETURN_IF_ERROR(background_error());
  SV_RETURN_IF_ERROR(
      Written(db_->Flush(rocksdb::FlushOptions(), family), "flushing " + family->GetName()));
  // Once resumed, RocksDB 7.8 takes itself for stopped in this, and returns before it has flushed.
  // It never flushes one that is dropped meanwhile.
  return background_error_->AwaitFlush(family, [this, family] { return IsDropped(family); });
}

rocksdb::Status Database::CompactAll(rocksdb::ColumnFamilyHandle* family) {
  const InUse in_use(in_use_);
  rocksdb::CompactRangeOptions options;
  options.exclusive_manual_compaction = false;
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
  return db_->CompactRange(options, family, nullptr, nullptr);
}

// Greatest keys first, as long as a file is at most twice as large as all before: each byte is
// written again once for each doubling.
Status Database::MergeFiles(rocksdb::ColumnFamilyHandle* family, size_t few) {
  if (in_memory()) return Status::Ok();
  rocksdb::ColumnFamilyMetaData data;
  db_->GetColumnFamilyMetaData(family, &data);
  std::vector<std::pair<rocksdb::SstFileMetaData, int>> files;
  for (const rocksdb::LevelMetaData& level : data.levels) {
    for (const rocksdb::SstFileMetaData& file : level.files) files.emplace_back(file, level.level);
  }
  std::sort(files.begin(), files.end(),
            [](const auto& a, const auto& b) { return a.first.largestkey > b.first.largestkey; });
  std::vector<std::string> merged;
  uint64_t bytes = 0;
  int level = 1;
  for (const auto& [file, at_level] : files) {
    const uint64_t size = std::max<uint64_t>(file.size, kTinyFile);
    if (size > kLargeFile || (merged.size() > 1 && size > 2 * bytes)) break;
    merged.push_back(file.name);
    bytes += size;
    level = std::max(level, at_level);
  }
  if (merged.size() < few) return Status::Ok();
  SV_RETURN_IF_ERROR(Resume());
  const InUse in_use(in_use_);
  rocksdb::CompactionOptions options;
  options.compression = rocksdb::kDisableCompressionOption;  // that of the family
  // Where the manifest cannot be written, RocksDB deletes the new file, and the manifest may name
  // it all the same: then the database could not be opened any more.
  const std::string what = "merging files of " + family->GetName();
  SV_RETURN_IF_ERROR(FromRocks(db_->DisableFileDeletions(), what));
  const rocksdb::Status compacted = db_->CompactFiles(options, family, merged, level);
  if (!compacted.ok()) {
    background_error_->NoteManifestError();
    return FromRocks(compacted, what);
  }
  return FromRocks(EnableFileDeletions(db_.get()), what);
}

uint64_t Database::BytesOnDisk(rocksdb::ColumnFamilyHandle* family) const {
  uint64_t bytes = 0;
  db_->GetIntProperty(family, rocksdb::DB::Properties::kTotalSstFilesSize, &bytes);
  return bytes;
}

}  // namespace streamview
