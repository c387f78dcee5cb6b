// RemovedLogs: the logs that connections of this process have dropped and whose directories are not
// deleted yet, because somebody still has them open.
//
// Thread-safe. The one instance of the process is never destroyed.

#pragma once

#include <atomic>
#include <set>
#include <string>

#include "core/base/mutex.h"
#include "ext/log_config.h"

namespace streamview {

class RemovedLogs {
 public:
  static RemovedLogs& Instance();

  void Add(const LogIdentity& log) EXCLUDES(mutex_);
  bool Contains(const LogIdentity& log) EXCLUDES(mutex_);
  bool ContainsDirectory(const std::string& directory) EXCLUDES(mutex_);
  // Costs one atomic load.
  bool empty() const { return size_.load(std::memory_order_relaxed) == 0; }
  // Deletes the directories that nobody has open any more.
  void DeleteUnused() EXCLUDES(mutex_);

 private:
  Mutex mutex_;
  std::set<LogIdentity> logs_ GUARDED_BY(mutex_);
  std::atomic<size_t> size_ = 0;  // of logs_
};

}  // namespace streamview
