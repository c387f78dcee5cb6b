#include "core/remote/client.h"

#include <algorithm>
#include <utility>

#include "core/base/without_failing.h"
#include "core/version.h"

namespace streamview {

namespace {

// How many connections are kept open while nobody needs them.
constexpr size_t kIdleConnections = 8;

bool IsRead(const OutgoingFrame& request) {
  switch (static_cast<wire::Op>(request.type())) {
    case wire::Op::kReadDocs:
    case wire::Op::kFindVersion:
    case wire::Op::kScanHistory:
    case wire::Op::kReadView:
      return true;
    default:
      return false;
  }
}

OutgoingFrame ReleaseMessage(const std::vector<uint64_t>& leases) {
  OutgoingFrame message(static_cast<uint8_t>(wire::Op::kRelease));
  wire::Put(&message.bytes, leases);
  return message;
}

}  // namespace

Status Client::NotUnderstood() {
  return Status::Lost("the process that holds the log gave an answer that is not understood");
}

// With its last connection a session has ended, in the holder, too.
Status Client::Ended() {
  return Status::Lost("the connection to the process that holds the log was lost");
}

Result<std::unique_ptr<Client>> Client::Open(ClientOptions options, const WaitOptions& wait) {
  std::unique_ptr<Client> client(new Client(std::move(options)));
  SV_ASSIGN_OR_RETURN(std::unique_ptr<Channel> first, client->Connect(wait));
  client->holder_ = first->holder();
  MutexLock lock(client->mutex_);
  client->connections_ = 1;
  client->idle_.reserve(kIdleConnections);
  client->idle_.push_back(std::move(first));
  return client;
}

Client::~Client() {
  if (!process_.InForkedChild()) return;
  // Another thread may have had the lock as the process was forked. The sockets are closed.
  for (std::unique_ptr<Channel>& channel : idle_) (void)channel.release();
}

Result<std::unique_ptr<Channel>> Client::Connect(const WaitOptions& wait) {
  SV_ASSIGN_OR_RETURN(Socket socket, options_.connect(wait));
  wire::Hello hello;
  hello.library = Version();
  hello.host = options_.host;
  hello.session = holder_.session;
  hello.log_id = options_.log_id;
  return Channel::Open(std::move(socket), hello, options_.patience, wait);
}

std::unique_ptr<Channel> Client::TakeIdle() {
  for (size_t i = idle_.size(); i-- > 0;) {
    const bool is_free = idle_[i]->IsFree();
    if (!is_free && !idle_[i]->is_broken()) continue;
    std::unique_ptr<Channel> channel = std::move(idle_[i]);
    idle_.erase(idle_.begin() + static_cast<std::ptrdiff_t>(i));
    if (is_free) return channel;
    Forget(std::move(channel));
  }
  return nullptr;
}

void Client::Forget(std::unique_ptr<Channel> channel) {
  channel.reset();
  connections_--;
  changed_.NotifyOne();
}

Result<std::unique_ptr<Channel>> Client::Acquire(const WaitOptions& wait) {
  for (bool waited = false;; waited = true) {
    if (waited) SV_RETURN_IF_ERROR(wait.CheckInterrupted());
    MutexLock lock(mutex_);
    if (std::unique_ptr<Channel> channel = TakeIdle()) return channel;
    if (connections_ == 0) return Ended();
    if (connections_ < options_.max_connections) {
      connections_++;
      break;
    }
    if (wait.Expired()) {
      return Status::Busy("all connections to the process that holds the log are in use");
    }
    changed_.WaitUntil(mutex_, wait.NextPoll());
  }
  Result<std::unique_ptr<Channel>> channel = Connect(wait);
  if (!channel.ok()) {
    MutexLock lock(mutex_);
    Forget(nullptr);
  }
  return channel;
}

void Client::GiveBack(std::unique_ptr<Channel> channel) {
  MutexLock lock(mutex_);
  if (channel->is_broken() || idle_.size() >= kIdleConnections) return Forget(std::move(channel));
  idle_.push_back(std::move(channel));
  changed_.NotifyOne();
}

std::string Client::TakeReleases() {
  MutexLock lock(mutex_);
  if (releases_.empty()) return "";
  OutgoingFrame message = ReleaseMessage(std::exchange(releases_, {}));
  return message.Finish(0, wire::kMaxRequestBytes).ok() ? std::move(message.bytes) : "";
}

Result<Answer> Client::Send(OutgoingFrame request, const WaitOptions& wait) {
  SV_RETURN_IF_ERROR(process_.Check());
  // What has effects would do a part of it later. A read is interrupted as it waits: to ask takes
  // longer than most reads do.
  if (!IsRead(request)) SV_RETURN_IF_ERROR(wait.CheckInterrupted());
  // Whatever happens it is given back.
  const auto give_back = [this](Channel* channel) { GiveBack(std::unique_ptr<Channel>(channel)); };
  Result<std::unique_ptr<Channel>> free = Acquire(wait);
  if (free.status().code() == StatusCode::kLost) is_lost_ = true;
  SV_ASSIGN_OR_RETURN(std::unique_ptr<Channel> acquired, std::move(free));
  const std::unique_ptr<Channel, decltype(give_back)> channel(acquired.release(), give_back);
  Result<Answer> answer = channel->Call(std::move(request), TakeReleases(), wait);
  if (answer.ok()) NoteHead(answer->head);
  if (answer.status().code() == StatusCode::kLost) is_lost_ = true;
  return answer;
}

bool Client::IsLost() {
  if (is_lost_) return true;
  if (process_.InForkedChild()) return false;
  MutexLock lock(mutex_);
  const bool has_ended = connections_ == 0 || (!idle_.empty() && idle_.back()->HasEnded());
  if (has_ended) is_lost_ = true;
  return has_ended;
}

void Client::NoteHead(Seq head) {
  Seq known = known_head();
  while (known < head && !known_head_.compare_exchange_weak(known, head)) {
  }
}

void Client::Release(uint64_t lease) noexcept {
  if (lease == 0 || process_.InForkedChild()) return;
  WithoutFailing([&] {
    std::unique_ptr<Channel> channel;
    std::vector<uint64_t> leases;
    {
      MutexLock lock(mutex_);
      releases_.push_back(lease);
      channel = TakeIdle();
      if (channel == nullptr) return;
      leases.swap(releases_);
    }
    const bool sent = channel->TryNotify(ReleaseMessage(leases));
    GiveBack(std::move(channel));
    if (sent) return;
    MutexLock lock(mutex_);
    releases_.insert(releases_.end(), leases.begin(), leases.end());
  });
}

void Client::ReleaseLater(uint64_t lease) noexcept {
  if (lease == 0 || process_.InForkedChild()) return;
  WithoutFailing([&] {
    MutexLock lock(mutex_);
    releases_.push_back(lease);
  });
}

}  // namespace streamview
