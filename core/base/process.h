// Whether this process is the one that made an object, or a child that fork() made of it. Threads
// exist in the parent only: waiting for one in a child would never end.

#pragma once

#include <cstdint>

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
  const uint64_t forks_;
};

// kMisuse: says what to do in a forked child that has a log open by inheritance.
Status InheritedByFork();

}  // namespace streamview
