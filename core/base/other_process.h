// OtherProcess: a process at the other end of a connection, and whether it has ended.

#pragma once

#include <sys/types.h>

namespace streamview {

// Thread-safe.
class OtherProcess {
 public:
  // Of a process that runs. `pid` 0: it is not known, as in another pid namespace.
  explicit OtherProcess(pid_t pid);
  ~OtherProcess();
  OtherProcess(const OtherProcess&) = delete;
  OtherProcess& operator=(const OtherProcess&) = delete;

  // False, too, where it cannot be told.
  bool HasEnded() const;

 private:
  const pid_t pid_;
  const int fd_;  // of the process; negative: this system has no such descriptors
};

}  // namespace streamview
