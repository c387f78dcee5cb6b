#include "core/storage/thread_pool.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <new>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/signals.h"

namespace streamview {

namespace {

constexpr int kLowestPriority = 19;

}  // namespace

Status ThreadPool::StartMissing() {
  const BlockSignals blocked;
  try {
    while (started_ < wanted_) {
      std::thread([this] { Run(); }).detach();
      started_++;
    }
  } catch (const std::system_error& error) {
    if (started_ == 0) return Status::IOError("cannot start a thread: " + error.code().message());
  } catch (const std::bad_alloc&) {
    if (started_ == 0) return Status::NoMemory();
  }
  return Status::Ok();
}

Status ThreadPool::Start(int threads) {
  MutexLock lock(mutex_);
  wanted_ = std::max(wanted_, threads);
  return StartMissing();
}

void ThreadPool::Run() {
  ::pthread_setname_np(::pthread_self(), name_);
  for (bool lowered = priority_ == Priority::kNormal;;) {
    const Job job = Begin();
    // Not before there is something to do: on a busy machine the process ends no sooner than its
    // thread of the lowest priority. The kernel takes a thread's id here, and may refuse, which
    // costs no more than the priority.
    if (!std::exchange(lowered, true)) {
      (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kLowestPriority);
    }
    job.function(job.arg);
    End();
  }
}

ThreadPool::Job ThreadPool::Begin() {
  MutexLock lock(mutex_);
  while (queue_.empty() || paused_) changed_.Wait(mutex_);
  const Job job = queue_.front();
  queue_.pop_front();
  running_++;
  return job;
}

void ThreadPool::End() {
  MutexLock lock(mutex_);
  running_--;
  changed_.NotifyAll();
}

void ThreadPool::Schedule(void (*function)(void*), void* arg, void* tag,
                          void (*unschedule)(void*)) {
  MutexLock lock(mutex_);
  (void)StartMissing();
  queue_.push_back({function, arg, tag, unschedule});
  paused_ = false;
  changed_.NotifyAll();
}

int ThreadPool::UnSchedule(void* tag) {
  std::vector<Job> taken;
  {
    MutexLock lock(mutex_);
    for (const Job& job : queue_) {
      if (job.tag == tag) taken.push_back(job);
    }
    std::erase_if(queue_, [tag](const Job& job) { return job.tag == tag; });
  }
  for (const Job& job : taken) {
    if (job.unschedule != nullptr) job.unschedule(job.arg);
  }
  return static_cast<int>(taken.size());
}

unsigned int ThreadPool::QueueLength() const {
  MutexLock lock(mutex_);
  return static_cast<unsigned int>(queue_.size());
}

int ThreadPool::threads() const {
  MutexLock lock(mutex_);
  return wanted_;
}

void ThreadPool::Pause() {
  MutexLock lock(mutex_);
  paused_ = true;
  while (running_ > 0) changed_.Wait(mutex_);
}

}  // namespace streamview
