#include "core/storage/derived_store.h"

#include <rocksdb/env.h>

#include <algorithm>
#include <utility>

#include "core/base/descriptor.h"
#include "core/storage/family_names.h"
#include "core/storage/rocks.h"

namespace streamview {

namespace {

constexpr char kDirectoryName[] = "derived";
constexpr char kBuildingPrefix[] = "building-";
constexpr char kDocsFamily[] = "docs";
constexpr char kLogIdKey[] = "log_id";

// Fewer entries in memory than this are not worth a file when the store closes: the few entries of
// the log that they come from are processed again by the time that the file would take.
constexpr uint64_t kLittle = 2000;
// Files of a column family that its short-lived users leave, and up to which size all of it is
// rewritten then.
constexpr size_t kFewFiles = 3;
constexpr uint64_t kMaxRewritten = 16u << 20;

// The one in use may have a number behind its name: it took the place of another.
bool IsDocsFamily(const std::string& name) {
  return name == kDocsFamily || name.starts_with(std::string(kDocsFamily) + "~");
}

// Errors that say nothing of what is stored: the directory may be all right.
bool SaysNothingOfTheFiles(const rocksdb::Status& status) {
  return status.IsBusy() || status.IsAborted() || status.IsTryAgain() ||
         (status.IsIOError() && !status.IsPathNotFound());
}

// The names of the files in a directory; empty where it cannot be read: then opening says so.
std::vector<std::string> FilesIn(rocksdb::Env* env, const std::string& directory) {
  std::vector<std::string> names;
  env->GetChildren(directory, &names).PermitUncheckedError();
  std::erase_if(names, [](const std::string& name) { return name == "." || name == ".."; });
  return names;
}

// Deletes all files in the directory. (Those that are not RocksDB's are ours.)
Status Clear(rocksdb::Env* env, const std::string& directory) {
  for (const std::string& name : FilesIn(env, directory)) {
    const std::string path = directory + "/" + name;
    SV_RETURN_IF_ERROR(FromRocks(env->DeleteFile(path), "deleting " + path));
  }
  return Status::Ok();
}

// Nothing is written to the write-ahead log, but RocksDB begins one each time that it is opened,
// and deletes it only after a flush. One that cannot be deleted is in nobody's way.
void RemoveEmptyLogs(rocksdb::Env* env, const std::string& directory) {
  for (const std::string& name : FilesIn(env, directory)) {
    const std::string path = directory + "/" + name;
    uint64_t size = 0;
    const bool is_empty = name.ends_with(".log") && env->GetFileSize(path, &size).ok() && size == 0;
    if (is_empty) env->DeleteFile(path).PermitUncheckedError();
  }
}

// Without the file CURRENT, RocksDB would take a directory for a new one, with files in its way.
bool LacksCurrent(rocksdb::Env* env, const std::string& directory) {
  const std::vector<std::string> names = FilesIn(env, directory);
  const auto is_data = [](const std::string& name) {
    return name.starts_with("MANIFEST-") || name.ends_with(".sst");
  };
  return std::find(names.begin(), names.end(), "CURRENT") == names.end() &&
         std::any_of(names.begin(), names.end(), is_data);
}

}  // namespace

std::string DerivedDirectory(const std::string& log_directory) {
  return log_directory + "/" + kDirectoryName;
}

Status DestroyDerivedStore(const std::string& log_directory) {
  rocksdb::Env* const env = Database::DiskEnv();
  const std::string directory = DerivedDirectory(log_directory);
  const rocksdb::Status found = env->FileExists(directory);
  if (found.IsNotFound()) return Status::Ok();
  SV_RETURN_IF_ERROR(FromRocks(found, directory));
  SV_RETURN_IF_ERROR(Clear(env, directory));
  return FromRocks(env->DeleteDir(directory), "deleting " + directory);
}

void RemoveBuildingFiles(rocksdb::Env* env, const std::string& directory) {
  for (const std::string& name : FilesIn(env, directory)) {
    if (!name.starts_with(kBuildingPrefix)) continue;
    env->DeleteFile(directory + "/" + name).PermitUncheckedError();
  }
}

Result<std::unique_ptr<DerivedStore>> DerivedStore::Open(const StoreOptions& options,
                                                         const std::string& log_id) {
  StoreOptions completed = options;
  completed.create = true;
  if (completed.buffers.block_cache == nullptr) completed.buffers = NewSharedBuffers();
  if (completed.env == nullptr) completed.env = DiskEnv();
  rocksdb::Env* const env = completed.env;
  std::string& directory = completed.directory;
  std::string loss;
  if (!directory.empty()) {
    directory = DerivedDirectory(options.directory);
    SV_RETURN_IF_ERROR(FromRocks(env->CreateDirIfMissing(directory), "making " + directory));
    ShareWithWriters(directory);
    if (LacksCurrent(env, directory)) {
      loss = directory + "/CURRENT is missing";
      SV_RETURN_IF_ERROR(Clear(env, directory));
    }
    RemoveEmptyLogs(env, directory);
  }
  for (;;) {
    std::unique_ptr<DerivedStore> store(new DerivedStore);
    const rocksdb::Status opened = store->OpenFamilies(completed);
    Status usable = FromRocks(opened, "cannot open " + directory);
    if (opened.ok()) usable = store->CheckAndComplete(log_id);
    if (usable.ok()) {
      if (!loss.empty()) store->losses_[""] = loss;
      if (!directory.empty()) RemoveBuildingFiles(env, directory);
      return store;
    }
    const bool damaged =
        opened.ok() ? usable.code() == StatusCode::kDamaged : !SaysNothingOfTheFiles(opened);
    if (!damaged || !loss.empty() || directory.empty()) return usable;
    loss = opened.ok() ? store->meta_->damage() : usable.message();
    store.reset();
    SV_RETURN_IF_ERROR(Clear(env, directory));
  }
}

rocksdb::Status DerivedStore::OpenFamilies(const StoreOptions& options) {
  rocksdb::DBOptions db_options = DerivedOptions(options.buffers);
  db_options.listeners.push_back(flush_listener_);
  Families families, docs;
  const rocksdb::Status opened = OpenDatabase(options, options.directory, std::move(db_options),
                                              {rocksdb::kDefaultColumnFamilyName}, &families);
  if (!opened.ok()) return opened;
  MutexLock lock(mutex_);
  for (std::unique_ptr<ColumnFamily>& family : families) {
    const std::string name = family->name();
    names_[name] = family->handle()->GetID();
    if (name == rocksdb::kDefaultColumnFamilyName) {
      meta_ = std::move(family);
    } else if (IsDocsFamily(name)) {
      docs.push_back(std::move(family));
    } else if (IsViewFamily(name)) {
      views_.push_back(std::move(family));
    } else {
      foreign_.push_back(std::move(family));
    }
  }
  // Of two, one took the place of the other, and a crash kept that from being dropped.
  std::sort(docs.begin(), docs.end(), [](const auto& a, const auto& b) {
    return a->handle()->GetID() > b->handle()->GetID();
  });
  if (!docs.empty()) docs_ = std::move(docs[0]);
  for (size_t i = 1; i < docs.size(); i++) {
    const rocksdb::Status dropped = db()->DropColumnFamily(docs[i]->handle());
    if (!dropped.ok()) return dropped;
    names_.erase(docs[i]->name());
  }
  return opened;
}

// Whether the store is that of the log, and its files are all there. Families that are not are
// dropped.
Status DerivedStore::CheckAndComplete(const std::string& log_id) {
  if (docs() == nullptr) {
    MutexLock lock(mutex_);
    SV_ASSIGN_OR_RETURN(docs_, CreateFamily(kDocsFamily));
  }
  SV_RETURN_IF_ERROR(DropDamagedFamilies());
  std::string stored;
  const rocksdb::Status read =
      db()->Get(rocksdb::ReadOptions(), meta_->handle(), kLogIdKey, &stored);
  if (read.IsNotFound()) {
    rocksdb::WriteBatch batch;
    SV_RETURN_IF_ERROR(FromRocks(batch.Put(meta_->handle(), kLogIdKey, log_id), "writing"));
    SV_RETURN_IF_ERROR(Write(&batch));
    return Flush(meta_->handle());
  }
  SV_RETURN_IF_ERROR(meta_->CheckRead(read, "reading " + directory()));
  return stored == log_id ? Status::Ok() : meta_->NoteDamage("it is of log " + stored);
}

// RocksDB looks at a file when something is read from it; whether all are there, and as long as
// they should be, costs little to see at once.
Status DerivedStore::DropDamagedFamilies() {
  if (in_memory()) return Status::Ok();
  std::vector<rocksdb::LiveFileMetaData> files;
  db()->GetLiveFilesMetaData(&files);
  for (const rocksdb::LiveFileMetaData& file : files) {
    const std::string path = file.directory + "/" + file.relative_filename;
    uint64_t size = 0;
    const rocksdb::Status found = env()->GetFileSize(path, &size);
    if (found.ok() && size == file.size) continue;
    if (!found.ok() && SaysNothingOfTheFiles(found)) return FromRocks(found, path);
    losses_.emplace(file.column_family_name,
                    path + (found.ok() ? " has " + std::to_string(size) + " of " +
                                             std::to_string(file.size) + " bytes"
                                       : " is missing"));
  }
  if (const std::string& why = LossOf(rocksdb::kDefaultColumnFamilyName); !why.empty()) {
    return meta_->NoteDamage(why);
  }
  if (!LossOf(docs()->name()).empty()) SV_RETURN_IF_ERROR(ReplaceDocs());
  for (const std::shared_ptr<ColumnFamily>& family : views_) {
    if (!LossOf(family->name()).empty()) SV_RETURN_IF_ERROR(DropFamily(*family));
  }
  std::erase_if(views_, [this](const auto& family) { return !LossOf(family->name()).empty(); });
  return Status::Ok();
}

std::string DerivedStore::LossOf(const std::string& family) const {
  for (const std::string& lost : {std::string(), family}) {
    if (const auto found = losses_.find(lost); found != losses_.end()) return found->second;
  }
  return "";
}

Database::FamilySetUp DerivedStore::SetUpFamily(const std::string& name) {
  if (IsDocsFamily(name)) return {DocsFamilyOptions(buffers()), nullptr};
  if (!IsViewFamily(name)) return {MetadataFamilyOptions(buffers()), nullptr};
  FamilySetUp set_up{ViewFamilyOptions(buffers()), std::make_shared<DropSlot>()};
  set_up.options.compaction_filter_factory = NewDropFilterFactory(set_up.drop_slot);
  flush_listener_->Add(name, set_up.drop_slot);
  return set_up;
}

DerivedStore::~DerivedStore() {
  views_.clear();
  {
    MutexLock lock(mutex_);
    docs_.reset();
  }
  meta_.reset();
  Close();
}

Result<std::shared_ptr<ColumnFamily>> DerivedStore::CreateFamily(const std::string& base) {
  std::string name = base;
  for (int i = 2; names_.count(name) != 0; i++) name = base + "~" + std::to_string(i);
  FamilySetUp set_up = SetUpFamily(name);
  rocksdb::ColumnFamilyHandle* handle = nullptr;
  SV_RETURN_IF_ERROR(FromRocks(db()->CreateColumnFamily(set_up.options, name, &handle),
                               "creating column family " + name));
  names_[name] = handle->GetID();
  return std::make_shared<ColumnFamily>(db(), handle, std::move(set_up.drop_slot));
}

Result<std::shared_ptr<ColumnFamily>> DerivedStore::CreateViewFamily(const std::string& view) {
  SV_RETURN_IF_ERROR(Resume());
  const InUse in_use(in_use_);
  MutexLock lock(mutex_);
  return CreateFamily(kViewFamilyPrefix + view);
}

std::shared_ptr<ColumnFamily> DerivedStore::docs() const {
  MutexLock lock(mutex_);
  return docs_;
}

Status DerivedStore::ReplaceDocs() {
  SV_RETURN_IF_ERROR(Resume());
  std::shared_ptr<ColumnFamily> old;
  {
    const InUse in_use(in_use_);
    MutexLock lock(mutex_);
    SV_ASSIGN_OR_RETURN(std::shared_ptr<ColumnFamily> family, CreateFamily(kDocsFamily));
    old = std::exchange(docs_, std::move(family));
  }
  return DropFamily(*old);
}

Status DerivedStore::DropFamily(const ColumnFamily& family) {
  SV_RETURN_IF_ERROR(Resume());
  const InUse in_use(in_use_);
  MutexLock lock(mutex_);
  SV_RETURN_IF_ERROR(FromRocks(db()->DropColumnFamily(family.handle()),
                               "dropping column family " + family.name()));
  names_.erase(family.name());
  return Status::Ok();
}

bool DerivedStore::IsDropped(rocksdb::ColumnFamilyHandle* family) const {
  MutexLock lock(mutex_);
  const auto found = names_.find(family->GetName());
  return found == names_.end() || found->second != family->GetID();
}

Status DerivedStore::Write(rocksdb::WriteBatch* batch) {
  for (bool resumed = false;; resumed = true) {
    {
      const InUse in_use(in_use_);
      const Status written = Written(db()->Write(Unlogged(), batch), "writing an index");
      if (written.ok() || resumed || background_error().ok()) return written;
    }
    SV_RETURN_IF_ERROR(Resume());
  }
}

Status DerivedStore::Compact(const ColumnFamily& family) {
  SV_RETURN_IF_ERROR(Resume());
  return family.CheckRead(CompactAll(family.handle()), "compacting " + family.name());
}

Status DerivedStore::FlushUnlessLittle(const ColumnFamily& family) {
  if (in_memory()) return Status::Ok();
  using Properties = rocksdb::DB::Properties;
  uint64_t entries = 0, immutable = 0;
  db()->GetIntProperty(family.handle(), Properties::kNumEntriesActiveMemTable, &entries);
  db()->GetIntProperty(family.handle(), Properties::kNumImmutableMemTable, &immutable);
  if (entries < kLittle && immutable == 0) return Status::Ok();
  SV_RETURN_IF_ERROR(Flush(family.handle()));
  rocksdb::ColumnFamilyMetaData files;
  db()->GetColumnFamilyMetaData(family.handle(), &files);
  const bool many = files.levels.at(0).files.size() >= kFewFiles;
  return many && files.size <= kMaxRewritten ? Compact(family) : Status::Ok();
}

Status DerivedStore::TakeIn(rocksdb::ColumnFamilyHandle* family, const std::string& file) {
  SV_RETURN_IF_ERROR(Resume());
  const InUse in_use(in_use_);
  rocksdb::IngestExternalFileOptions options;
  options.move_files = true;
  options.failed_move_fall_back_to_copy = true;
  return Written(db()->IngestExternalFile(family, {file}, options), "writing " + family->GetName());
}

std::string DerivedStore::NewBuildingFile() {
  return directory() + "/" + kBuildingPrefix + std::to_string(++building_files_);
}

}  // namespace streamview
