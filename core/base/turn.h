// Turn: exclusive ownership of a long piece of work, taken in order of asking.
//
// Unlike a Mutex, waiting for a turn can be interrupted and can time out, and a turn may be held
// for as long as a transaction lasts and be released by another thread than the one that took it.
// Thread-safe.

#pragma once

#include <cstdint>
#include <deque>

#include "core/base/mutex.h"
#include "core/base/status.h"
#include "core/base/wait.h"

namespace streamview {

class Turn {
 public:
  Turn() = default;
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  // Returns OK once the caller has the turn; kInterrupted or kTimedOut where `wait` says so, and
  // then the caller does not have it. With a deadline in the past it only tries.
  Status Take(const WaitOptions& wait);
  // REQUIRES: the caller has the turn.
  void Release();
  // Whether anybody has it: for SV_REQUIRE.
  bool IsTaken() const EXCLUDES(mutex_);

 private:
  Status Await(uint64_t ticket, const WaitOptions& wait) EXCLUDES(mutex_);
  void Leave(uint64_t ticket) EXCLUDES(mutex_);

  mutable Mutex mutex_;
  CondVar changed_;
  bool taken_ GUARDED_BY(mutex_) = false;
  uint64_t next_ticket_ GUARDED_BY(mutex_) = 0;
  std::deque<uint64_t> waiting_ GUARDED_BY(mutex_);  // tickets, first come first
};

// Releases a turn that was taken, at the end of a scope.
class TurnHolder {
 public:
  explicit TurnHolder(Turn& turn) : turn_(turn) {}
  ~TurnHolder() { turn_.Release(); }
  TurnHolder(const TurnHolder&) = delete;
  TurnHolder& operator=(const TurnHolder&) = delete;

 private:
  Turn& turn_;
};

}  // namespace streamview
