// LocalEngine: the engine of a log directory that this process holds.

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/process.h"
#include "core/docs/doc_index.h"
#include "core/engine.h"
#include "core/engine_options.h"
#include "core/indexer/indexer.h"
#include "core/log/log.h"
#include "core/storage/derived_store.h"
#include "core/storage/log_store.h"
#include "core/view/catalog.h"
#include "core/view/local_view.h"

namespace streamview {

class LocalEngine final : public Engine {
 public:
  // Opens the database in options.directory (or an empty one in memory); with `create` makes it.
  // The directory's marker has been looked at already. `writable`: why the directory cannot be
  // written, or OK. Where it cannot, what is appended or defined is refused with that, and what is
  // derived from the log meanwhile goes with the engine.
  static Result<std::unique_ptr<LocalEngine>> Open(const EngineOptions& options, bool create,
                                                   const Status& writable);
  // Stops the indexer, writes what is in memory, closes. In a forked child it does nothing.
  ~LocalEngine() override;

  const std::string& id() const override { return id_; }
  Seq Head() const override { return log_->head(); }
  uint64_t epoch() const override { return log_->epoch(); }
  std::unique_ptr<Transaction> Begin() override;
  Result<Seq> AppendNow(const ValueView& key, const ValueView& value, SyncMode sync,
                        const WaitOptions& wait) override;
  std::unique_ptr<LogCursor> ScanLog(const LogRange& range, Seq* head) override;
  Status WaitForHead(Seq seq, const WaitOptions& wait) override;
  Status FlushLog() override;
  Status OptimizeLog() override;
  Status CheckIntegrity(const WaitOptions& wait) override;
  LogStatus GetLogStatus() const override;
  // Tells how many other processes use the log (LogStatus). Set once, before anybody else has the
  // engine.
  void set_count_clients(std::function<uint64_t()> count) { count_clients_ = std::move(count); }
  Result<Seq> Backup(const std::string& directory, const WaitOptions& wait) override;

  Result<std::shared_ptr<const DocsSnapshot>> ReadDocs(Seq at_least, const WaitOptions& wait,
                                                       const DocRange* first) override;
  Result<std::shared_ptr<const DocsSnapshot>> ReadDocsAsOf(Seq as_of,
                                                           const WaitOptions& wait) override;
  Result<DocVersion> FindVersion(const ValueView& key, Seq at, const WaitOptions& wait) override;
  Result<std::unique_ptr<LogCursor>> ScanHistory(const ValueView& key,
                                                 const WaitOptions& wait) override;

  Result<std::shared_ptr<View>> CreateView(const ViewDefinition& definition,
                                           const std::string& view_id) override;
  Result<std::shared_ptr<View>> FindView(const std::string& view_id) override;
  Result<std::map<std::string, ViewDefinition>> ListViews() const override;
  Status RenameView(const std::string& view_id, const std::string& name) override;
  Status DropView(const std::string& view_id) override;

 private:
  LocalEngine(const EngineOptions& options, Status writable);
  Status CheckCanDefine() const;
  Status CheckIdentity(bool create);
  void WriteIndexes() EXCLUDES(mutex_);
  Status RestoreViews(const std::optional<std::vector<std::string>>& known_ids) EXCLUDES(mutex_);
  Result<bool> CheckFamily(const ColumnFamily& family);
  Status RestoreView(const CatalogEntry& entry, std::shared_ptr<ColumnFamily> family,
                     std::shared_ptr<ColumnFamily> building, std::string loss) EXCLUDES(mutex_);
  std::vector<std::shared_ptr<LocalView>> LocalViews() const EXCLUDES(mutex_);
  Status FlushAll() EXCLUDES(mutex_);

  const std::string id_;
  const std::string directory_;
  const Status writable_;
  std::function<uint64_t()> count_clients_;  // constant after set-up; may be null
  ProcessMark process_;
  // In the order of dependence: each uses those above it only.
  // Of what cannot be written; null: both stores can.
  std::unique_ptr<rocksdb::Env> overlay_;
  Status derived_writable_;
  std::unique_ptr<LogStore> log_store_;
  std::unique_ptr<Log> log_;
  std::unique_ptr<DerivedStore> derived_store_;
  std::unique_ptr<DocIndex> docs_;
  std::unique_ptr<Catalog> catalog_;
  ViewContext context_;
  Mutex creation_mutex_;  // one CreateView at a time
  mutable Mutex mutex_;
  std::map<std::string, std::shared_ptr<LocalView>> views_ GUARDED_BY(mutex_);  // by id
  // Views that the catalog has and that could not be opened, and why.
  std::map<std::string, Status> broken_views_ GUARDED_BY(mutex_);
  std::unique_ptr<Indexer> indexer_;
};

}  // namespace streamview
