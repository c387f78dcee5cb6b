#include "core/local_engine.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <new>

#include "core/base/random_id.h"
#include "core/docs/docs_reader.h"
#include "core/docs/log_check.h"
#include "core/log/log_reader.h"
#include "core/log/log_transaction.h"
#include "core/storage/env.h"
#include "core/storage/live_files.h"
#include "core/storage/log_directory.h"
#include "core/storage/log_owner.h"
#include "core/storage/overlay_files.h"
#include "core/storage/rocks.h"

namespace streamview {

namespace {

constexpr char kLogIdKey[] = "log_id";

// A cursor over nothing, that says why.
class FailedLogCursor final : public LogCursor {
 public:
  explicit FailedLogCursor(Status status) : status_(std::move(status)) {}
  bool Valid() const override { return false; }
  void Next() override {}
  Status status() const override { return status_; }
  const Entry& entry() const override { return entry_; }

 private:
  const Status status_;
  const Entry entry_{};
};

// Whether `path`, which need not be there yet, is in `directory` or below.
bool IsWithin(const std::filesystem::path& path, const std::filesystem::path& directory) {
  std::error_code error;
  const std::filesystem::path inner = std::filesystem::weakly_canonical(path, error);
  const std::filesystem::path outer = std::filesystem::weakly_canonical(directory, error);
  const auto differ = std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end());
  return differ.first == outer.end() && differ.second != inner.end();
}

// What meets damaged derived data finds them empty at the next attempt, and builds them anew.
template <typename Call>
auto RetryDamaged(const Call& call) {
  constexpr int kMaxAttempts = 4;
  for (int attempt = 1;; attempt++) {
    auto result = call();
    if (result.status().code() != StatusCode::kDamaged || attempt == kMaxAttempts) return result;
  }
}

// Why the directory of derived data cannot be written, or OK; `writable` is that of the log's.
Status CheckDerivedWritable(const std::string& directory, const Status& writable) {
  if (!writable.ok() || directory.empty()) return writable;
  const std::string derived = DerivedDirectory(directory);
  std::error_code error;
  return std::filesystem::is_directory(derived, error) ? CheckWritable(derived) : Status::Ok();
}

// Makes a copy of a log's files a log of its own.
Status Detach(const std::string& directory) {
  StoreOptions options;
  options.directory = directory;
  SV_ASSIGN_OR_RETURN(const std::unique_ptr<LogStore> copy, LogStore::Open(options));
  return Log::SettleCopy(copy.get());
}

}  // namespace

LocalEngine::LocalEngine(const EngineOptions& options, Status writable)
    : id_(options.log_id), directory_(options.directory), writable_(std::move(writable)) {}

Result<std::unique_ptr<LocalEngine>> LocalEngine::Open(const EngineOptions& options, bool create,
                                                       const Status& writable) {
  std::unique_ptr<LocalEngine> engine(new LocalEngine(options, writable));
  StoreOptions store_options;
  store_options.directory = options.directory;
  store_options.create = create;
  store_options.buffers = NewSharedBuffers();
  engine->derived_writable_ = CheckDerivedWritable(options.directory, writable);
  if (!engine->derived_writable_.ok()) {
    engine->overlay_ = NewStoreEnv(NewOverlayFiles(Database::DiskEnv()->GetFileSystem()));
    if (!writable.ok()) store_options.env = engine->overlay_.get();
  }
  const bool on_disk = !options.directory.empty();
  if (on_disk && !options.adopt) {
    SV_RETURN_IF_ERROR(CheckOwner(options.directory, options.database));
  }
  SV_ASSIGN_OR_RETURN(engine->log_store_, LogStore::Open(store_options));
  SV_RETURN_IF_ERROR(engine->CheckIdentity(create));
  Result<std::unique_ptr<Log>> log =
      Log::Open(engine->log_store_.get(), options.committed_token, options.adopt);
  if (!log.ok()) return log.status().WithContext("log directory " + options.directory);
  engine->log_ = *std::move(log);
  engine->log_->set_writable(writable);
  if (on_disk && writable.ok() && !options.database.empty()) {
    SV_RETURN_IF_ERROR(NoteOwner(options.directory, options.database));
  }
  store_options.env = engine->overlay_.get();
  SV_ASSIGN_OR_RETURN(engine->derived_store_, DerivedStore::Open(store_options, options.log_id));
  SV_ASSIGN_OR_RETURN(engine->docs_,
                      DocIndex::Open(engine->log_.get(), engine->derived_store_.get()));
  engine->catalog_ = std::make_unique<Catalog>(engine->log_store_.get());

  LocalEngine* const self = engine.get();
  engine->indexer_ = std::make_unique<Indexer>(engine->log_.get(), engine->docs_.get(),
                                               [self] { return self->LocalViews(); });
  Indexer* const indexer = engine->indexer_.get();
  ViewContext& context = engine->context_;
  context.store = engine->derived_store_.get();
  context.log = engine->log_.get();
  context.docs = engine->docs_.get();
  context.catalog = engine->catalog_.get();
  context.mapper_factory = options.mapper_factory;
  context.background = options.background;
  context.wake = [indexer] { indexer->Wake(); };
  context.views = [self] { return self->LocalViews(); };
  engine->log_->set_on_publish(context.wake);
  SV_RETURN_IF_ERROR(engine->RestoreViews(options.view_ids));
  if (options.background) SV_RETURN_IF_ERROR(engine->indexer_->Start());
  return engine;
}

