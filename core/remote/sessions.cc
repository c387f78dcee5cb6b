#include "core/remote/sessions.h"

#include <unistd.h>

#include <algorithm>

#include "core/base/random_id.h"

namespace streamview {

Result<std::shared_ptr<ClientSession>> Sessions::Join(const std::string& id, pid_t pid) {
  constexpr size_t kIdBytes = 16;
  MutexLock lock(mutex_);
  if (id.empty()) {
    const auto of_process =
        std::count_if(present_.begin(), present_.end(),
                      [pid](const auto& entry) { return entry.second.session->pid == pid; });
    if (pid != 0 && static_cast<size_t>(of_process) >= max_of_process_) {
      return Status::Busy("process " + std::to_string(::getpid()) +
                          ", which holds the log, serves process " + std::to_string(pid) + " as " +
                          std::to_string(of_process) + " clients already");
    }
    auto session =
        std::make_shared<ClientSession>(RandomId(kIdBytes), pid, max_leases_, &all_leases_);
    present_.emplace(session->id, Present{session, 1});
    return session;
  }
  const auto found = present_.find(id);
  if (found == present_.end()) {
    return Status::Lost("the connection to process " + std::to_string(::getpid()) +
                        ", which holds the log, was lost");
  }
  found->second.connections++;
  return found->second.session;
}

size_t Sessions::Count() {
  MutexLock lock(mutex_);
  return present_.size();
}

bool Sessions::AreReading() {
  MutexLock lock(mutex_);
  return std::any_of(present_.begin(), present_.end(),
                     [](const auto& entry) { return entry.second.session->leases.HasReads(); });
}

void Sessions::Leave(const std::shared_ptr<ClientSession>& session) {
  {
    MutexLock lock(mutex_);
    const auto found = present_.find(session->id);
    if (--found->second.connections > 0) return;
    present_.erase(found);
  }
  for (const std::shared_ptr<TransactionLease>& orphan : session->leases.Clear()) {
    decisions_->Decide(orphan, session->process);
  }
}

}  // namespace streamview
