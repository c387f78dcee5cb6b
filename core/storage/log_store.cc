#include "core/storage/log_store.h"

#include <string>
#include <vector>

#include "core/base/without_failing.h"
#include "core/storage/derived_store.h"
#include "core/storage/family_names.h"
#include "core/storage/rocks.h"

namespace streamview {

namespace {

// So many files that are small may be left by a process that closes; one that finds more than are
// left by one that dies merges them first.
constexpr size_t kFewAtClose = 3;
constexpr size_t kFewAtOpen = 16;

constexpr char kLogFamily[] = "log";

Status OpenError(const rocksdb::Status& status, const std::string& directory) {
  // Only the lock is busy, and what says so is core/storage/env.cc.
  if (status.IsBusy()) {
    return Status::Busy("log directory " + directory + " " + std::string(status.getState()));
  }
  Status converted = FromRocks(status, "cannot open log directory " + directory);
  switch (converted.code()) {
    case StatusCode::kCorruption:
    case StatusCode::kFull:
    case StatusCode::kNoMemory:
      return converted;
    default:
      return Status::CannotOpen(converted.message());
  }
}

// Whether version 0.1 kept derived data in this family.
bool IsFormerlyDerived(const std::string& family) {
  return family == "docs" || IsViewFamily(family);
}

}  // namespace

Result<std::unique_ptr<LogStore>> LogStore::Open(const StoreOptions& options) {
  StoreOptions completed = options;
  if (completed.buffers.block_cache == nullptr) completed.buffers = NewSharedBuffers();
  std::unique_ptr<LogStore> store(new LogStore);
  SV_RETURN_IF_ERROR(store->OpenFamilies(completed));
  // A merge that fails leaves all as it was.
  (void)store->MergeSmallFiles(kFewAtOpen);
  return store;
}

Status LogStore::OpenFamilies(const StoreOptions& options) {
  Families families;
  const rocksdb::Status opened =
      OpenDatabase(options, options.directory, LogOptions(options.buffers),
                   {rocksdb::kDefaultColumnFamilyName, kLogFamily}, &families);
  if (!opened.ok()) return OpenError(opened, options.directory);
  Families former;
  for (std::unique_ptr<ColumnFamily>& family : families) {
    const std::string name = family->name();
    if (name == rocksdb::kDefaultColumnFamilyName) {
      meta_ = std::move(family);
    } else if (name == kLogFamily) {
      log_ = std::move(family);
    } else {
      (IsFormerlyDerived(name) ? former : foreign_).push_back(std::move(family));
    }
  }
  std::vector<rocksdb::ColumnFamilyHandle*> dropped;
  for (const std::unique_ptr<ColumnFamily>& family : former) dropped.push_back(family->handle());
  if (dropped.empty()) return Status::Ok();
  if (!in_memory()) RemoveBuildingFiles(env(), options.directory);
  return FromRocks(db()->DropColumnFamilies(dropped), "dropping derived data of version 0.1");
}

Database::FamilySetUp LogStore::SetUpFamily(const std::string& name) {
  return {name == kLogFamily ? LogFamilyOptions(buffers()) : MetadataFamilyOptions(buffers()),
          nullptr};
}

LogStore::~LogStore() {
  if (db() == nullptr) return;
  // An error here has nobody to go to. Whoever was promised that something is on disk has seen it
  // there.
  WithoutFailing([this] {
    (void)FlushWal(/*sync=*/true);
    if (meta_ != nullptr && log_ != nullptr) (void)MergeSmallFiles(kFewAtClose);
  });
  log_.reset();
  meta_.reset();
  Close();
}

Status LogStore::Compact() {
  for (rocksdb::ColumnFamilyHandle* family : {meta(), log()}) {
    SV_RETURN_IF_ERROR(Flush(family));
    SV_RETURN_IF_ERROR(background_error());
    SV_RETURN_IF_ERROR(FromRocks(CompactAll(family), "compacting the log"));
  }
  return Status::Ok();
}

Status LogStore::MergeSmallFiles(size_t few) {
  SV_RETURN_IF_ERROR(MergeFiles(meta(), few));
  return MergeFiles(log(), few);
}

Status LogStore::Write(rocksdb::WriteBatch* batch) {
  SV_RETURN_IF_ERROR(Resume());
  const InUse in_use(in_use_);
  MutexLock lock(wal_mutex_);
  SV_RETURN_IF_ERROR(background_error());
  return Written(db()->Write(rocksdb::WriteOptions(), batch), "writing the log");
}

Status LogStore::FlushWal(bool sync) {
  if (in_memory()) return Status::Ok();
  SV_RETURN_IF_ERROR(Resume());
  const InUse in_use(in_use_);
  {
    MutexLock lock(wal_mutex_);
    SV_RETURN_IF_ERROR(background_error());
    SV_RETURN_IF_ERROR(Written(db()->FlushWAL(/*sync=*/false), "flushing the log"));
  }
  return sync ? Written(db()->SyncWAL(), "syncing the log") : Status::Ok();
}

}  // namespace streamview
