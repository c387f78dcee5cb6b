#include "ext/removed_logs.h"

#include <algorithm>

#include "core/engine_registry.h"

namespace streamview {

RemovedLogs& RemovedLogs::Instance() {
  static auto* const instance = new RemovedLogs;
  return *instance;
}

void RemovedLogs::Add(const LogIdentity& log) {
  MutexLock lock(mutex_);
  logs_.insert(log);
  size_ = logs_.size();
}

bool RemovedLogs::Contains(const LogIdentity& log) {
  if (empty()) return false;
  MutexLock lock(mutex_);
  return logs_.contains(log);
}

bool RemovedLogs::ContainsDirectory(const std::string& directory) {
  if (empty()) return false;
  MutexLock lock(mutex_);
  return std::any_of(logs_.begin(), logs_.end(),
                     [&](const LogIdentity& log) { return log.directory == directory; });
}

void RemovedLogs::DeleteUnused() {
  if (empty()) return;
  std::set<LogIdentity> logs;
  {
    MutexLock lock(mutex_);
    logs = logs_;
  }
  for (const LogIdentity& log : logs) {
    // A log in memory went with its last user, and has left nothing behind.
    const bool busy =
        !log.directory.empty() && DestroyLog(log.directory, log.log_id).code() == StatusCode::kBusy;
    if (busy) continue;
    MutexLock lock(mutex_);
    logs_.erase(log);
    size_ = logs_.size();
  }
}

}  // namespace streamview
