#include "core/remote/served_connection.h"

#include <unistd.h>

#include <algorithm>
#include <new>
#include <vector>

#include "core/base/without_failing.h"
#include "core/version.h"

namespace streamview {

namespace {

using wire::Op;

// A client that reads more slowly than this is cut off.
constexpr size_t kLeastBytesPerMillisecond = 1000;

OutgoingFrame NewAnswer(const Status& outcome) {
  OutgoingFrame answer(static_cast<uint8_t>(Op::kAnswer));
  wire::PutAnswer(&answer.bytes, outcome);
  return answer;
}

std::string Protocols(const wire::Hello& hello) {
  return "streamview " + hello.library + ", protocol " + std::to_string(hello.oldest_protocol) +
         (hello.oldest_protocol == hello.newest_protocol
              ? ""
              : " to " + std::to_string(hello.newest_protocol)) +
         (hello.host.empty() ? "" : ", in " + hello.host);
}

}  // namespace

ServedConnection::ServedConnection(Engine* engine, const ServerOptions& options, Sessions* sessions,
                                   Decisions* decisions, std::function<void()> wake, Socket socket)
    : engine_(engine),
      options_(options),
      sessions_(sessions),
      wake_(std::move(wake)),
      socket_(std::move(socket)),
      reader_(&socket_, wire::kMaxRequestBytes),
      service_({engine, decisions, options.max_page_rows, options.max_page_bytes,
                options.max_transaction_bytes, static_cast<bool>(options.was_committed)}) {
  // It waits for requests without end; for a client that does not read, not.
  socket_.SetPollIntervals(std::chrono::milliseconds(0), WaitOptions::kPollInterval);
  if (const Result<Peer> peer = socket_.GetPeer(); peer.ok()) peer_ = *peer;
}

void ServedConnection::Run() noexcept {
  WithoutFailing([this] { Serve(); });
  socket_.Shutdown();
  if (session_ != nullptr) WithoutFailing([this] { sessions_->Leave(session_); });
  has_ended = true;
  wake_();
}

void ServedConnection::Serve() {
  for (Frame frame; !is_over_;) {
    const Result<bool> received = reader_.Next(&frame, WaitOptions());
    if (!received.ok() || !*received || !Take(frame)) return;
  }
}

bool ServedConnection::Take(const Frame& frame) {
  if (session_ == nullptr && frame.type != static_cast<uint8_t>(Op::kHello)) return false;
  switch (frame.type) {
    case static_cast<uint8_t>(Op::kCancel):
      Cancel(frame.body);
      return true;
    case static_cast<uint8_t>(Op::kRelease):
      Release(frame.body);
      return true;
    default:
      return DoRequest(frame) && !is_over_;
  }
}

void ServedConnection::Release(std::string_view body) {
  std::vector<uint64_t> leases;
  if (!wire::TakeWhole(body, &leases)) is_over_ = true;
  for (const uint64_t lease : leases) session_->leases.Release(lease);
}

// It has come too late, if it is no longer being done.
void ServedConnection::Cancel(std::string_view body) {
  uint64_t id;
  if (!wire::TakeWhole(body, &id)) is_over_ = true;
  if (is_over_ || id != last_id_) return;
  is_cancelled_ = true;
  session_->leases.Release(last_lease_);
}

bool ServedConnection::IsCancelled() {
  if (is_cancelled_ || is_over_) return true;
  if (WaitOptions::Clock::now() < next_look_) return false;
  next_look_ = WaitOptions::Clock::now() + WaitOptions::kPollInterval / 2;
  for (Frame frame;;) {
    const Result<bool> received = reader_.TryNext(&frame);
    if (received.status().code() == StatusCode::kBusy) return false;
    if (!received.ok() || !*received) {
      is_over_ = true;
    } else if (session_ != nullptr && frame.type == static_cast<uint8_t>(Op::kCancel)) {
      Cancel(frame.body);
    } else if (session_ != nullptr && frame.type == static_cast<uint8_t>(Op::kRelease)) {
      Release(frame.body);
    } else {
      is_over_ = true;  // it does not wait for the answer
    }
    if (is_cancelled_ || is_over_) return true;
  }
}

void ServedConnection::SetWorkingOn(uint32_t id) {
  MutexLock lock(mutex_);
  working_on_ = id;
}

bool ServedConnection::SendHeartbeat() {
  MutexLock lock(mutex_);
  if (working_on_ != 0 && working_on_ == worked_on_) {
    OutgoingFrame heartbeat(static_cast<uint8_t>(Op::kHeartbeat));
    if (heartbeat.Finish(working_on_, 0).ok() &&
        socket_.TrySend(heartbeat.bytes).code() == StatusCode::kLost) {
      socket_.Shutdown();
    }
  }
  worked_on_ = working_on_;
  return working_on_ != 0;
}

bool ServedConnection::DoRequest(const Frame& frame) {
  const std::string body(frame.body);  // further messages may come meanwhile
  last_id_ = frame.id;
  last_lease_ = 0;
  is_cancelled_ = false;
  next_look_ = WaitOptions::Clock::now() + WaitOptions::kPollInterval / 2;

  OutgoingFrame answer = NewAnswer(Status::Ok());
  Request request;
  request.op = static_cast<Op>(frame.type);
  request.fields = body;
  request.same_user = peer_.uid == ::geteuid();
  request.answer = &answer.bytes;
  SetWorkingOn(frame.id);
  wake_();
  Status outcome;
  try {
    outcome = Do(request);
  } catch (const std::bad_alloc&) {
    outcome = Status::NoMemory();
  }
  SetWorkingOn(0);
  if (session_ != nullptr && (is_cancelled_ || !outcome.ok())) {
    session_->leases.Release(request.lease);
  }
  if (!outcome.ok()) answer = NewAnswer(outcome);
  last_lease_ = request.lease;
  wire::SetAnswer(answer.bytes.data() + kFrameHeaderBytes, outcome.ok() ? request.lease : 0,
                  engine_->Head());
  return SendAnswer(std::move(answer), frame.id) && session_ != nullptr;
}

Status ServedConnection::Do(Request& request) {
  uint64_t time;
  if (!wire::Take(&request.fields, &time)) {
    is_over_ = true;
    return Status::InvalidArgument("the request is not understood");
  }
  request.wait.deadline = wire::DeadlineOf(time);
  request.wait.interrupted = [this] { return IsCancelled(); };
  if (session_ == nullptr) return Hello(request);
  return service_.Do(request, session_->leases);
}

Status ServedConnection::Hello(Request& request) {
  wire::Hello client, own;
  // Later protocols may add to it.
  if (!wire::Take(&request.fields, &client)) return Status::InvalidArgument("it is no client");
  own.library = Version();
  own.host = options_.host;
  if (client.newest_protocol < own.oldest_protocol ||
      own.newest_protocol < client.oldest_protocol) {
    return Status::CannotOpen("process " + std::to_string(::getpid()) + ", which holds the log (" +
                              Protocols(own) + "), and this one (" + Protocols(client) +
                              ") speak no common protocol: use the same version in both");
  }
  own.log_id = engine_->id();
  own.epoch = engine_->epoch();
  if (!client.log_id.empty() && client.log_id != own.log_id) {
    return Status::CannotOpen("process " + std::to_string(::getpid()) + " holds log " + own.log_id +
                              ", and log " + client.log_id + " is expected");
  }
  SV_ASSIGN_OR_RETURN(session_, sessions_->Join(client.session, peer_.pid));
  own.session = session_->id;
  wire::Put(request.answer, own);
  return Status::Ok();
}

bool ServedConnection::SendAnswer(OutgoingFrame answer, uint32_t id) {
  if (!answer.Finish(id, wire::kMaxAnswerBytes).ok()) {
    session_->leases.Release(last_lease_);
    answer =
        NewAnswer(Status(StatusCode::kConstraint, "what was asked for is too large to be sent"));
    if (!answer.Finish(id, wire::kMaxAnswerBytes).ok()) return false;
  }
  WaitOptions wait;
  wait.deadline = WaitOptions::Clock::now() + options_.send_time +
                  std::chrono::milliseconds(answer.bytes.size() / kLeastBytesPerMillisecond);
  return socket_.Send(answer.bytes, wait).ok();
}

}  // namespace streamview
