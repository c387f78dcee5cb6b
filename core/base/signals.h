// Signals are the host's: no thread of ours takes one.

#pragma once

#include <pthread.h>
#include <signal.h>

namespace streamview {

// While it lives, the calling thread takes no signals, and threads that it starts never will. (One
// that took a signal would keep it from the host that blocks it everywhere and waits for it with
// sigwait(), or run the host's handler on a stack that the host does not know.)
class BlockSignals {
 public:
  BlockSignals() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~BlockSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  BlockSignals(const BlockSignals&) = delete;
  BlockSignals& operator=(const BlockSignals&) = delete;

 private:
  sigset_t before_;
};

}  // namespace streamview
