// Channel: one connection to the process that holds a log, seen from the process that uses it.

#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/status.h"
#include "core/base/wait.h"
#include "core/remote/frame.h"
#include "core/remote/socket.h"
#include "core/remote/wire.h"

namespace streamview {

// How long a process may be silent before it counts as stopped.
struct Patience {
  // While it works on a request it says so every second (ServerOptions::heartbeat).
  std::chrono::milliseconds silence{5000};
  // With the answer, once the caller's deadline has passed or the caller was interrupted.
  std::chrono::milliseconds grace{2000};
};

// What the holder answers to a request that it has done.
struct Answer {
  // What it holds for the client from now on; 0: nothing.
  uint64_t lease = 0;
  Seq head = 0;  // of the log, as of the answer
  std::string fields;
};

// One thread at a time.
class Channel {
 public:
  // Introduces this process. Errors: kCannotOpen (they have no protocol in common: the message
  // names both versions; or the log is another one), kBusy (it is stopped, or has too many
  // clients), kLost, kInterrupted.
  static Result<std::unique_ptr<Channel>> Open(Socket socket, const wire::Hello& hello,
                                               const Patience& patience, const WaitOptions& wait);

  // Sends a request, `before` it, which are whole messages without answers, and waits for the
  // answer. Returns the answer's error, if it is one. Other errors:
  //   kInterrupted, kBusy   the answer has not come in time, and the request is cancelled. Of what
  //                         it was to hold for the client nothing is kept
  //   kLost                 the connection was, or the answer to a request whose effect cannot be
  //                         taken back has not come in time: it may have been done
  //   kConstraint           the request is too large, and was not sent
  // REQUIRES: IsFree()
  Result<Answer> Call(OutgoingFrame request, std::string_view before, const WaitOptions& wait);
  // Sends a message without answer where that takes no waiting. False: nothing was sent.
  bool TryNotify(OutgoingFrame message);

  // Whether a request may be sent. Not while an answer that was given up may still come.
  bool IsFree();
  bool is_broken() const { return is_broken_; }
  // Whether the holder has ended the connection. Waits for nothing.
  bool HasEnded() const { return is_broken_ || socket_.HasEnded(); }
  // What the holder has said of itself.
  const wire::Hello& holder() const { return holder_; }

 private:
  Channel(Socket socket, const Patience& patience);
  Result<Answer> Await(uint32_t id, bool is_final, const WaitOptions& wait);
  Result<Answer> Decode(const Frame& frame);
  void Cancel(uint32_t id);
  std::string Holder() const;  // for messages
  Status Broken();
  Status Stopped() const;

  Socket socket_;
  FrameReader reader_;
  Patience patience_;
  pid_t pid_ = 0;  // the holder's
  wire::Hello holder_;
  uint32_t last_id_ = 0;
  uint32_t given_up_ = 0;  // a request whose answer may still come; 0: none
  bool is_broken_ = false;
};

}  // namespace streamview
