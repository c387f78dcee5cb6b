// Socket: one end of a connection between two processes of this machine.

#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <string_view>
#include <utility>

#include "core/base/process.h"
#include "core/base/status.h"
#include "core/base/wait.h"

namespace streamview {

// Who is at the other end, as the system knows it.
struct Peer {
  pid_t pid = 0;
  uid_t uid = 0;
};

// Owns a connected stream socket of the Unix domain. It is not passed on to programs that the
// process starts, a forked child closes its copy at once, and no call raises SIGPIPE.
//
// One thread may receive while another sends. Shutdown() may be called by any thread at any time.
class Socket {
 public:
  Socket() = default;  // of no connection
  // Takes `fd` over, which is such a socket, and blocks.
  explicit Socket(int fd);
  ~Socket() { Close(); }
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)), process_(other.process_) {}
  Socket& operator=(Socket&& other) noexcept;

  // Both ends of a new connection. Errors: kIOError (there are no descriptors left).
  static Result<std::pair<Socket, Socket>> NewPair();

  explicit operator bool() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  Result<Peer> GetPeer() const;

  // In what steps Receive and Send look at their WaitOptions (kPollInterval); 0: never. To be
  // called before either.
  void SetPollIntervals(std::chrono::milliseconds receive, std::chrono::milliseconds send);

  // Waits for bytes and returns how many it has put at `data`, at most `size`; 0: the other end has
  // closed the connection. Errors: kInterrupted, kTimedOut, kLost.
  Result<size_t> Receive(char* data, size_t size, const WaitOptions& wait);
  // The same, but kBusy where there are none yet.
  Result<size_t> TryReceive(char* data, size_t size);

  // Sends all of `bytes`. Errors: kInterrupted, kTimedOut, kLost; then a part of them may be on its
  // way, and the connection is of no more use.
  Status Send(std::string_view bytes, const WaitOptions& wait);
  // Sends all of them or nothing, without waiting; kBusy: the other end has to read first. For
  // bytes so few that the system takes them at once or not at all.
  Status TrySend(std::string_view bytes);

  // Whether the other end has closed the connection. Waits for nothing.
  bool HasEnded() const;

  // Ends the connection for both sides: whoever waits for it is told.
  void Shutdown();

 private:
  void Close();

  int fd_ = -1;
  ProcessMark process_;
};

}  // namespace streamview