LocalEngine::~LocalEngine() {
  if (process_.InForkedChild()) {
    // The threads that these would wait for are the parent's. The child leaves them alone.
    (void)indexer_.release();
    (void)docs_.release();
    (void)derived_store_.release();
    (void)log_.release();
    (void)log_store_.release();
    (void)overlay_.release();
    MutexLock lock(mutex_);
    for (auto& [id, view] : views_) {
      new (std::nothrow) std::shared_ptr<LocalView>(std::move(view));  // never deleted
    }
    return;
  }
  indexer_.reset();
  try {
    WriteIndexes();
  } catch (...) {
    // No memory: it is done again at the next opening.
  }
  MutexLock lock(mutex_);
  views_.clear();
}

// An error costs no more than doing it again at the next opening.
void LocalEngine::WriteIndexes() {
  if (docs_ != nullptr) (void)docs_->Close();
  for (const std::shared_ptr<LocalView>& view : LocalViews()) {
    for (const std::shared_ptr<ViewIndex>& index : view->Indexes()) (void)index->Close();
  }
  if (log_ != nullptr) (void)log_->Settle();
}

// Of what the log's metadata say.
Status LocalEngine::CheckCanDefine() const {
  SV_RETURN_IF_ERROR(process_.Check());
  return writable_;
}

Status LocalEngine::CheckIdentity(bool create) {
  std::string stored;
  const rocksdb::Status read =
      log_store_->db()->Get(rocksdb::ReadOptions(), log_store_->meta(), kLogIdKey, &stored);
  if (read.IsNotFound() && create) {
    rocksdb::WriteBatch batch;
    SV_RETURN_IF_ERROR(
        FromRocks(batch.Put(log_store_->meta(), kLogIdKey, id_), "writing the log's id"));
    SV_RETURN_IF_ERROR(log_store_->Write(&batch));
    return log_store_->FlushWal(/*sync=*/true);
  }
  if (read.IsNotFound()) {
    return Status::CannotOpen("log directory " + directory_ + " holds no log id: it is damaged");
  }
  SV_RETURN_IF_ERROR(FromRocks(read, "reading the log's id"));
  if (stored == id_) return Status::Ok();
  return Status::CannotOpen("log directory " + directory_ + " holds log " + stored +
                            ", and the database expects log " + id_);
}

Status LocalEngine::RestoreViews(const std::optional<std::vector<std::string>>& known_ids) {
  std::map<std::string, std::shared_ptr<ColumnFamily>> families;
  std::map<std::string, std::string> losses = derived_store_->losses();
  for (std::shared_ptr<ColumnFamily>& family : derived_store_->TakeViewFamilies()) {
    std::string name = family->name();
    const Result<bool> usable = CheckFamily(*family);
    SV_RETURN_IF_ERROR(usable.status());
    if (*usable) {
      families.emplace(std::move(name), std::move(family));
    } else {
      if (family->is_damaged()) losses[name] = family->damage();
      SV_RETURN_IF_ERROR(derived_store_->DropFamily(*family));
    }
  }
  const auto loss_of = [&losses](const CatalogEntry& entry) {
    for (const std::string& name : {std::string(), entry.family, entry.building_family}) {
      if (const auto loss = losses.find(name); loss != losses.end()) return loss->second;
    }
    return std::string();
  };
  const auto take = [&families](const std::string& name) {
    std::shared_ptr<ColumnFamily> family;
    if (auto node = families.extract(name)) family = std::move(node.mapped());
    return family;
  };
  SV_ASSIGN_OR_RETURN(const std::vector<CatalogEntry> entries, catalog_->Load());
  for (const CatalogEntry& entry : entries) {
    const bool known = !known_ids || std::find(known_ids->begin(), known_ids->end(),
                                               entry.view_id) != known_ids->end();
    if (!known) {
      // Its CREATE never committed, or its DROP did: the families are left over, and go below.
      SV_RETURN_IF_ERROR(catalog_->Remove(entry.view_id));
      continue;
    }
    SV_RETURN_IF_ERROR(
        RestoreView(entry, take(entry.family), take(entry.building_family), loss_of(entry)));
  }
  for (const auto& [name, family] : families) {
    SV_RETURN_IF_ERROR(derived_store_->DropFamily(*family));
  }
  return Status::Ok();
}

