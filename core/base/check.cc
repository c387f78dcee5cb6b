#include "core/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace streamview {

void FailRequirement(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: the caller does not keep to REQUIRES: %s\n", file, line, condition);
  std::abort();
}

}  // namespace streamview
