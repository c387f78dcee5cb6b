#include "core/remote/socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>

#include "core/base/errno_text.h"
#include "core/base/private_fds.h"

namespace streamview {

namespace {

struct timeval ToTimeval(std::chrono::milliseconds time) {
  struct timeval value = {};
  value.tv_sec = time.count() / 1000;
  value.tv_usec = static_cast<suseconds_t>(time.count() % 1000 * 1000);
  return value;
}

Status Lost() { return Status::Lost("the connection was lost: " + ErrnoText()); }

// Why a call returned no bytes. OK: make it again.
Status CheckCall(const WaitOptions& wait) {
  if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) return Lost();
  SV_RETURN_IF_ERROR(wait.CheckInterrupted());
  return wait.Expired() ? Status::TimedOut() : Status::Ok();
}

}  // namespace

Socket::Socket(int fd) : fd_(fd) {
  AddPrivateFd(fd_);
  SetPollIntervals(WaitOptions::kPollInterval, WaitOptions::kPollInterval);
}

Socket& Socket::operator=(Socket&& other) noexcept {
  if (this != &other) {
    Close();
    fd_ = std::exchange(other.fd_, -1);
    process_ = other.process_;
  }
  return *this;
}

Result<std::pair<Socket, Socket>> Socket::NewPair() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
    return Status::IOError("no connection can be made: " + ErrnoText());
  }
  return std::pair(Socket(fds[0]), Socket(fds[1]));
}

Result<Peer> Socket::GetPeer() const {
  struct ucred credentials = {};
  socklen_t size = sizeof credentials;
  if (::getsockopt(fd_, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return Lost();
  return Peer{credentials.pid, credentials.uid};
}

void Socket::SetPollIntervals(std::chrono::milliseconds receive, std::chrono::milliseconds send) {
  const struct timeval receive_time = ToTimeval(receive), send_time = ToTimeval(send);
  (void)::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &receive_time, sizeof receive_time);
  (void)::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &send_time, sizeof send_time);
}

Result<size_t> Socket::Receive(char* data, size_t size, const WaitOptions& wait) {
  for (;;) {
    const ssize_t received = ::recv(fd_, data, size, 0);
    if (received >= 0) return static_cast<size_t>(received);
    SV_RETURN_IF_ERROR(CheckCall(wait));
  }
}

Result<size_t> Socket::TryReceive(char* data, size_t size) {
  for (;;) {
    const ssize_t received = ::recv(fd_, data, size, MSG_DONTWAIT);
    if (received >= 0) return static_cast<size_t>(received);
    if (errno == EAGAIN || errno == EWOULDBLOCK) return Status::Busy("nothing has come yet");
    if (errno != EINTR) return Lost();
  }
}

Status Socket::Send(std::string_view bytes, const WaitOptions& wait) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<size_t>(sent));
    } else {
      SV_RETURN_IF_ERROR(CheckCall(wait));
    }
  }
  return Status::Ok();
}

Status Socket::TrySend(std::string_view bytes) {
  for (;;) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent == static_cast<ssize_t>(bytes.size())) return Status::Ok();
    if (sent >= 0) return Status::Lost("a message was sent in part");
    if (errno == EAGAIN || errno == EWOULDBLOCK) return Status::Busy("the other end does not read");
    if (errno != EINTR) return Lost();
  }
}

bool Socket::HasEnded() const {
  struct pollfd poll = {fd_, POLLRDHUP, 0};
  return ::poll(&poll, 1, 0) == 1;
}

void Socket::Shutdown() {
  if (fd_ >= 0) (void)::shutdown(fd_, SHUT_RDWR);
}

void Socket::Close() {
  // Of a forked child the descriptor is closed already, and its number may be another's.
  if (fd_ < 0 || process_.InForkedChild()) return;
  Shutdown();
  ClosePrivateFd(std::exchange(fd_, -1));
}

}  // namespace streamview
