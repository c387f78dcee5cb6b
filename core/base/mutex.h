// Mutex and CondVar with clang's thread-safety annotations (-Wthread-safety), as in LevelDB's
// port/thread_annotations.h. The lock order of the engine is in docs/architecture.md.

#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define SV_ATTRIBUTE_(x) __attribute__((x))
#else
#define SV_ATTRIBUTE_(x)
#endif

#define CAPABILITY(x) SV_ATTRIBUTE_(capability(x))
#define SCOPED_CAPABILITY SV_ATTRIBUTE_(scoped_lockable)
#define GUARDED_BY(x) SV_ATTRIBUTE_(guarded_by(x))
#define REQUIRES(...) SV_ATTRIBUTE_(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) SV_ATTRIBUTE_(locks_excluded(__VA_ARGS__))
#define ACQUIRE(...) SV_ATTRIBUTE_(acquire_capability(__VA_ARGS__))
#define RELEASE(...) SV_ATTRIBUTE_(release_capability(__VA_ARGS__))

namespace streamview {

class CAPABILITY("mutex") Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() ACQUIRE() { mutex_.lock(); }
  void Unlock() RELEASE() { mutex_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

class SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ACQUIRE(mutex) : mutex_(mutex) { mutex_.Lock(); }
  ~MutexLock() RELEASE() { mutex_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// All waits may wake for no reason: test the condition in a loop.
class CondVar {
 public:
  void Wait(Mutex& mutex) REQUIRES(mutex) { cv_.wait(mutex.mutex_); }
  void WaitUntil(Mutex& mutex, std::chrono::steady_clock::time_point deadline) REQUIRES(mutex) {
    cv_.wait_until(mutex.mutex_, deadline);
  }
  void NotifyOne() { cv_.notify_one(); }
  void NotifyAll() { cv_.notify_all(); }

 private:
  std::condition_variable_any cv_;
};

}  // namespace streamview
