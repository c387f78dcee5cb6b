// Frame: a message on a connection, with its length before it (docs/format.md, "The wire").
//
//   4 bytes  length of what follows, big-endian
//   1 byte   type
//   4 bytes  id: what an answer answers, big-endian
//   the body

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/status.h"
#include "core/base/wait.h"
#include "core/remote/socket.h"

namespace streamview {

constexpr size_t kFrameHeaderBytes = 9;

// A message that is being written: its body goes to the end of `bytes`.
struct OutgoingFrame {
  explicit OutgoingFrame(uint8_t type);
  // Completes `bytes` for sending; append nothing afterwards. Errors: kConstraint (the body is
  // larger than `max_body`, the most that the receiver takes).
  Status Finish(uint32_t id, size_t max_body);
  uint8_t type() const { return static_cast<uint8_t>(bytes[4]); }

  std::string bytes;
};

struct Frame {
  uint8_t type = 0;
  uint32_t id = 0;
  std::string_view body;
};

// Takes the messages off what a socket receives. Holds one message at most, and what has come of
// those behind it: memory is taken as bytes come, not as a length promises them. One thread at a
// time.
class FrameReader {
 public:
  FrameReader(Socket* socket, size_t max_body) : socket_(socket), max_body_(max_body) {}

  // Waits for the next message. False: the other end has closed the connection, in the middle of a
  // message or not. *frame is valid until the next call of either function. Errors: those of
  // Socket::Receive; kLost where the bytes are no message, or one that is too large: nothing that
  // comes afterwards can be understood.
  Result<bool> Next(Frame* frame, const WaitOptions& wait);
  // Whether the next message is there, without waiting; as Next, else. kBusy: it is not.
  Result<bool> TryNext(Frame* frame);

 private:
  // Whether a whole message is there; then it is *frame, and taken.
  Result<bool> Take(Frame* frame);
  // Makes room to receive into. Returns its size.
  size_t MakeRoom();

  Socket* const socket_;
  const size_t max_body_;
  std::string buffer_;  // its size is the room that there is
  size_t begin_ = 0;    // of what was received and not taken
  size_t end_ = 0;
};

}  // namespace streamview
