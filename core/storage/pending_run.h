// PendingRun: how much an index that follows the log may keep in memory before it writes.
//
// Near the head of the log nothing waits. Far from it, entries gather for large sorted writes
// (family_write.h), bounded in bytes, together with those of the other indexes, in entries and in
// time: what is pending is lost in a crash, and done again.

#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace streamview {

// What several users may keep in memory, all together. Thread-safe.
class MemoryBudget {
 public:
  explicit MemoryBudget(size_t limit) : limit_(limit) {}
  bool exceeded() const { return taken_.load(std::memory_order_relaxed) > limit_; }

 private:
  friend class PendingRun;
  const size_t limit_;
  std::atomic<size_t> taken_{0};
};

// Not thread-safe.
class PendingRun {
 public:
  explicit PendingRun(MemoryBudget* budget) : budget_(budget) {}
  ~PendingRun() { Clear(); }
  PendingRun(const PendingRun&) = delete;
  PendingRun& operator=(const PendingRun&) = delete;

  // So much is pending: what `entries` of the log have come to, about `bytes`.
  void Set(uint64_t entries, size_t bytes);
  void Clear() { Set(0, 0); }
  // Whether it may become more before it is written, with `lag` more entries in the log.
  bool MayGrow(uint64_t lag) const;

 private:
  using Clock = std::chrono::steady_clock;

  MemoryBudget* const budget_;
  uint64_t entries_ = 0;
  size_t bytes_ = 0;
  Clock::time_point since_{};  // where entries_ > 0
};

}  // namespace streamview
