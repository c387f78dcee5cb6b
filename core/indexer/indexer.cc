#include "core/indexer/indexer.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <system_error>

#include "core/base/signals.h"
#include "core/log/batch_reader.h"

namespace streamview {

namespace {

// How long to leave what failed (a full disk, a damaged file) before it is tried again.
constexpr std::chrono::milliseconds kRetryAfter{500};
// How long new entries gather before they are processed.
constexpr std::chrono::milliseconds kGather{10};
// How long to wait for a view that a reader advances.
constexpr std::chrono::milliseconds kPatience{20};
// Views that build, and are ahead of others that build, get every so many rounds only: so that
// those behind catch up and all share one pass, and yet none waits for a slow one.
constexpr uint64_t kRoundsOfTheHindmost = 4;

// Where there are fewer cores than work, appends come first. (Readers that need a view at once
// advance it themselves.) In Linux the priority is one of the thread; a failure changes nothing
// else.
void LowerPriority() {
  constexpr int kNice = 10;
  setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), kNice);
}

// What is thrown is most likely for want of memory: it is tried again.
Status TryApply(ViewIndex& index, const EntryBatch& batch) {
  try {
    return index.Apply(batch);
  } catch (...) {
    return Status::NoMemory();
  }
}

// A reader that is at it lets go after its slice; one that is slow must not hold up the other
// views.
WaitOptions ShortWait() {
  WaitOptions wait;
  wait.deadline = WaitOptions::Clock::now() + kPatience;
  return wait;
}

}  // namespace

Indexer::Indexer(Log* log, DocIndex* docs, ViewSource views)
    : log_(log), docs_(docs), views_(std::move(views)) {}

Indexer::~Indexer() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    woken_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

Status Indexer::Start() {
  const BlockSignals blocked;
  try {
    thread_ = std::thread([this] { Run(); });
  } catch (const std::system_error& error) {
    return Status::CannotOpen("cannot start a thread: " + error.code().message());
  }
  docs_->batches().EnableReadingAhead();
  return Status::Ok();
}

void Indexer::Wake() {
  if (awake_.load(std::memory_order_acquire)) return;
  MutexLock lock(mutex_);
  awake_ = true;
  woken_.NotifyOne();
}

bool Indexer::stopping() {
  MutexLock lock(mutex_);
  return stopping_;
}

void Indexer::Run() {
  LowerPriority();
  while (!stopping()) {
    bool ok = true, worked = false;
    try {
      worked = RunRound(&ok);
    } catch (...) {
      ok = false;  // no memory: what was not committed is done again later
    }
    if (!ok || !worked) Sleep(!ok);
  }
}

// Until there is work; after a failure also for a while only.
void Indexer::Sleep(bool failed) {
  const auto retry = WaitOptions::Clock::now() + kRetryAfter;
  MutexLock lock(mutex_);
  // Between the round that found nothing and here, Wake() may have been called: awake_ tells.
  if (failed) {
    while (!stopping_ && WaitOptions::Clock::now() < retry) woken_.WaitUntil(mutex_, retry);
  } else {
    while (!stopping_ && !awake_) woken_.Wait(mutex_);
    // More may come, and take less time together; and whoever reads what was just written does the
    // work itself, if nobody is in the way.
    const auto start = WaitOptions::Clock::now() + kGather;
    while (!stopping_ && WaitOptions::Clock::now() < start) woken_.WaitUntil(mutex_, start);
  }
  awake_ = false;
}

bool Indexer::RunRound(bool* ok) {
  round_++;
  // Also where nothing is to be written: sv_status shows the error until the disk takes a write.
  if (!docs_->store()->Resume().ok()) *ok = false;
  const Seq head = log_->head();
  bool worked = FollowDocuments(head, ok);
  const std::vector<std::shared_ptr<LocalView>> views = views_();
  for (const std::shared_ptr<LocalView>& view : views) {
    const Status replaced = view->ReplaceDamaged(WaitOptions());
    if (!replaced.ok()) Note(view->Indexes().front().get(), replaced, ok);
  }
  const std::vector<Follower> followers = Behind(views, head);
  for (size_t first = 0; first < followers.size() && !stopping();) {
    first += ServeGroup(followers, first, head, ok);
    worked = true;
  }
  if (!*ok || AllNear(followers, head)) docs_->batches().Forget();
  for (const std::shared_ptr<LocalView>& view : views) {
    const std::shared_ptr<ViewIndex> last = view->Indexes().back();
    const Status settled = view->SettleRebuild();
    if (!settled.ok() || !last->background_status().ok()) Note(last.get(), settled, ok);
    for (const std::shared_ptr<ViewIndex>& index : view->Indexes()) {
      if (index->NeedsRepair()) RepairIndex(index.get(), ok);
    }
  }
  return worked;
}

