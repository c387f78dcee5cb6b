#include "core/base/private_fds.h"

#include <pthread.h>
#include <unistd.h>

#include <mutex>
#include <set>

namespace streamview {

namespace {

class PrivateFds {
 public:
  static PrivateFds& Instance() {
    static auto* const instance = new PrivateFds;
    return *instance;
  }
  void Add(int fd) {
    const std::lock_guard<std::mutex> lock(mutex_);
    fds_.insert(fd);
  }
  void Close(int fd) {
    const std::lock_guard<std::mutex> lock(mutex_);
    fds_.erase(fd);
    ::close(fd);
  }

 private:
  // fork() takes the mutex, so that a child finds the set whole and the mutex free.
  PrivateFds() {
    ::pthread_atfork([] { Instance().mutex_.lock(); }, [] { Instance().mutex_.unlock(); },
                     [] { Instance().CloseInChild(); });
  }
  void CloseInChild() {
    for (const int fd : fds_) ::close(fd);
    fds_.clear();
    mutex_.unlock();
  }

  std::mutex mutex_;
  std::set<int> fds_;
};

}  // namespace

void AddPrivateFd(int fd) { PrivateFds::Instance().Add(fd); }
void ClosePrivateFd(int fd) { PrivateFds::Instance().Close(fd); }

}  // namespace streamview
