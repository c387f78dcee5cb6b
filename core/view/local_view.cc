#include "core/view/local_view.h"

#include <unistd.h>

#include <algorithm>

#include "core/index/open_index.h"
#include "core/log/log_reader.h"
#include "core/view/view_changes.h"

namespace streamview {

namespace {

// What a view may be behind to be advanced while its log is opened, and how long that may take.
constexpr Seq kLittleLag = 2 * kBatchEntries;
constexpr std::chrono::milliseconds kMaxCatchUp{50};
// How often a call that meets damaged data begins again before it fails; and how many indexes of a
// view are begun anew before it must be the view itself that damages them.
constexpr int kMaxAttempts = 4;
constexpr int kMaxReplaced = 16;

}  // namespace

LocalView::LocalView(const ViewContext* context, std::string id, const ViewDefinition& definition)
    : context_(context), id_(std::move(id)), definition_(definition) {}

Result<std::shared_ptr<LocalView>> LocalView::Create(const ViewContext* context,
                                                     const std::string& id,
                                                     const ViewDefinition& definition) {
  std::shared_ptr<LocalView> view(new LocalView(context, id, definition));
  MutexLock admin(view->admin_mutex_);
  SV_ASSIGN_OR_RETURN(std::shared_ptr<ViewIndex> index, view->NewIndex());
  {
    MutexLock lock(view->mutex_);
    view->current_ = std::move(index);
    view->live_from_ = context->log->head();
  }
  SV_RETURN_IF_ERROR(view->SaveEntry());
  return view;
}

Result<std::shared_ptr<LocalView>> LocalView::Open(const ViewContext* context,
                                                   const CatalogEntry& entry,
                                                   std::shared_ptr<ColumnFamily> family,
                                                   std::shared_ptr<ColumnFamily> building,
                                                   std::string loss) {
  std::shared_ptr<LocalView> view(new LocalView(context, entry.view_id, entry.definition));
  MutexLock admin(view->admin_mutex_);
  std::shared_ptr<ViewIndex> current_index, building_index;
  SV_ASSIGN_OR_RETURN(current_index, view->OpenOrBegin(family, &LocalView::NewIndex, &loss));
  if (!entry.building_family.empty()) {
    SV_ASSIGN_OR_RETURN(building_index,
                        view->OpenOrBegin(building, &LocalView::NewBuilding, &loss));
  }
  const bool complete = current_index->family() == family &&
                        (building_index == nullptr || building_index->family() == building);
  {
    MutexLock lock(view->mutex_);
    view->live_from_ = context->log->head();
    view->current_ = std::move(current_index);
    view->building_ = std::move(building_index);
    view->loss_ = std::move(loss);
  }
  if (!complete) SV_RETURN_IF_ERROR(view->SaveEntry());
  return view;
}

// The index of a family; or where there is none, or it is damaged, a new one. One that this program
// has no mapper for is opened to be read.
Result<std::shared_ptr<ViewIndex>> LocalView::OpenOrBegin(
    const std::shared_ptr<ColumnFamily>& family,
    Result<std::shared_ptr<ViewIndex>> (LocalView::*begin)(), std::string* loss) {
  if (family == nullptr) return (this->*begin)();
  Result<std::unique_ptr<Mapper>> mapper = MakeMapper();
  if (!mapper.ok() && (definition().kind != MapKind::kCustom || mapper.status().IsCutShort())) {
    return mapper.status();
  }
  Result<std::shared_ptr<ViewIndex>> index = OpenIndex(family, std::move(mapper));
  if (index.status().code() != StatusCode::kDamaged || !family->is_damaged()) return index;
  *loss = family->damage();
  SV_RETURN_IF_ERROR(context_->store->DropFamily(*family));
  return (this->*begin)();
}

// Whoever reads the error may be in another process.
Result<std::unique_ptr<Mapper>> LocalView::MakeMapper() const {
  const ViewDefinition def = definition();
  Result<std::unique_ptr<Mapper>> mapper = context_->mapper_factory(def);
  if (mapper.ok() || mapper.status().IsCutShort() || def.kind != MapKind::kCustom) return mapper;
  return mapper.status().WithContext("view " + def.name + " cannot be advanced by process " +
                                     std::to_string(::getpid()) + ", which holds the log");
}

Result<std::shared_ptr<ViewIndex>> LocalView::OpenIndex(std::shared_ptr<ColumnFamily> family,
                                                        Result<std::unique_ptr<Mapper>> mapper) {
  return streamview::OpenIndex(context_->log, context_->docs, std::move(family), definition(),
                               std::move(mapper));
}

Result<std::shared_ptr<ViewIndex>> LocalView::NewIndex() {
  SV_ASSIGN_OR_RETURN(std::unique_ptr<Mapper> mapper, MakeMapper());
  SV_ASSIGN_OR_RETURN(std::shared_ptr<ColumnFamily> family,
                      context_->store->CreateViewFamily(definition().name));
  Result<std::shared_ptr<ViewIndex>> index = OpenIndex(family, std::move(mapper));
  if (!index.ok()) {
    // The reason to fail goes first; a family that stays is removed at the next open.
    (void)context_->store->DropFamily(*family);
  }
  return index;
}

Result<std::shared_ptr<ViewIndex>> LocalView::NewBuilding() {
  SV_ASSIGN_OR_RETURN(std::shared_ptr<ViewIndex> index, NewIndex());
  const Status skipped = index->SkipObsolete();
  if (skipped.ok()) return index;
  (void)context_->store->DropFamily(*index->family());  // as above
  return skipped;
}

ViewDefinition LocalView::definition() const {
  MutexLock lock(mutex_);
  return definition_;
}

std::shared_ptr<ViewIndex> LocalView::current() const {
  MutexLock lock(mutex_);
  return current_;
}

std::shared_ptr<ViewIndex> LocalView::building() const {
  MutexLock lock(mutex_);
  return building_;
}

std::vector<std::shared_ptr<ViewIndex>> LocalView::Indexes() const {
  MutexLock lock(mutex_);
  std::vector<std::shared_ptr<ViewIndex>> indexes{current_};
  if (building_) indexes.push_back(building_);
  return indexes;
}

Result<std::shared_ptr<ViewIndex>> LocalView::Advance(Seq seq, const WaitOptions& wait) {
  SV_RETURN_IF_ERROR(context_->process.Check());
  for (int attempt = 1;;) {
    SV_RETURN_IF_ERROR(ReplaceDamaged(wait));
    std::shared_ptr<ViewIndex> index = current();
    seq = std::max(seq, index->readable_from());
    const Status advanced = index->AdvanceTo(seq, wait);
    // Its own data, or the document index, which the next attempt finds empty.
    if (advanced.code() == StatusCode::kDamaged && attempt++ < kMaxAttempts) continue;
    if (advanced.code() == StatusCode::kTimedOut) {
      return Status::TimedOut(definition().name + " is at " + std::to_string(index->state()->seq) +
                              ", waiting for " + std::to_string(seq));
    }
    SV_RETURN_IF_ERROR(advanced);
    const Status failure = index->state()->failure;
    if (failure.ok() && index->state()->seq >= seq) return index;
    if (index->retired() && index != current()) continue;
    if (index->retired()) return WasDropped();

    // Failed: only a rebuild can help, and the reader does it where one is under way.
    const std::shared_ptr<ViewIndex> next = building();
    if (!next) {
      return Status::Failed("view " + definition().name + " has stopped: " + failure.message() +
                            "; fix the document or the map, then rebuild or redefine the view");
    }
    SV_RETURN_IF_ERROR(next->AdvanceTo(context_->log->head(), wait));
    SV_RETURN_IF_ERROR(SettleRebuild());
  }
}

Result<Seq> LocalView::AdvanceTo(Seq seq, const WaitOptions& wait) {
  SV_REQUIRE_OR_RETURN(seq <= context_->log->head());
  SV_ASSIGN_OR_RETURN(const std::shared_ptr<ViewIndex> index, Advance(seq, wait));
  return index->state()->seq;
}

Result<std::shared_ptr<const CommittedView>> LocalView::Read(Seq at_least, const WaitOptions& wait,
                                                             const ViewRange* /*first*/) {
  SV_RETURN_IF_ERROR(context_->process.Check());
  if (at_least == kLatest) at_least = context_->log->head();
  SV_REQUIRE_OR_RETURN(at_least <= context_->log->head());
  std::shared_ptr<ViewIndex> index = current();
  std::shared_ptr<const ViewIndex::State> state = index->state();
  const Seq needed = std::max(at_least, index->readable_from());
  if (state->seq < needed || !state->failure.ok() || index->retired() || index->is_damaged()) {
    SV_ASSIGN_OR_RETURN(index, Advance(at_least, wait));
    state = index->state();
  }
  return index->Read(std::move(state), context_->wake);
}

Status LocalView::Rebuild(const WaitOptions& wait) {
  SV_RETURN_IF_ERROR(context_->process.Check());
  // What later entries have superseded by then need not be mapped again.
  SV_RETURN_IF_ERROR(context_->docs->AdvanceTo(context_->log->head(), wait));
  {
    MutexLock admin(admin_mutex_);
    SV_RETURN_IF_ERROR(CheckNotDropped());
    SV_RETURN_IF_ERROR(DiscardBuilding());
    SV_ASSIGN_OR_RETURN(std::shared_ptr<ViewIndex> index, NewBuilding());
    {
      MutexLock lock(mutex_);
      building_ = std::move(index);
      rebuild_error_.clear();
      loss_.clear();
    }
    SV_RETURN_IF_ERROR(SaveEntry());
  }
  if (context_->background) {
    context_->wake();
    return Status::Ok();
  }
  if (const std::shared_ptr<ViewIndex> index = building()) {
    SV_RETURN_IF_ERROR(index->AdvanceTo(context_->log->head(), wait));
  }
  return SettleRebuild();
}

void LocalView::CatchUp() {
  const std::shared_ptr<ViewIndex> index = current();
  const Seq head = context_->log->head();
  if (head - index->progress() > kLittleLag) return;
  WaitOptions wait;
  wait.deadline = WaitOptions::Clock::now() + kMaxCatchUp;
  (void)index->AdvanceTo(head, wait);  // an error is met again by who needs the view
}

Status LocalView::SettleRebuild() {
  MutexLock admin(admin_mutex_);
  const std::shared_ptr<ViewIndex> next = building();
  if (!next || dropped_) return Status::Ok();
  const std::shared_ptr<ViewIndex> present = current();
  const Status failure = next->state()->failure;
  if (!failure.ok() && present->state()->failure.ok()) {
    // What there is answers still: keep it, and say why there is nothing better.
    {
      MutexLock lock(mutex_);
      rebuild_error_ = "the rebuild has stopped: " + failure.message();
    }
    return DiscardBuilding();
  }
  const Seq seq = next->state()->seq;
  const bool caught_up =
      seq >= next->readable_from() && seq + kBatchEntries >= context_->log->head();
  if (failure.ok() && !caught_up) return Status::Ok();
  // A crash after the switch must find it on disk: the index that it replaces will be gone.
  SV_RETURN_IF_ERROR(next->Flush());
  return ReplaceCurrent(next);
}

// Switches with the present index held still, so that readers never see the view go back.
Status LocalView::ReplaceCurrent(const std::shared_ptr<ViewIndex>& next) {
  const std::shared_ptr<ViewIndex> present = current();
  SV_RETURN_IF_ERROR(present->turn().Take(WaitOptions()));
  {
    TurnHolder holder(present->turn());
    SV_RETURN_IF_ERROR(next->AdvanceTo(present->state()->seq, WaitOptions()));
    {
      MutexLock lock(mutex_);
      current_ = next;
      building_ = nullptr;
    }
    const Status saved = SaveEntry();
    if (!saved.ok()) {
      MutexLock lock(mutex_);
      current_ = present;
      building_ = next;
      return saved;
    }
    present->Retire();
  }
  return context_->store->DropFamily(*present->family());
}

Status LocalView::ReplaceDamaged(const WaitOptions& wait) {
  for (const std::shared_ptr<ViewIndex>& index : Indexes()) {
    if (!index->is_damaged()) continue;
    SV_RETURN_IF_ERROR(context_->docs->AdvanceTo(context_->log->head(), wait));
    MutexLock admin(admin_mutex_);
    SV_RETURN_IF_ERROR(CheckNotDropped());
    const bool is_current = index == current();
    if (!is_current && index != building()) continue;  // somebody else was faster
    const std::string why = index->family()->damage();
    if (replaced_ >= kMaxReplaced) {
      return Status::Corruption("view " + definition().name +
                                " is damaged again and again: " + why);
    }
    SV_ASSIGN_OR_RETURN(std::shared_ptr<ViewIndex> next, NewBuilding());
    replaced_++;
    {
      MutexLock lock(mutex_);
      (is_current ? current_ : building_) = std::move(next);
      if (is_current) live_from_ = context_->log->head();
      loss_ = why;
    }
    SV_RETURN_IF_ERROR(SaveEntry());
    SV_RETURN_IF_ERROR(RetireAndDrop(index));
    context_->wake();
  }
  return Status::Ok();
}

Status LocalView::RetireAndDrop(const std::shared_ptr<ViewIndex>& index) {
  SV_RETURN_IF_ERROR(index->turn().Take(WaitOptions()));
  index->Retire();
  index->turn().Release();
  return context_->store->DropFamily(*index->family());
}

Status LocalView::DiscardBuilding() {
  const std::shared_ptr<ViewIndex> index = building();
  if (!index) return Status::Ok();
  {
    MutexLock lock(mutex_);
    building_ = nullptr;
  }
  SV_RETURN_IF_ERROR(SaveEntry());
  return RetireAndDrop(index);
}

Status LocalView::SaveEntry() {
  CatalogEntry entry;
  {
    MutexLock lock(mutex_);
    entry = {id_, definition_, current_->family()->name(),
             building_ ? building_->family()->name() : std::string()};
  }
  return context_->catalog->Put(entry);
}

Status LocalView::WasDropped() const {
  return Status::NotFound("view " + definition().name + " was dropped");
}

Status LocalView::CheckNotDropped() const { return dropped_ ? WasDropped() : Status::Ok(); }

Status LocalView::Rename(const std::string& name) {
  MutexLock admin(admin_mutex_);
  SV_RETURN_IF_ERROR(CheckNotDropped());
  {
    MutexLock lock(mutex_);
    definition_.name = name;
  }
  return SaveEntry();
}

Status LocalView::Drop() {
  MutexLock admin(admin_mutex_);
  dropped_ = true;
  // First the catalog: a family without entry is removed at the next open, not the reverse.
  SV_RETURN_IF_ERROR(context_->catalog->Remove(id_));
  for (const std::shared_ptr<ViewIndex>& index : Indexes()) {
    SV_RETURN_IF_ERROR(RetireAndDrop(index));
  }
  return Status::Ok();
}

Status LocalView::Flush() {
  SV_RETURN_IF_ERROR(context_->process.Check());
  SV_RETURN_IF_ERROR(context_->docs->Flush());
  for (const std::shared_ptr<ViewIndex>& index : Indexes()) {
    const Status flushed = index->Flush();
    // One that was replaced in the meantime needs no flush any more.
    if (!flushed.ok() && !index->retired()) return flushed;
  }
  return Status::Ok();
}

Status LocalView::Optimize(const WaitOptions& wait) {
  const Seq head = context_->log->head();
  for (int attempt = 1;; attempt++) {
    const Status status = TryOptimize(head, wait);
    if (status.code() != StatusCode::kDamaged || attempt == kMaxAttempts) return status;
  }
}

Status LocalView::TryOptimize(Seq head, const WaitOptions& wait) {
  SV_RETURN_IF_ERROR(Advance(head, wait).status());
  // Also the one being built: what it holds may have been superseded since it began.
  for (const std::shared_ptr<ViewIndex>& index : Indexes()) {
    Status status = index->AdvanceTo(head, wait);
    if (status.ok()) status = index->Sweep(wait);
    if (status.ok()) status = index->Flush();
    // RocksDB keeps what is deleted for the snapshots of other column families, too.
    if (status.ok()) status = RefreshAll(wait);
    if (status.ok()) status = index->Compact();
    if (!status.ok() && !index->retired()) return status;
  }
  return Status::Ok();
}

Status LocalView::RefreshAll(const WaitOptions& wait) const {
  for (const std::shared_ptr<LocalView>& view : context_->views()) {
    for (const std::shared_ptr<ViewIndex>& index : view->Indexes()) {
      SV_RETURN_IF_ERROR(index->Refresh(wait));
    }
  }
  return Status::Ok();
}

Status LocalView::CheckIntegrity(const WaitOptions& wait) {
  SV_ASSIGN_OR_RETURN(const std::shared_ptr<ViewIndex> index, Advance(context_->log->head(), wait));
  // A mapper of its own: nobody waits for the check.
  SV_ASSIGN_OR_RETURN(const std::unique_ptr<Mapper> mapper, MakeMapper());
  const std::shared_ptr<const ViewIndex::State> state = index->state();
  const Status checked = index->Check(*state, mapper.get(), wait);
  if (checked.code() != StatusCode::kDamaged) return checked;
  context_->wake();
  return Status::Corruption("view " + definition().name + ": " + checked.message());
}

Result<std::unique_ptr<Mapper>> LocalView::NewMapper() {
  SV_RETURN_IF_ERROR(context_->process.Check());
  return MakeMapper();
}

Result<std::unique_ptr<ViewChanges>> LocalView::NewChanges() {
  SV_RETURN_IF_ERROR(context_->process.Check());
  const ViewDefinition def = definition();
  if (def.reduce != Reduce::kNone) {
    return Status::InvalidArgument("view " + def.name +
                                   " reduces its rows, and of what they add up to "
                                   "no changes are told: tail its log, " +
                                   def.log_name);
  }
  SV_ASSIGN_OR_RETURN(std::unique_ptr<Mapper> mapper, MakeMapper());
  return NewViewChanges(context_->log, context_->docs, def, std::move(mapper));
}

Result<std::vector<MapError>> LocalView::ListErrors(Seq after, size_t limit) const {
  SV_RETURN_IF_ERROR(context_->process.Check());
  return current()->ListErrors(after, limit);
}

ViewStatus LocalView::GetStatus() const {
  ViewStatus status;
  std::shared_ptr<ViewIndex> index, next;
  std::string loss;
  Seq live_from;
  {
    MutexLock lock(mutex_);
    index = current_;
    next = building_;
    live_from = live_from_;
    status.definition = definition_;
    status.last_error = rebuild_error_;
    loss = loss_;
  }
  const std::shared_ptr<const ViewIndex::State> state = index->state();
  status.id = id_;
  status.seq = state->seq;
  status.target = context_->log->head();
  const bool is_stuck = !index->can_advance().ok() && state->seq < status.target;
  if (!state->failure.ok() || is_stuck) {
    status.state = ViewState::kFailed;
  } else {
    status.state = state->seq >= live_from ? ViewState::kLive : ViewState::kBuilding;
  }
  status.rebuilding = next != nullptr;
  status.progress = next ? next->progress() : std::max(index->progress(), state->seq);
  status.entries = index->CountEntries();
  status.superseded_met = index->dead_met();
  status.errors = state->errors.size();
  if (!index->can_advance().ok()) status.last_error = index->can_advance().message();
  for (const ViewIndex* i : {next.get(), index.get()}) {
    if (i != nullptr && status.last_error.empty()) {
      status.last_error = i->background_status().message();
    }
  }
  // The map's, as long as there is an entry that it failed on and that counts.
  if (status.last_error.empty() && status.errors > 0) status.last_error = state->last_error;
  if (status.last_error.empty() && !loss.empty()) {
    status.last_error = "its index was damaged, and " +
                        std::string(status.state == ViewState::kLive ? "was" : "is being") +
                        " built anew: " + loss;
  }
  status.bytes_on_disk = index->BytesOnDisk();
  status.rate = next ? next->Rate() : index->Rate();
  return status;
}

}  // namespace streamview
