// Whether this process is the one that made an object, or a child that fork() made of it. RocksDB's
// threads do not come along into a child: waiting for one there would never end.

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

}  // namespace streamview
