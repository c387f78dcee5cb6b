#include "core/base/turn.h"

#include <algorithm>

#include "core/base/check.h"

namespace streamview {

Status Turn::Take(const WaitOptions& wait) {
  uint64_t ticket;
  {
    MutexLock lock(mutex_);
    if (!taken_ && waiting_.empty()) {
      taken_ = true;
      return Status::Ok();
    }
    ticket = next_ticket_++;
    waiting_.push_back(ticket);
  }
  try {
    const Status status = Await(ticket, wait);
    if (!status.ok()) Leave(ticket);
    return status;
  } catch (...) {
    Leave(ticket);
    throw;
  }
}

Status Turn::Await(uint64_t ticket, const WaitOptions& wait) {
  for (;;) {
    // The caller's poll runs with no lock held: it may call into SQLite.
    SV_RETURN_IF_ERROR(wait.CheckInterrupted());
    MutexLock lock(mutex_);
    if (!taken_ && waiting_.front() == ticket) {
      waiting_.pop_front();
      taken_ = true;
      return Status::Ok();
    }
    if (wait.Expired()) return Status::TimedOut();
    changed_.WaitUntil(mutex_, wait.NextPoll());
  }
}

void Turn::Leave(uint64_t ticket) {
  MutexLock lock(mutex_);
  waiting_.erase(std::find(waiting_.begin(), waiting_.end(), ticket));
  changed_.NotifyAll();
}

void Turn::Release() {
  MutexLock lock(mutex_);
  SV_REQUIRE(taken_);
  taken_ = false;
  changed_.NotifyAll();
}

bool Turn::IsTaken() const {
  MutexLock lock(mutex_);
  return taken_;
}

}  // namespace streamview