// Whether what an index says of itself can be built on. One that is damaged, of another epoch, or
// ahead of the log (the directory lost the log's end, and other entries will take those numbers),
// is made anew from the log.
Result<bool> LocalEngine::CheckFamily(const ColumnFamily& family) {
  const Result<ViewIndex::Coverage> coverage =
      ViewIndex::ReadCoverage(derived_store_.get(), family);
  if (coverage.status().code() == StatusCode::kDamaged) return false;
  SV_RETURN_IF_ERROR(coverage.status());
  const Checkpoint& checkpoint = coverage->checkpoint;
  if (checkpoint.seq > 0 && checkpoint.epoch != log_->epoch()) return false;
  const Seq needed = std::max(checkpoint.seq, coverage->readable_from);
  if (needed > log_->head()) return false;
  // The indexes' superseded sets come from the document index: it must be no less far.
  SV_RETURN_IF_ERROR(docs_->AdvanceTo(needed, WaitOptions()));
  return true;
}

// A view that cannot be opened is reported to whoever asks for it; the log and the others go on.
Status LocalEngine::RestoreView(const CatalogEntry& entry, std::shared_ptr<ColumnFamily> family,
                                std::shared_ptr<ColumnFamily> building, std::string loss) {
  Result<std::shared_ptr<LocalView>> view =
      LocalView::Open(&context_, entry, std::move(family), std::move(building), std::move(loss));
  if (view.status().IsCutShort()) return view.status();
  if (view.ok()) (*view)->CatchUp();
  MutexLock lock(mutex_);
  if (view.ok()) {
    views_[entry.view_id] = *std::move(view);
  } else {
    broken_views_[entry.view_id] = view.status().WithContext("view " + entry.definition.name);
  }
  return Status::Ok();
}

std::unique_ptr<Transaction> LocalEngine::Begin() {
  return std::make_unique<LogTransaction>(log_.get(), process_);
}

Result<Seq> LocalEngine::AppendNow(const ValueView& key, const ValueView& value, SyncMode sync,
                                   const WaitOptions& wait) {
  SV_RETURN_IF_ERROR(process_.Check());
  return log_->AppendNow(key, value, sync, wait);
}

std::unique_ptr<LogCursor> LocalEngine::ScanLog(const LogRange& range, Seq* head) {
  if (const Status status = process_.Check(); !status.ok()) {
    return std::make_unique<FailedLogCursor>(status);
  }
  if (head == nullptr) return NewLogCursor(*log_, range);
  LogRange committed = range;
  *head = log_->head();
  committed.last = std::min(range.last, *head);
  return NewLogCursor(*log_, committed);
}

Status LocalEngine::WaitForHead(Seq seq, const WaitOptions& wait) {
  SV_RETURN_IF_ERROR(process_.Check());
  return log_->WaitForHead(seq, wait);
}

Status LocalEngine::FlushLog() {
  SV_RETURN_IF_ERROR(process_.Check());
  SV_RETURN_IF_ERROR(log_store_->FlushWal(/*sync=*/true));
  // Both families: a write-ahead log goes only when nothing in it is needed any more.
  SV_RETURN_IF_ERROR(log_store_->Flush(log_store_->log()));
  SV_RETURN_IF_ERROR(log_store_->Flush(log_store_->meta()));
  return docs_->Flush();
}

Status LocalEngine::OptimizeLog() {
  SV_RETURN_IF_ERROR(process_.Check());
  SV_RETURN_IF_ERROR(log_store_->Compact());
  SV_RETURN_IF_ERROR(docs_->Flush());
  const Status compacted = docs_->Compact();
  if (compacted.code() == StatusCode::kDamaged) indexer_->Wake();
  return compacted;
}

