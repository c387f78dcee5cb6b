#include "core/base/process.h"

#include <pthread.h>

#include <atomic>

namespace streamview {

namespace {

std::atomic<uint64_t> g_forks{0};

uint64_t CurrentForks() {
  // Registered once and for good: the library is never unloaded.
  static const int registered =
      pthread_atfork(nullptr, nullptr, [] { g_forks.fetch_add(1, std::memory_order_relaxed); });
  (void)registered;
  return g_forks.load(std::memory_order_relaxed);
}

}  // namespace

ProcessMark::ProcessMark() : forks_(CurrentForks()) {}

bool ProcessMark::InForkedChild() const {
  return g_forks.load(std::memory_order_relaxed) != forks_;
}

Status ProcessMark::Check() const { return InForkedChild() ? InheritedByFork() : Status::Ok(); }

Status InheritedByFork() {
  return Status::Misuse(
      "a log was open when this process was forked, and its threads exist in the parent only: "
      "close "
      "what was inherited, or fork before the log is opened");
}

}  // namespace streamview