// Trouble shows in sv_status until the next attempt goes well.
void Indexer::Note(ViewIndex* index, const Status& status, bool* ok) {
  index->NoteBackground(status);
  if (!status.ok()) *ok = false;
}

void Indexer::RepairIndex(ViewIndex* index, bool* ok) {
  if (!index->turn().Take(ShortWait()).ok()) return;  // left for the next time that it is read
  TurnHolder holder(index->turn());
  Note(index, index->Repair(), ok);
}

bool Indexer::FollowDocuments(Seq head, bool* ok) {
  if (docs_->checkpoint() >= head && !docs_->is_damaged()) return false;
  const Status advanced = docs_->AdvanceBatch(head);
  docs_->NoteBackground(advanced);
  if (!advanced.ok()) *ok = false;
  return true;
}

// Nearest to the head first.
std::vector<Indexer::Follower> Indexer::Behind(const std::vector<std::shared_ptr<LocalView>>& views,
                                               Seq head) const {
  std::vector<Follower> followers;
  for (const std::shared_ptr<LocalView>& view : views) {
    for (std::shared_ptr<ViewIndex>& index : view->Indexes()) {
      const std::shared_ptr<const ViewIndex::State> state = index->state();
      const Seq progress = index->progress();
      if (progress >= head || !state->failure.ok() || index->retired()) continue;
      if (!index->can_advance().ok()) continue;  // whoever needs it is told
      followers.push_back({std::move(index), progress});
    }
  }
  std::sort(followers.begin(), followers.end(),
            [](const Follower& a, const Follower& b) { return a.seq > b.seq; });
  return followers;
}

// Whether nothing is read ahead any more.
bool Indexer::AllNear(const std::vector<Follower>& followers, Seq head) const {
  Seq hindmost = docs_->checkpoint();
  if (!followers.empty()) hindmost = std::min(hindmost, followers.back().seq);
  return hindmost + kBatchEntries >= head;
}

size_t Indexer::ServeGroup(const std::vector<Follower>& followers, size_t first, Seq head,
                           bool* ok) {
  size_t end = first + 1;
  while (end < followers.size() && followers[first].seq - followers[end].seq < kBatchEntries) end++;
  const bool near_head = head - followers[first].seq <= kBatchEntries;
  const bool hindmost = end == followers.size();
  if (!near_head && !hindmost && round_ % kRoundsOfTheHindmost != 0) return end - first;

  // One pass over the log for all whom the batch concerns. It may begin before the hindmost's next
  // entry, and end before that of the others: they go on as well, but not away from the group.
  const Seq behind = followers[end - 1].seq;
  const Seq limit = std::min(head, behind + kBatchEntries);
  const Result<SharedBatch> batch = docs_->batches().Read(behind + 1, head);
  for (size_t i = first; i < end; i++) {
    const Seq next = followers[i].seq + 1;
    const bool concerned = batch.ok() && (*batch)->Has(next);
    Serve(followers[i].index.get(), concerned ? batch : docs_->batches().Read(next, limit), ok);
  }
  return end - first;
}

void Indexer::Serve(ViewIndex* index, const Result<SharedBatch>& batch, bool* ok) {
  Status status = batch.status();
  if (status.ok()) status = docs_->AdvanceOver(**batch);
  if (status.ok()) {
    if (!index->turn().Take(ShortWait()).ok()) return;
    TurnHolder holder(index->turn());
    status = TryApply(*index, **batch);  // one view's trouble is not the others'
  }
  Note(index, status, ok);
}

}  // namespace streamview
