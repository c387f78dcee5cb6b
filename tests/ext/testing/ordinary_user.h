// An ordinary user: one to whom permissions and limits apply.

#pragma once

#include <grp.h>
#include <unistd.h>

#include <stdexcept>

namespace streamview::testing {

// The process goes on as such a one.
inline void BecomeOrdinary() {
  constexpr uid_t kNobody = 65534;
  if (::geteuid() != 0) return;
  if (::setgroups(0, nullptr) != 0 || ::setgid(kNobody) != 0 || ::setuid(kNobody) != 0) {
    throw std::runtime_error("setuid");
  }
}

}  // namespace streamview::testing
