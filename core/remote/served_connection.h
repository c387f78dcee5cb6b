// ServedConnection: one connection of a client, and the thread that serves it.

#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "core/base/mutex.h"
#include "core/engine.h"
#include "core/remote/decisions.h"
#include "core/remote/frame.h"
#include "core/remote/server_options.h"
#include "core/remote/service.h"
#include "core/remote/sessions.h"
#include "core/remote/socket.h"

namespace streamview {

class ServedConnection {
 public:
  // All of them outlive it. `wake` is called on its thread as it begins a request, and when it has
  // ended.
  ServedConnection(Engine* engine, const ServerOptions& options, Sessions* sessions,
                   Decisions* decisions, std::function<void()> wake, Socket socket);

  // Serves it to its end, on the calling thread.
  void Run() noexcept;
  // The client's process; 0: it is not known.
  pid_t pid() const { return peer_.pid; }
  // Ends it. From any thread.
  void End() { socket_.Shutdown(); }
  // Tells the client that its request is being worked on, where it was at the last call already.
  // From any thread; waits for nothing. Returns whether a request is being worked on.
  bool SendHeartbeat() EXCLUDES(mutex_);

  std::thread thread;
  std::atomic<bool> has_ended{false};

 private:
  void Serve();
  // Whether the connection goes on.
  bool Take(const Frame& frame);
  bool DoRequest(const Frame& frame);
  Status Do(Request& request);
  Status Hello(Request& request);
  void Release(std::string_view body);
  void Cancel(std::string_view body);
  // Whether the client has gone, or no longer waits for the request that is being done.
  bool IsCancelled();
  void SetWorkingOn(uint32_t id) EXCLUDES(mutex_);
  bool SendAnswer(OutgoingFrame answer, uint32_t id);

  Engine* const engine_;
  const ServerOptions& options_;
  Sessions* const sessions_;
  const std::function<void()> wake_;
  Socket socket_;
  FrameReader reader_;
  Peer peer_;
  std::shared_ptr<ClientSession> session_;  // null: it has not said hello
  const Service service_;
  // Of the request that is being done, or was done last.
  uint32_t last_id_ = 0;
  uint64_t last_lease_ = 0;
  bool is_cancelled_ = false;
  WaitOptions::Clock::time_point next_look_;  // for a message that cancels it
  bool is_over_ = false;  // the client has gone, or does not keep to the protocol

  Mutex mutex_;
  // The request that is being done. 0: none, or its answer is being sent.
  uint32_t working_on_ GUARDED_BY(mutex_) = 0;
  uint32_t worked_on_ GUARDED_BY(mutex_) = 0;  // at the last SendHeartbeat
};

}  // namespace streamview
