#include "core/base/other_process.h"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "core/base/private_fds.h"

namespace streamview {

namespace {

int OpenProcess(pid_t pid) {
#ifdef SYS_pidfd_open
  if (pid > 0) return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
#endif
  return -1;
}

}  // namespace

OtherProcess::OtherProcess(pid_t pid) : pid_(pid), fd_(OpenProcess(pid)) {
  if (fd_ >= 0) AddPrivateFd(fd_);
}

OtherProcess::~OtherProcess() {
  if (fd_ >= 0) ClosePrivateFd(fd_);
}

bool OtherProcess::HasEnded() const {
  if (fd_ >= 0) {
    struct pollfd process = {fd_, POLLIN, 0};
    return ::poll(&process, 1, 0) == 1;
  }
  return pid_ > 0 && ::kill(pid_, 0) != 0 && errno == ESRCH;
}

}  // namespace streamview
