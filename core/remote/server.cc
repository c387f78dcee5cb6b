#include "core/remote/server.h"

#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <new>
#include <system_error>
#include <utility>

#include "core/base/signals.h"
#include "core/remote/served_connection.h"

namespace streamview {

namespace {

// A client's first request is its hello.
constexpr uint32_t kFirstRequest = 1;

void Refuse(Socket& socket, const Status& why) {
  OutgoingFrame answer(static_cast<uint8_t>(wire::Op::kAnswer));
  wire::PutAnswer(&answer.bytes, why);
  if (answer.Finish(kFirstRequest, wire::kMaxAnswerBytes).ok()) (void)socket.TrySend(answer.bytes);
}

}  // namespace

Server::Server(std::shared_ptr<Engine> engine, ServerOptions options)
    : engine_(std::move(engine)), options_(std::move(options)) {}

Result<std::unique_ptr<Server>> Server::New(std::shared_ptr<Engine> engine, ServerOptions options) {
  std::unique_ptr<Server> server(new Server(std::move(engine), std::move(options)));
  try {
    const BlockSignals block;
    server->decisions_ = std::make_unique<Decisions>(server->options_.was_committed);
    server->sessions_ = std::make_unique<Sessions>(server->decisions_.get(), server->options_);
    server->heartbeats_ = std::thread([server = server.get()] { server->SendHeartbeats(); });
  } catch (const std::system_error&) {
    return Status(StatusCode::kNoMemory, "no thread can be started to serve the log");
  }
  return server;
}

Server::~Server() {
  AwaitReaders();
  std::list<std::unique_ptr<ServedConnection>> connections;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
    for (const std::unique_ptr<ServedConnection>& connection : connections_) connection->End();
  }
  if (heartbeats_.joinable()) heartbeats_.join();
  {
    MutexLock lock(mutex_);
    connections.swap(connections_);
  }
  for (const std::unique_ptr<ServedConnection>& connection : connections) connection->thread.join();
}

// A statement in the middle of its rows could not go on elsewhere: others have another snapshot.
void Server::AwaitReaders() {
  if (sessions_ == nullptr) return;  // New() has failed
  constexpr std::chrono::milliseconds kPoll{2};
  const auto deadline = WaitOptions::Clock::now() + options_.linger;
  while (sessions_->AreReading() && WaitOptions::Clock::now() < deadline) {
    std::this_thread::sleep_for(kPoll);
  }
}

Status Server::Serve(Socket socket) {
  SV_RETURN_IF_ERROR(process_.Check());
  const Status room = CheckRoom(socket);
  if (!room.ok()) {
    Refuse(socket, room);
    return room;
  }
  auto connection = std::make_unique<ServedConnection>(
      engine_.get(), options_, sessions_.get(), decisions_.get(), [this] { Wake(); },
      std::move(socket));
  MutexLock lock(mutex_);
  if (stopping_) return Status::Busy("the log is being closed");
  try {
    const BlockSignals block;
    connection->thread = std::thread([c = connection.get()] { c->Run(); });
  } catch (const std::system_error&) {
    return Status(StatusCode::kNoMemory, "no thread can be started to serve a client");
  }
  connections_.push_back(std::move(connection));
  return Status::Ok();
}

Status Server::CheckRoom(const Socket& socket) {
  const std::string holder = "process " + std::to_string(::getpid()) + ", which holds the log, ";
  if (Reap() >= options_.max_connections) return Status::Busy(holder + "has too many clients");
  const Result<Peer> peer = socket.GetPeer();
  if (!peer.ok() || peer->pid == 0) return Status::Ok();
  MutexLock lock(mutex_);
  const auto of_process =
      std::count_if(connections_.begin(), connections_.end(),
                    [&](const auto& connection) { return connection->pid() == peer->pid; });
  if (static_cast<size_t>(of_process) < options_.max_connections_of_process) return Status::Ok();
  return Status::Busy(holder + "has " + std::to_string(of_process) + " connections of process " +
                      std::to_string(peer->pid) + " already");
}

size_t Server::connections() { return Reap(); }

size_t Server::Reap() {
  std::list<std::unique_ptr<ServedConnection>> ended;
  size_t left;
  {
    MutexLock lock(mutex_);
    for (auto it = connections_.begin(); it != connections_.end();) {
      const auto next = std::next(it);
      if ((*it)->has_ended) ended.splice(ended.end(), connections_, it);
      it = next;
    }
    left = connections_.size();
  }
  for (const std::unique_ptr<ServedConnection>& connection : ended) connection->thread.join();
  return left;
}

void Server::Wake() {
  // Mostly it is awake: a request costs no more than this look.
  if (is_awake_ || is_awake_.exchange(true)) return;
  MutexLock lock(mutex_);
  changed_.NotifyAll();
}

// Clients that ask for nothing cost nothing. A connection that says something as this falls asleep
// either finds is_awake_ false, or has set what it says before that is looked at here.
void Server::SendHeartbeats() {
  for (;;) {
    (void)Reap();
    MutexLock lock(mutex_);
    while (!stopping_ && !is_awake_) changed_.Wait(mutex_);
    if (!stopping_) changed_.WaitUntil(mutex_, WaitOptions::Clock::now() + options_.heartbeat);
    if (stopping_) return;
    is_awake_ = false;
    for (const std::unique_ptr<ServedConnection>& connection : connections_) {
      if (connection->SendHeartbeat()) is_awake_ = true;
    }
  }
}

}  // namespace streamview
