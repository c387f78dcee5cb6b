#include "core/remote/decisions.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/base/signals.h"
#include "core/base/without_failing.h"

namespace streamview {

namespace {

constexpr size_t kRemembered = 1000;
constexpr std::chrono::milliseconds kLongestRetry{500};

}  // namespace

Decisions::Decisions(WasCommitted was_committed) : was_committed_(std::move(was_committed)) {
  const BlockSignals block;
  thread_ = std::thread([this] { Run(); });
}

Decisions::~Decisions() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
  std::deque<Orphan> undecided;
  {
    MutexLock lock(mutex_);
    undecided.swap(orphans_);
  }
  for (const Orphan& orphan : undecided) {
    MutexLock use(orphan.lease->own_mutex);
    if (orphan.lease->transaction != nullptr) orphan.lease->transaction->Abandon();
  }
}

void Decisions::Note(const std::string& token, wire::TransactionState state) {
  if (token.empty()) return;
  MutexLock lock(mutex_);
  const auto [it, is_new] = states_.insert_or_assign(token, state);
  if (!is_new) return;
  order_.push_back(token);
  if (order_.size() <= kRemembered) return;
  states_.erase(order_.front());
  order_.pop_front();
}

wire::TransactionState Decisions::StateOf(const std::string& token) {
  MutexLock lock(mutex_);
  const auto found = states_.find(token);
  return found == states_.end() ? wire::TransactionState::kUnknown : found->second;
}

void Decisions::Decide(const std::shared_ptr<TransactionLease>& orphan,
                       std::shared_ptr<const OtherProcess> client) {
  {
    MutexLock use(orphan->own_mutex);
    if (orphan->transaction == nullptr) return;
    if (!orphan->is_prepared || orphan->token.empty()) {
      if (orphan->is_prepared) (void)orphan->transaction->Commit();
      orphan->transaction.reset();
      return;
    }
  }
  MutexLock lock(mutex_);
  orphans_.push_back({orphan, std::move(client)});
  changed_.NotifyAll();
}

bool Decisions::TryDecide(const Orphan& orphan) {
  TransactionLease& lease = *orphan.lease;
  std::string token;
  bool is_decided;  // if so, this attempt only makes sure that the decision lasts
  {
    MutexLock use(lease.own_mutex);
    token = lease.token;
    is_decided = lease.transaction == nullptr;
  }
  const bool is_over = !is_decided && orphan.client != nullptr && orphan.client->HasEnded();
  const Result<bool> committed = was_committed_(token, is_over);
  if (!committed.ok()) return false;
  if (is_decided) return true;
  MutexLock use(lease.own_mutex);
  // Before others can append: whoever finds it decided finds out how.
  Note(token,
       *committed ? wire::TransactionState::kCommitted : wire::TransactionState::kRolledBack);
  // A rollback's error is the engine's background error; a commit has none.
  (void)(*committed ? lease.transaction->Commit() : lease.transaction->Rollback());
  lease.transaction.reset();
  return *committed || !is_over;
}

std::optional<Decisions::Orphan> Decisions::AwaitOrphan() {
  MutexLock lock(mutex_);
  while (!stopping_ && orphans_.empty()) changed_.Wait(mutex_);
  if (stopping_) return std::nullopt;
  return orphans_.front();
}

void Decisions::EndAttempt(bool done) {
  MutexLock lock(mutex_);
  if (done) {
    orphans_.pop_front();
    retry_ = kFirstRetry;
  } else if (!stopping_) {
    std::rotate(orphans_.begin(), orphans_.begin() + 1, orphans_.end());
    changed_.WaitUntil(mutex_, WaitOptions::Clock::now() + retry_);
    retry_ = std::min(2 * retry_, kLongestRetry);
  }
}

// One after the other: only one can have the writer's turn; the others are decided already.
void Decisions::Run() {
  while (const std::optional<Orphan> orphan = AwaitOrphan()) {
    bool done = false;
    WithoutFailing([&] { done = TryDecide(*orphan); });
    EndAttempt(done);
  }
}

}  // namespace streamview
