// Whether this process is the one that made an object, or a child that fork() made of it. Threads
// exist in the parent only: waiting for one in a child would never end.

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "core/base/status.h"

namespace streamview {

class ProcessMark {
 public:
  ProcessMark();
  // True in a forked child of the process that made the mark. Costs one atomic load.
  bool InForkedChild() const;
  // kMisuse in a forked child.
  Status Check() const;

 private:
  uint64_t forks_;
};

// A T for each process, never destroyed: a forked child gets a new one, since another thread may
// have had a lock of the parent's at the moment of the fork. Thread-safe. For static objects.
template <typename T>
class PerProcess {
 public:
  T& Get() {
    Instance* present = instance_.load(std::memory_order_acquire);
    while (present == nullptr || present->process.InForkedChild()) {
      auto own = std::make_unique<Instance>();
      if (instance_.compare_exchange_strong(present, own.get())) present = own.release();
    }
    return present->value;
  }
  // That of this process; null: none was asked for yet.
  T* Find() {
    Instance* const present = instance_.load(std::memory_order_acquire);
    const bool own = present != nullptr && !present->process.InForkedChild();
    return own ? &present->value : nullptr;
  }

 private:
  struct Instance {
    T value;
    const ProcessMark process;
  };
  std::atomic<Instance*> instance_{nullptr};
};

// kMisuse: says what to do in a forked child that has a log open by inheritance.
Status InheritedByFork();

}  // namespace streamview
