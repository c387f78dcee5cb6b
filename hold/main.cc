// streamview-hold: keeps the logs of databases open, for processes that come and go.

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hold/held_database.h"

namespace streamview::hold {

namespace {

constexpr char kUsage[] =
    R"(usage: streamview-hold [--extension <path>] <database>...

Keeps the logs of SQLite databases open until it is stopped (SIGTERM, SIGINT), so that processes that
come and go find them open: they use the logs by way of this one, and neither open nor close them.
Where another process holds a log already, this one holds it as soon as that one lets go of it. Logs that
are created or dropped later are noticed. It uses no CPU while nothing happens.

Each database must exist, and this process must be allowed to write to it. What becomes of each log is
said on stderr. With Type=notify systemd learns when all logs are open, or were tried.

  --extension <path>  the library of streamview; default: beside this program, or where it is installed
  --help, --version

Exit status: 0 when it was stopped; 1 when a database cannot be opened, or is moved or deleted; 2 when
it is called in another way than this.
)";

// Between two looks at the databases. What is written meanwhile is looked at together.
constexpr int kPauseMs = 50;

enum ExitCode { kStopped = 0, kFailed = 1, kUsageError = 2 };

struct Arguments {
  std::string extension;
  std::vector<std::string> databases;
};

// In the build directory it is beside this program, installed in the directory of libraries.
std::optional<std::string> FindExtension() {
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return std::nullopt;
  for (const char* directory : {".", STREAMVIEW_LIBDIR}) {
    const std::filesystem::path path = program.parent_path() / directory / "streamview.so";
    if (std::filesystem::exists(path, error)) return path.lexically_normal();
  }
  return std::nullopt;
}

// What it waits for at the end. They are blocked, so that they come to the descriptor only.
int NewSignalDescriptor() {
  sigset_t ending;
  sigemptyset(&ending);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&ending, signal);
  ::pthread_sigmask(SIG_BLOCK, &ending, nullptr);
  return ::signalfd(-1, &ending, SFD_CLOEXEC | SFD_NONBLOCK);
}

// sd_notify(3). It is no error if nobody listens.
void TellSystemd(std::string_view message) {
  const char* const path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address = {};
  if (path == nullptr || std::strlen(path) >= sizeof address.sun_path) return;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path, std::strlen(path));
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  (void)::sendto(fd, message.data(), message.size(), MSG_NOSIGNAL,
                 reinterpret_cast<const sockaddr*>(&address),
                 static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(path)));
  ::close(fd);
}

using Databases = std::vector<std::unique_ptr<HeldDatabase>>;

// Milliseconds until the first database needs another look; -1 if none does.
int TimeToNextLook(const Databases& databases) {
  std::optional<HeldDatabase::Clock::time_point> next;
  for (const auto& database : databases) {
    const auto look = database->next_look();
    if (look && (!next || *look < *next)) next = look;
  }
  if (!next) return -1;
  const auto time =
      std::chrono::ceil<std::chrono::milliseconds>(*next - HeldDatabase::Clock::now());
  return static_cast<int>(std::max<int64_t>(0, time.count()));
}

int Fail(const std::string& database, const Status& why) {
  std::fprintf(stderr, "streamview-hold: %s: %s\n", database.c_str(), why.message().c_str());
  return kFailed;
}

int Run(const Arguments& arguments) {
  std::vector<pollfd> fds = {{NewSignalDescriptor(), POLLIN, 0}};
  Databases databases;
  for (const std::string& path : arguments.databases) {
    Result<std::unique_ptr<HeldDatabase>> database = HeldDatabase::Open(path, arguments.extension);
    if (!database.ok()) return Fail(path, database.status());
    fds.push_back({(*database)->fd(), POLLIN, 0});
    databases.push_back(*std::move(database));
  }
  TellSystemd("READY=1");
  for (;;) {
    (void)::poll(fds.data(), fds.size(), TimeToNextLook(databases));
    if (fds.front().revents != 0) break;
    for (size_t i = 0; i < databases.size(); i++) {
      const Status looked = databases[i]->Look();
      if (!looked.ok()) return Fail(arguments.databases[i], looked);
    }
    if (::poll(fds.data(), 1, kPauseMs) != 0) break;
  }
  TellSystemd("STOPPING=1");
  return kStopped;
}

int Main(int argc, char** argv) {
  Arguments arguments;
  bool options_end = false;
  for (int i = 1; i < argc; i++) {
    const std::string_view argument = argv[i];
    if (options_end || !argument.starts_with('-')) {
      arguments.databases.emplace_back(argument);
    } else if (argument == "--") {
      options_end = true;
    } else if (argument == "--help" || argument == "-h") {
      return std::fputs(kUsage, stdout) < 0 ? kFailed : kStopped;
    } else if (argument == "--version") {
      return std::puts("streamview-hold " STREAMVIEW_VERSION) < 0 ? kFailed : kStopped;
    } else if (argument == "--extension" && i + 1 < argc) {
      arguments.extension = argv[++i];
    } else {
      std::fprintf(stderr, "streamview-hold: what is %s?\n\n%s", argv[i], kUsage);
      return kUsageError;
    }
  }
  if (arguments.databases.empty()) {
    std::fprintf(stderr, "streamview-hold: which database?\n\n%s", kUsage);
    return kUsageError;
  }
  if (arguments.extension.empty()) {
    const std::optional<std::string> found = FindExtension();
    if (!found) {
      std::fputs("streamview-hold: streamview.so is not beside it: --extension says where it is\n",
                 stderr);
      return kFailed;
    }
    arguments.extension = *found;
  }
  return Run(arguments);
}

}  // namespace

}  // namespace streamview::hold

int main(int argc, char** argv) { return streamview::hold::Main(argc, argv); }
