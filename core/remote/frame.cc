#include "core/remote/frame.h"

#include <algorithm>
#include <cstring>

namespace streamview {

namespace {

constexpr size_t kLengthBytes = 4;
constexpr size_t kLeastRoom = 16u << 10;
// What is kept of a buffer that a large message has made large.
constexpr size_t kKeptRoom = 1u << 20;

void PutBigEndian32(char* p, uint32_t v) {
  for (int i = 0; i < 4; i++) p[i] = static_cast<char>(v >> (24 - 8 * i));
}

uint32_t GetBigEndian32(const char* p) {
  uint32_t v = 0;
  for (int i = 0; i < 4; i++) v = v << 8 | static_cast<uint8_t>(p[i]);
  return v;
}

}  // namespace

OutgoingFrame::OutgoingFrame(uint8_t type) {
  bytes.resize(kFrameHeaderBytes);
  bytes[kLengthBytes] = static_cast<char>(type);
}

Status OutgoingFrame::Finish(uint32_t id, size_t max_body) {
  const size_t body = bytes.size() - kFrameHeaderBytes;
  if (body > max_body) {
    return Status::Constraint("a message of " + std::to_string(body) + " bytes; at most " +
                              std::to_string(max_body) + " can be sent");
  }
  PutBigEndian32(bytes.data(), static_cast<uint32_t>(bytes.size() - kLengthBytes));
  PutBigEndian32(bytes.data() + kLengthBytes + 1, id);
  return Status::Ok();
}

Result<bool> FrameReader::Take(Frame* frame) {
  const size_t there = end_ - begin_;
  if (there < kFrameHeaderBytes) return false;
  const char* const header = buffer_.data() + begin_;
  const size_t length = GetBigEndian32(header);
  if (length < kFrameHeaderBytes - kLengthBytes ||
      length - (kFrameHeaderBytes - kLengthBytes) > max_body_) {
    return Status::Lost("what came over the connection is no message");
  }
  if (there < kLengthBytes + length) return false;
  frame->type = static_cast<uint8_t>(header[kLengthBytes]);
  frame->id = GetBigEndian32(header + kLengthBytes + 1);
  frame->body = std::string_view(header, kLengthBytes + length).substr(kFrameHeaderBytes);
  begin_ += kLengthBytes + length;
  return true;
}

size_t FrameReader::MakeRoom() {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ == 0 && buffer_.size() > kKeptRoom) std::string().swap(buffer_);
  if (buffer_.size() - end_ < kLeastRoom) {
    buffer_.resize(std::max(2 * buffer_.size(), end_ + kLeastRoom));
  }
  return buffer_.size() - end_;
}

Result<bool> FrameReader::Next(Frame* frame, const WaitOptions& wait) {
  for (;;) {
    SV_ASSIGN_OR_RETURN(const bool taken, Take(frame));
    if (taken) return true;
    const size_t room = MakeRoom();
    SV_ASSIGN_OR_RETURN(const size_t received, socket_->Receive(buffer_.data() + end_, room, wait));
    if (received == 0) return false;
    end_ += received;
  }
}

Result<bool> FrameReader::TryNext(Frame* frame) {
  for (;;) {
    SV_ASSIGN_OR_RETURN(const bool taken, Take(frame));
    if (taken) return true;
    const size_t room = MakeRoom();
    SV_ASSIGN_OR_RETURN(const size_t received, socket_->TryReceive(buffer_.data() + end_, room));
    if (received == 0) return false;
    end_ += received;
  }
}

}  // namespace streamview
