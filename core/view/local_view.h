// LocalView: a view of the embedded engine: the index that answers, and during a rebuild a second
// one that is going to take its place. An index that is found damaged is dropped, and a new one is
// built in its place.
//
// Lock order: admin_mutex_, then an index's turn, then mutex_.

#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/process.h"
#include "core/docs/doc_index.h"
#include "core/engine.h"
#include "core/index/view_index.h"
#include "core/log/log.h"
#include "core/view/catalog.h"

namespace streamview {

// What views share with their engine. Outlives them.
class LocalView;

struct ViewContext {
  DerivedStore* store = nullptr;
  Log* log = nullptr;
  DocIndex* docs = nullptr;
  Catalog* catalog = nullptr;
  MapperFactory mapper_factory;
  ProcessMark process;
  bool background = true;      // somebody calls SettleRebuild
  std::function<void()> wake;  // there is work for whoever advances views
  std::function<std::vector<std::shared_ptr<LocalView>>()> views;  // all of the log
};

class LocalView final : public View {
 public:
  // A new view, written to the catalog.
  static Result<std::shared_ptr<LocalView>> Create(const ViewContext* context,
                                                   const std::string& id,
                                                   const ViewDefinition& definition);
  // The view of a catalog entry. `family` and `building` are the entry's, or null where they do not
  // exist (any more): then they are begun anew. `loss`: why, where that is known.
  static Result<std::shared_ptr<LocalView>> Open(const ViewContext* context,
                                                 const CatalogEntry& entry,
                                                 std::shared_ptr<ColumnFamily> family,
                                                 std::shared_ptr<ColumnFamily> building,
                                                 std::string loss);

  const std::string& id() const override { return id_; }
  ViewDefinition definition() const override EXCLUDES(mutex_);
  Result<std::shared_ptr<const CommittedView>> Read(Seq at_least, const WaitOptions& wait,
                                                    const ViewRange* first) override;
  Result<Seq> AdvanceTo(Seq seq, const WaitOptions& wait) override;
  Seq checkpoint() const override { return current()->state()->seq; }
  Status Rebuild(const WaitOptions& wait) override EXCLUDES(admin_mutex_);
  Status Flush() override;
  Status Optimize(const WaitOptions& wait) override;
  Status CheckIntegrity(const WaitOptions& wait) override;
  Result<std::unique_ptr<Mapper>> NewMapper() override;
  Result<std::unique_ptr<ViewChanges>> NewChanges() override;
  ViewStatus GetStatus() const override;
  Result<std::vector<MapError>> ListErrors(Seq after, size_t limit) const override;

  // --- for the engine
  // The indexes that follow the log: the present one, and the one being built.
  std::vector<std::shared_ptr<ViewIndex>> Indexes() const EXCLUDES(mutex_);
  // Does again the little that a close did not write to disk (DerivedStore::FlushUnlessLittle), so
  // that the view is where it was. Where that is much, or takes long, it is left to whoever follows
  // the log.
  void CatchUp();
  // Lets the index being built take over, once it has caught up. Does nothing where it has not.
  Status SettleRebuild() EXCLUDES(admin_mutex_);
  // Begins anew those of its indexes that were found damaged.
  Status ReplaceDamaged(const WaitOptions& wait) EXCLUDES(admin_mutex_);
  Status Rename(const std::string& name) EXCLUDES(admin_mutex_);
  // Removes data and catalog entry. Snapshots stay readable.
  Status Drop() EXCLUDES(admin_mutex_);

 private:
  LocalView(const ViewContext* context, std::string id, const ViewDefinition& definition);

  Result<std::unique_ptr<Mapper>> MakeMapper() const;
  Result<std::shared_ptr<ViewIndex>> OpenIndex(std::shared_ptr<ColumnFamily> family,
                                               Result<std::unique_ptr<Mapper>> mapper);
  Result<std::shared_ptr<ViewIndex>> OpenOrBegin(
      const std::shared_ptr<ColumnFamily>& family,
      Result<std::shared_ptr<ViewIndex>> (LocalView::*begin)(), std::string* loss);
  Result<std::shared_ptr<ViewIndex>> NewIndex();
  Result<std::shared_ptr<ViewIndex>> NewBuilding();
  Status WasDropped() const;
  Status CheckNotDropped() const REQUIRES(admin_mutex_);
  Status SaveEntry() REQUIRES(admin_mutex_);
  Status DiscardBuilding() REQUIRES(admin_mutex_);
  Status ReplaceCurrent(const std::shared_ptr<ViewIndex>& next) REQUIRES(admin_mutex_);
  Status RefreshAll(const WaitOptions& wait) const;
  Status RetireAndDrop(const std::shared_ptr<ViewIndex>& index);
  Status TryOptimize(Seq head, const WaitOptions& wait);
  // The index that answers, advanced to `seq`; follows replacements on the way.
  Result<std::shared_ptr<ViewIndex>> Advance(Seq seq, const WaitOptions& wait);
  std::shared_ptr<ViewIndex> current() const EXCLUDES(mutex_);
  std::shared_ptr<ViewIndex> building() const EXCLUDES(mutex_);

  const ViewContext* const context_;
  const std::string id_;
  Mutex admin_mutex_;  // one change of the set of indexes at a time
  bool dropped_ GUARDED_BY(admin_mutex_) = false;
  mutable Mutex mutex_;
  ViewDefinition definition_ GUARDED_BY(mutex_);  // but for the name, constant
  std::shared_ptr<ViewIndex> current_ GUARDED_BY(mutex_);
  std::shared_ptr<ViewIndex> building_ GUARDED_BY(mutex_);
  Seq live_from_ GUARDED_BY(mutex_) = 0;  // once it has processed this, it is `live`
  std::string rebuild_error_ GUARDED_BY(mutex_);
  std::string loss_ GUARDED_BY(mutex_);  // why an index had to be begun anew; empty: none had
  int replaced_ GUARDED_BY(admin_mutex_) = 0;
};

}  // namespace streamview