Status LocalEngine::CheckIntegrity(const WaitOptions& wait) {
  SV_RETURN_IF_ERROR(process_.Check());
  const Status checked = CheckLog(docs_.get(), wait);
  if (checked.code() != StatusCode::kDamaged) return checked;
  indexer_->Wake();
  return Status::Corruption(checked.message());
}

LogStatus LocalEngine::GetLogStatus() const {
  LogStatus status;
  status.id = id_;
  status.directory = directory_;
  status.head = log_->head();
  status.bytes_on_disk = log_store_->BytesOnDisk(log_store_->log()) + docs_->BytesOnDisk();
  status.derived_error = derived_store_->background_error().message();
  if (status.derived_error.empty()) status.derived_error = docs_->background_status().message();
  if (status.derived_error.empty() && writable_.ok() && !derived_writable_.ok()) {
    status.derived_error = derived_writable_.message() + "; documents and views are kept in memory";
  }
  if (const std::string loss = docs_->loss(); status.derived_error.empty() && !loss.empty()) {
    status.derived_error = "the document index was damaged, and was built anew: " + loss;
  }
  status.background_error = log_->background_error().message();
  status.holder = ::getpid();
  if (count_clients_) status.clients = count_clients_();
  return status;
}

Status LocalEngine::FlushAll() {
  SV_RETURN_IF_ERROR(FlushLog());
  for (const auto& view : LocalViews()) SV_RETURN_IF_ERROR(view->Flush());
  return Status::Ok();
}

Result<Seq> LocalEngine::Backup(const std::string& directory, const WaitOptions& wait) {
  SV_RETURN_IF_ERROR(process_.Check());
  if (directory_.empty()) {
    return Status::InvalidArgument("it is in memory, and goes with its database: it has no backup");
  }
  if (IsWithin(directory, directory_)) {
    return Status::InvalidArgument(directory + " is within the log's own directory");
  }
  SV_ASSIGN_OR_RETURN(const std::unique_ptr<UnfinishedCopy> copy,
                      UnfinishedCopy::Begin(directory, id_, directory_));
  // So that little is left to be copied as write-ahead log, and for the copy to do again. The time
  // that it takes is not spent waiting.
  const auto start = WaitOptions::Clock::now();
  SV_RETURN_IF_ERROR(FlushAll());
  WaitOptions turn_wait = wait;
  if (wait.deadline != WaitOptions::Clock::time_point::max()) {
    turn_wait.deadline += WaitOptions::Clock::now() - start;
  }
  Seq head;
  std::unique_ptr<LiveFiles> derived, files;
  {
    // While this has the turn, all that is in the log is committed.
    const std::unique_ptr<Transaction> turn = Begin();
    if (writable_.ok()) SV_RETURN_IF_ERROR(turn->TakeTurn(turn_wait).status());
    head = Head();
    // The indexes first: what is made of the log is never ahead of it.
    SV_ASSIGN_OR_RETURN(derived, LiveFiles::Capture(derived_store_.get()));
    SV_RETURN_IF_ERROR(log_store_->FlushWal(/*sync=*/false));
    SV_ASSIGN_OR_RETURN(files, LiveFiles::Capture(log_store_.get()));
  }
  SV_RETURN_IF_ERROR(copy->MakeDerivedDirectory());
  SV_RETURN_IF_ERROR(derived->CopyTo(DerivedDirectory(directory), wait));
  derived.reset();
  SV_RETURN_IF_ERROR(files->CopyTo(directory, wait));
  files.reset();
  SV_RETURN_IF_ERROR(Detach(directory));
  SV_RETURN_IF_ERROR(copy->Finish());
  return head;
}

Result<std::shared_ptr<const DocsSnapshot>> LocalEngine::ReadDocs(Seq at_least,
                                                                  const WaitOptions& wait,
                                                                  const DocRange* /*first*/) {
  SV_RETURN_IF_ERROR(process_.Check());
  if (at_least == kLatest) at_least = Head();
  SV_REQUIRE_OR_RETURN(at_least <= Head());
  return streamview::ReadDocs(docs_.get(), at_least, wait);
}

