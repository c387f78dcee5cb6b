// For what is done where nothing may fail: in destructors, and in callbacks whose outcome nobody
// looks at.

#pragma once

#include <utility>

namespace streamview {

// Calls `call`. An exception (there is no memory) ends the call, and that is all.
template <typename Call>
void WithoutFailing(Call&& call) noexcept {
  try {
    std::forward<Call>(call)();
  } catch (...) {
  }
}

}  // namespace streamview
