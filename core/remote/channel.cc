#include "core/remote/channel.h"

#include <algorithm>
#include <utility>

#include "core/base/check.h"

namespace streamview {

namespace {

using Clock = WaitOptions::Clock;

// Nothing may come over a connection unasked.
constexpr uint32_t kNoRequest = 0;

// Whether what a request does can be seen at once, and not be taken back.
bool IsFinal(const OutgoingFrame& request) {
  switch (request.type()) {
    case static_cast<uint8_t>(wire::Op::kAppendNow):
    case static_cast<uint8_t>(wire::Op::kCommit):
    case static_cast<uint8_t>(wire::Op::kCreateView):
    case static_cast<uint8_t>(wire::Op::kRenameView):
    case static_cast<uint8_t>(wire::Op::kDropView):
      return true;
    default:
      return false;
  }
}

}  // namespace

Channel::Channel(Socket socket, const Patience& patience)
    : socket_(std::move(socket)), reader_(&socket_, wire::kMaxAnswerBytes), patience_(patience) {
  const Result<Peer> peer = socket_.GetPeer();
  if (peer.ok()) pid_ = peer->pid;
}

Result<std::unique_ptr<Channel>> Channel::Open(Socket socket, const wire::Hello& hello,
                                               const Patience& patience, const WaitOptions& wait) {
  std::unique_ptr<Channel> channel(new Channel(std::move(socket), patience));
  OutgoingFrame request(static_cast<uint8_t>(wire::Op::kHello));
  wire::PutAll(&request.bytes, wire::RemainingTime(wait), hello);
  // It is answered at once, or not at all.
  channel->patience_.grace = Patience().grace.zero();
  SV_ASSIGN_OR_RETURN(const Answer answer, channel->Call(std::move(request), "", wait));
  channel->patience_.grace = patience.grace;
  std::string_view fields = answer.fields;
  // Later protocols may add to it.
  if (!wire::Take(&fields, &channel->holder_)) return channel->Broken();
  return channel;
}

// The system does not tell of a process of another pid namespace.
std::string Channel::Holder() const {
  return pid_ > 0 ? "process " + std::to_string(pid_) + ", which holds the log,"
                  : "the process that holds the log";
}

Status Channel::Broken() {
  is_broken_ = true;
  socket_.Shutdown();
  return Status::Lost("the connection to " + Holder() + " was lost");
}

Status Channel::Stopped() const {
  return Status::Busy(Holder() + " does not answer: it is stopped, or has too much to do");
}

Result<Answer> Channel::Call(OutgoingFrame request, std::string_view before,
                             const WaitOptions& wait) {
  SV_REQUIRE_OR_RETURN(IsFree());
  if (++last_id_ == kNoRequest) ++last_id_;
  SV_RETURN_IF_ERROR(request.Finish(last_id_, wire::kMaxRequestBytes));
  const bool is_final = IsFinal(request);
  if (!before.empty()) request.bytes.insert(0, before);

  WaitOptions sending = wait;
  sending.deadline = Clock::now() + patience_.silence;
  const Status sent = socket_.Send(request.bytes, sending);
  // Where the holder has ended the connection, it may have said why.
  if (sent.code() == StatusCode::kInterrupted || sent.code() == StatusCode::kTimedOut) {
    (void)Broken();
    return sent.code() == StatusCode::kInterrupted ? sent : Stopped();
  }
  return Await(last_id_, is_final, wait);
}

Result<Answer> Channel::Await(uint32_t id, bool is_final, const WaitOptions& wait) {
  const bool has_deadline = wire::RemainingTime(wait) != 0;
  WaitOptions patience;
  patience.interrupted = wait.interrupted;
  patience.deadline = has_deadline ? std::max(wait.deadline, Clock::now()) + patience_.grace
                                   : Clock::now() + patience_.silence;
  Status given_up;  // why the answer is no longer waited for
  for (;;) {
    Frame frame;
    const Result<bool> received = reader_.Next(&frame, patience);
    if (received.ok()) {
      if (!*received || frame.id != id) return Broken();
      if (frame.type == static_cast<uint8_t>(wire::Op::kAnswer)) {
        Result<Answer> answer = Decode(frame);
        // The holder has given up a request that was cancelled, or what it held for it.
        const bool is_given_up =
            answer.ok() ? answer->lease != 0 : answer.status().code() == StatusCode::kInterrupted;
        if (!given_up.ok() && is_given_up) return given_up;
        return answer;
      }
      if (frame.type != static_cast<uint8_t>(wire::Op::kHeartbeat)) return Broken();
      if (!has_deadline && given_up.ok()) patience.deadline = Clock::now() + patience_.silence;
      continue;
    }
    const StatusCode code = received.status().code();
    if (code != StatusCode::kInterrupted && code != StatusCode::kTimedOut) return Broken();
    if (given_up.ok()) {
      given_up = code == StatusCode::kInterrupted ? received.status() : Stopped();
      Cancel(id);
      patience.interrupted = nullptr;
      patience.deadline = Clock::now() + patience_.grace;
    } else {
      given_up_ = id;
      if (!is_final) return given_up;
      return Status::Lost(Stopped().message() + "; it is not known whether the call took effect");
    }
  }
}

void Channel::Cancel(uint32_t id) {
  OutgoingFrame cancel(static_cast<uint8_t>(wire::Op::kCancel));
  wire::Put(&cancel.bytes, uint64_t{id});
  (void)TryNotify(std::move(cancel));
}

bool Channel::TryNotify(OutgoingFrame message) {
  if (is_broken_ || !message.Finish(kNoRequest, wire::kMaxRequestBytes).ok()) return false;
  const Status sent = socket_.TrySend(message.bytes);
  if (sent.code() == StatusCode::kLost) (void)Broken();
  return sent.ok();
}

Result<Answer> Channel::Decode(const Frame& frame) {
  Answer answer;
  std::string_view in = frame.body;
  Status status;
  if (!wire::TakeAnswer(&in, &answer.lease, &answer.head, &status)) return Broken();
  SV_RETURN_IF_ERROR(status);
  answer.fields = in;
  return answer;
}

bool Channel::IsFree() {
  while (given_up_ != kNoRequest && !is_broken_) {
    Frame frame;
    const Result<bool> received = reader_.TryNext(&frame);
    if (received.status().code() == StatusCode::kBusy) return false;
    const bool is_answer = frame.type == static_cast<uint8_t>(wire::Op::kAnswer);
    if (!received.ok() || !*received || frame.id != given_up_) {
      (void)Broken();
    } else if (is_answer) {
      given_up_ = kNoRequest;
    }
  }
  return !is_broken_;
}

}  // namespace streamview
