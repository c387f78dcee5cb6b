#include "core/remote/listener.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "core/base/descriptor.h"
#include "core/base/errno_text.h"
#include "core/base/signals.h"
#include "core/base/without_failing.h"

namespace streamview {

namespace {

constexpr int kBacklog = 128;
// Where no descriptor is left for a connection, from one attempt to the next.
constexpr int kPauseMs = 100;

std::string DirectoryOf(const std::string& path) { return path.substr(0, path.rfind('/')); }

// The address of a socket. A path that is too long goes by way of a descriptor of
// the directory, which lives as long as this object.
class Address {
 public:
  explicit Address(std::string path) {
    if (path.size() >= sizeof address_.sun_path) {
      directory_ = OpenDescriptor(DirectoryOf(path), O_PATH | O_DIRECTORY);
      path = "/proc/self/fd/" + std::to_string(directory_) + path.substr(path.rfind('/'));
    }
    address_.sun_family = AF_UNIX;
    std::memcpy(address_.sun_path, path.c_str(), path.size() + 1);
  }
  ~Address() {
    if (directory_ >= 0) ::close(directory_);
  }
  Address(const Address&) = delete;
  Address& operator=(const Address&) = delete;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address_); }
  static constexpr socklen_t size() { return sizeof(sockaddr_un); }
  // Why a call with it failed: the reason that errno has, unless it is that there is no such way.
  std::string WhyNot() const {
    const std::string why = ErrnoText();
    if (directory_ < 0 || ::access("/proc/self/fd", F_OK) == 0) return why;
    return "the path is longer than the address of a socket, and /proc is not mounted: mount it, "
           "or choose a shorter path";
  }

 private:
  int directory_ = -1;
  sockaddr_un address_ = {};
};

Socket NewSocket() {
  int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return Socket();
  if (fd <= STDERR_FILENO) {
    const int higher = ::fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    ::close(fd);
    if (higher < 0) return Socket();
    fd = higher;
  }
  return Socket(fd);
}

Status CannotListen(const std::string& path, const std::string& why) {
  return Status::CannotOpen("other processes cannot use the log: " + path + ": " + why);
}

// Whoever may write to the directory may connect, which is to write to the socket.
bool GiveAccess(const std::string& path) {
  struct stat status;
  if (::stat(DirectoryOf(path).c_str(), &status) != 0) return false;
  if (::geteuid() == 0 && ::lchown(path.c_str(), status.st_uid, status.st_gid) != 0) return false;
  const mode_t write = status.st_mode & (S_IWUSR | S_IWGRP | S_IWOTH);
  return ::chmod(path.c_str(), write | write << 1) == 0;
}

}  // namespace

Listener::Listener(std::string path, Socket socket, std::function<void(Socket)> serve)
    : path_(std::move(path)), socket_(std::move(socket)), serve_(std::move(serve)) {}

Result<std::unique_ptr<Listener>> Listener::New(const std::string& path,
                                                std::function<void(Socket)> serve) {
  const Address address(path);
  Socket socket = NewSocket();
  if (!socket) return CannotListen(path, ErrnoText());
  socket.SetPollIntervals(std::chrono::milliseconds(0), std::chrono::milliseconds(0));
  ::unlink(path.c_str());
  // Nobody may connect before it is said who may: on Linux the descriptor's mode is the file's.
  if (::fchmod(socket.fd(), 0) != 0 || ::bind(socket.fd(), address.get(), Address::size()) != 0) {
    return CannotListen(path, address.WhyNot());
  }
  std::unique_ptr<Listener> listener(new Listener(path, std::move(socket), std::move(serve)));
  if (::listen(listener->socket_.fd(), kBacklog) != 0 || !GiveAccess(path)) {
    return CannotListen(path, ErrnoText());
  }
  try {
    const BlockSignals block;
    listener->thread_ = std::thread([listener = listener.get()] { listener->Run(); });
  } catch (const std::system_error&) {
    return Status(StatusCode::kNoMemory, "no thread can be started to serve the log");
  }
  return listener;
}

Listener::~Listener() {
  ::unlink(path_.c_str());
  socket_.Shutdown();
  if (thread_.joinable()) thread_.join();
}

void Listener::Run() {
  for (;;) {
    const int fd = ::accept4(socket_.fd(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) {
      WithoutFailing([&] { serve_(Socket(fd)); });
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      ::poll(nullptr, 0, kPauseMs);
    } else if (errno != EINTR && errno != ECONNABORTED) {
      return;  // shut down
    }
  }
}

Result<Socket> ConnectToHolder(const std::string& path, const WaitOptions& wait) {
  const Address address(path);
  Socket socket = NewSocket();
  const std::string what = "connecting to " + path + ": ";
  if (!socket) return Status::IOError(what + ErrnoText());
  // A full queue of the listener is waited for in steps.
  while (::connect(socket.fd(), address.get(), Address::size()) != 0) {
    if (errno == EAGAIN || errno == EINTR) {
      SV_RETURN_IF_ERROR(wait.CheckInterrupted());
      if (wait.Expired()) return Status::TimedOut();
    } else if (errno == EACCES || errno == EPERM) {
      return Status(StatusCode::kReadOnly, what + ErrnoText());
    } else {
      return Status::Busy(what + address.WhyNot());
    }
  }
  return socket;
}

}  // namespace streamview
