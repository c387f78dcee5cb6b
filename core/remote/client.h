// Client: what a process that uses a log has of the one that holds it: a few connections, which
// belong together (they are one session), and requests over them.
//
// What the holder keeps for a client, a snapshot or a transaction, is a lease: a number that is
// good on each of the session's connections. So it occupies none of them. When the last connection
// ends, the session does, and all leases with it.
//
// Thread-safe. In a forked child every call fails with kMisuse, and nothing of it is touched.

#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/process.h"
#include "core/remote/channel.h"

namespace streamview {

struct ClientOptions {
  // Makes a connection to the process that holds the log. Called from any thread.
  std::function<Result<Socket>(const WaitOptions&)> connect;
  std::string log_id;  // the log that is expected; empty: any
  std::string host;    // of what this is a guest, for messages
  Patience patience;
  // As many calls at once as this; further ones wait.
  size_t max_connections = 64;
};

class Client {
 public:
  // Errors: those of `connect` and Channel::Open.
  static Result<std::unique_ptr<Client>> Open(ClientOptions options, const WaitOptions& wait);
  ~Client();

  // Sends a request with these fields, and waits for the answer as `wait` allows. Errors: those of
  // Channel::Call; kLost, too, where the session has ended.
  template <typename... Fields>
  Result<Answer> Call(wire::Op op, const WaitOptions& wait, const Fields&... fields) {
    OutgoingFrame request(static_cast<uint8_t>(op));
    wire::PutAll(&request.bytes, wire::RemainingTime(wait), fields...);
    return Send(std::move(request), wait);
  }
  // The same, where the answer is no more than these values.
  template <typename... Results>
  static Status Decode(const Answer& answer, Results*... results) {
    return wire::TakeWhole(answer.fields, results...) ? Status::Ok() : NotUnderstood();
  }
  static Status NotUnderstood();

  // The lease is no longer needed. Waits for nothing.
  void Release(uint64_t lease) noexcept;
  // The same, but the holder need not be told before it is told or asked something else.
  void ReleaseLater(uint64_t lease) noexcept EXCLUDES(mutex_);

  // Whether the session is known to have ended, or is found to have without waiting: every further
  // call fails with kLost.
  bool IsLost() EXCLUDES(mutex_);
  bool is_known_lost() const { return is_lost_; }

  // What the holder said of itself.
  const wire::Hello& holder() const { return holder_; }
  // ClientOptions::host
  const std::string& host() const { return options_.host; }
  // The head of the log, as it was last heard of.
  Seq known_head() const { return known_head_.load(std::memory_order_relaxed); }
  const ProcessMark& process() const { return process_; }

 private:
  explicit Client(ClientOptions options) : options_(std::move(options)) {}
  Result<Answer> Send(OutgoingFrame request, const WaitOptions& wait);
  static Status Ended();
  Result<std::unique_ptr<Channel>> Acquire(const WaitOptions& wait) EXCLUDES(mutex_);
  Result<std::unique_ptr<Channel>> Connect(const WaitOptions& wait);
  // A connection that is there and free; null: there is none.
  std::unique_ptr<Channel> TakeIdle() REQUIRES(mutex_);
  void GiveBack(std::unique_ptr<Channel> channel) EXCLUDES(mutex_);
  void Forget(std::unique_ptr<Channel> channel) REQUIRES(mutex_);
  std::string TakeReleases() EXCLUDES(mutex_);
  void NoteHead(Seq head);

  const ClientOptions options_;
  ProcessMark process_;
  wire::Hello holder_;  // constant once it is open
  std::atomic<Seq> known_head_{0};
  std::atomic<bool> is_lost_{false};
  Mutex mutex_;
  CondVar changed_;
  // Those that nobody uses; the one that was used last is used next.
  std::vector<std::unique_ptr<Channel>> idle_ GUARDED_BY(mutex_);
  size_t connections_ GUARDED_BY(mutex_) = 0;          // idle, used, or being made
  std::vector<uint64_t> releases_ GUARDED_BY(mutex_);  // to be sent with the next request
};

}  // namespace streamview
