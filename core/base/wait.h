// WaitOptions: how long a call may wait, and who may end the wait early.

#pragma once

#include <chrono>
#include <functional>

#include "core/base/status.h"

namespace streamview {

struct WaitOptions {
  using Clock = std::chrono::steady_clock;

  // Polled at least every kPollInterval while a call waits or works, on the calling thread, with no
  // engine lock held. True ends the call with kInterrupted. May be empty.
  std::function<bool()> interrupted;
  // Past it the call ends with kTimedOut (kBusy where it waited for the writer's turn).
  Clock::time_point deadline = Clock::time_point::max();

  static constexpr std::chrono::milliseconds kPollInterval{20};

  bool Expired() const { return deadline != Clock::time_point::max() && Clock::now() >= deadline; }
  Status CheckInterrupted() const {
    return interrupted && interrupted() ? Status::Interrupted() : Status::Ok();
  }
  // When the next poll is due: the earlier of the deadline and kPollInterval from now.
  Clock::time_point NextPoll() const {
    const auto next = Clock::now() + kPollInterval;
    return next < deadline ? next : deadline;
  }
};

}  // namespace streamview
