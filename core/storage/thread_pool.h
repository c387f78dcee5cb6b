// ThreadPool: the threads that RocksDB's flushes, or its compactions, run on.
//
// RocksDB has thread pools of its own, one for the whole process. Ours take no signals, say so when
// a thread cannot be started, and can be made anew in a forked child.
//
// Thread-safe. Never destroyed.

#pragma once

#include <deque>

#include "core/base/mutex.h"
#include "core/base/status.h"

namespace streamview {

class ThreadPool {
 public:
  enum class Priority { kNormal, kLow };  // of the CPU
  // `name` is that of the threads, at most 15 bytes.
  ThreadPool(const char* name, Priority priority) : name_(name), priority_(priority) {}
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // Has at least so many threads from now on. Errors, where it has none at all: kIOError,
  // kNoMemory. (With fewer than asked for, all is done, only later; each Schedule tries again.)
  Status Start(int threads) EXCLUDES(mutex_);

  // Runs function(arg) on one of the threads, first come, first served. `unschedule` may be null.
  // REQUIRES: Start has succeeded
  void Schedule(void (*function)(void*), void* arg, void* tag, void (*unschedule)(void*))
      EXCLUDES(mutex_);
  // Takes back what has this tag and has not begun; calls its `unschedule` instead. Returns how
  // many these are.
  int UnSchedule(void* tag) EXCLUDES(mutex_);

  unsigned int QueueLength() const EXCLUDES(mutex_);
  int threads() const EXCLUDES(mutex_);  // as asked for

  // Waits for what has begun; what has not is held back until the next Schedule. For the end of the
  // process: what the functions use may be destroyed then.
  void Pause() EXCLUDES(mutex_);

 private:
  struct Job {
    void (*function)(void*);
    void* arg;
    void* tag;
    void (*unschedule)(void*);
  };

  Status StartMissing() REQUIRES(mutex_);
  void Run() EXCLUDES(mutex_);
  Job Begin() EXCLUDES(mutex_);  // waits for one
  void End() EXCLUDES(mutex_);

  const char* const name_;
  const Priority priority_;
  mutable Mutex mutex_;
  CondVar changed_;  // the queue, or what follows
  std::deque<Job> queue_ GUARDED_BY(mutex_);
  int wanted_ GUARDED_BY(mutex_) = 0;
  int started_ GUARDED_BY(mutex_) = 0;
  int running_ GUARDED_BY(mutex_) = 0;  // jobs
  bool paused_ GUARDED_BY(mutex_) = false;
};

}  // namespace streamview
