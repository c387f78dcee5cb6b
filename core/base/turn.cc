#include "core/base/turn.h"

#include <algorithm>

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
  Status status;
  for (;;) {
    // The caller's poll runs with no lock held: it may call into SQLite.
    status = wait.CheckInterrupted();
    MutexLock lock(mutex_);
    if (status.ok() && !taken_ && waiting_.front() == ticket) {
      waiting_.pop_front();
      taken_ = true;
      return status;
    }
    if (status.ok() && wait.Expired()) status = Status::TimedOut("timed out");
    if (!status.ok()) {
      waiting_.erase(std::find(waiting_.begin(), waiting_.end(), ticket));
      changed_.NotifyAll();
      return status;
    }
    changed_.WaitUntil(mutex_, wait.NextPoll());
  }
}

void Turn::Release() {
  MutexLock lock(mutex_);
  taken_ = false;
  changed_.NotifyAll();
}

}  // namespace streamview