Result<std::shared_ptr<const DocsSnapshot>> LocalEngine::ReadDocsAsOf(Seq as_of,
                                                                      const WaitOptions& wait) {
  SV_RETURN_IF_ERROR(process_.Check());
  SV_REQUIRE_OR_RETURN(as_of <= Head());
  return streamview::ReadDocsAsOf(docs_.get(), as_of, wait);
}

Result<DocVersion> LocalEngine::FindVersion(const ValueView& key, Seq at, const WaitOptions& wait) {
  SV_RETURN_IF_ERROR(process_.Check());
  if (at == kLatest) at = Head();
  SV_REQUIRE_OR_RETURN(at <= Head());
  return RetryDamaged([&]() -> Result<DocVersion> {
    SV_RETURN_IF_ERROR(docs_->AdvanceTo(at, wait));
    return docs_->FindLatest(key, at);
  });
}

Result<std::unique_ptr<LogCursor>> LocalEngine::ScanHistory(const ValueView& key,
                                                            const WaitOptions& wait) {
  SV_RETURN_IF_ERROR(process_.Check());
  return RetryDamaged([&] { return streamview::ScanHistory(docs_.get(), key, wait); });
}

Result<std::shared_ptr<View>> LocalEngine::CreateView(const ViewDefinition& definition,
                                                      const std::string& view_id) {
  SV_RETURN_IF_ERROR(process_.Check());
  SV_RETURN_IF_ERROR(definition.Validate());
  MutexLock creation(creation_mutex_);
  if (!view_id.empty()) {
    Result<std::shared_ptr<View>> existing = FindView(view_id);
    if (existing.status().code() != StatusCode::kNotFound) return existing;
  }
  SV_RETURN_IF_ERROR(CheckCanDefine());
  const std::string id = view_id.empty() ? RandomId(8) : view_id;
  SV_ASSIGN_OR_RETURN(std::shared_ptr<LocalView> view,
                      LocalView::Create(&context_, id, definition));
  {
    MutexLock lock(mutex_);
    views_[id] = view;
  }
  indexer_->Wake();
  return std::shared_ptr<View>(std::move(view));
}

Result<std::shared_ptr<View>> LocalEngine::FindView(const std::string& view_id) {
  SV_RETURN_IF_ERROR(process_.Check());
  MutexLock lock(mutex_);
  if (auto it = views_.find(view_id); it != views_.end()) {
    return std::shared_ptr<View>(it->second);
  }
  if (auto it = broken_views_.find(view_id); it != broken_views_.end()) return it->second;
  return Status::NotFound("the log has no view with id " + view_id);
}

Result<std::map<std::string, ViewDefinition>> LocalEngine::ListViews() const {
  SV_RETURN_IF_ERROR(process_.Check());
  SV_ASSIGN_OR_RETURN(std::vector<CatalogEntry> entries, catalog_->Load());
  std::map<std::string, ViewDefinition> definitions;
  for (CatalogEntry& entry : entries) {
    definitions.emplace(std::move(entry.view_id), std::move(entry.definition));
  }
  return definitions;
}

std::vector<std::shared_ptr<LocalView>> LocalEngine::LocalViews() const {
  MutexLock lock(mutex_);
  std::vector<std::shared_ptr<LocalView>> views;
  for (const auto& [id, view] : views_) views.push_back(view);
  return views;
}

Status LocalEngine::RenameView(const std::string& view_id, const std::string& name) {
  SV_RETURN_IF_ERROR(CheckCanDefine());
  std::shared_ptr<LocalView> view;
  {
    MutexLock lock(mutex_);
    auto it = views_.find(view_id);
    if (it == views_.end()) return Status::NotFound("the log has no view with id " + view_id);
    view = it->second;
  }
  return view->Rename(name);
}

Status LocalEngine::DropView(const std::string& view_id) {
  SV_RETURN_IF_ERROR(CheckCanDefine());
  std::shared_ptr<LocalView> view;
  {
    MutexLock lock(mutex_);
    auto it = views_.find(view_id);
    if (it != views_.end()) {
      view = std::move(it->second);
      views_.erase(it);
    } else if (broken_views_.count(view_id) == 0) {
      return Status::NotFound("the log has no view with id " + view_id);
    }
  }
  if (view != nullptr) return view->Drop();
  // The column families of one that is broken are nobody's now, and removed at the next open.
  SV_RETURN_IF_ERROR(catalog_->Remove(view_id));
  MutexLock lock(mutex_);
  broken_views_.erase(view_id);
  return Status::Ok();
}

}  // namespace streamview
