#include "tests/ext/testing/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <stdexcept>
#include <system_error>

extern char** environ;

namespace streamview::testing {
namespace {

constexpr char kFlag[] = "--child=";

std::map<std::string, ChildProgram::Function>& Programs() {
  static auto* programs = new std::map<std::string, ChildProgram::Function>();
  return *programs;
}

void Check(int error, const char* what) {
  if (error != 0) throw std::system_error(error, std::generic_category(), what);
}

// A pipe whose ends no other child inherits.
void MakePipe(int fds[2]) { Check(pipe2(fds, O_CLOEXEC) == 0 ? 0 : errno, "pipe2"); }

}  // namespace

ChildProgram::ChildProgram(const std::string& name, Function function) {
  Programs()[name] = function;
}

std::optional<int> RunChildProgram(int argc, char** argv) {
  if (argc < 2 || std::strncmp(argv[1], kFlag, std::strlen(kFlag)) != 0) return std::nullopt;
  const auto program = Programs().find(argv[1] + std::strlen(kFlag));
  if (program == Programs().end()) {
    std::fprintf(stderr, "no such child program: %s\n", argv[1]);
    return 2;
  }
  try {
    return program->second(std::vector<std::string>(argv + 2, argv + argc));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "child: %s\n", e.what());
    return 1;
  }
}

std::string InOneLine(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

ChildProcess::ChildProcess(const std::string& program, const std::vector<std::string>& args) {
  std::vector<std::string> words = {"ext_tests", kFlag + program};
  words.insert(words.end(), args.begin(), args.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  int input[2];
  int output[2];
  MakePipe(input);
  MakePipe(output);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
  const int error = posix_spawn(&pid_, "/proc/self/exe", &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(input[0]);
  close(output[1]);
  input_ = input[1];
  output_ = output[0];
  Check(error, "posix_spawn");
}

ChildProcess::~ChildProcess() {
  if (!waited_) {
    Kill();
    Wait();
  }
  CloseInput();
  close(output_);
}

std::optional<std::string> ChildProcess::ReadLine() {
  while (true) {
    const size_t end = unread_.find('\n');
    if (end != std::string::npos) {
      const std::string line = unread_.substr(0, end);
      unread_.erase(0, end + 1);
      return line;
    }
    char buffer[4096];
    const ssize_t size = read(output_, buffer, sizeof(buffer));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return std::nullopt;
    unread_.append(buffer, size);
  }
}

bool ChildProcess::AwaitOutput(std::chrono::milliseconds time) {
  pollfd output = {output_, POLLIN, 0};
  return !unread_.empty() || poll(&output, 1, static_cast<int>(time.count())) > 0;
}

void ChildProcess::WriteLine(const std::string& line) {
  const std::string bytes = line + '\n';
  for (size_t sent = 0; sent < bytes.size();) {
    const ssize_t size = write(input_, bytes.data() + sent, bytes.size() - sent);
    if (size < 0 && errno != EINTR) {
      throw std::system_error(errno, std::generic_category(), "write to a child process");
    }
    if (size > 0) sent += static_cast<size_t>(size);
  }
}

void ChildProcess::CloseInput() {
  if (input_ >= 0) close(input_);
  input_ = -1;
}

void ChildProcess::Kill() { kill(pid_, SIGKILL); }

void ChildProcess::Stop() {
  kill(pid_, SIGSTOP);
  while (waitpid(pid_, nullptr, WUNTRACED) < 0 && errno == EINTR) {
  }
}

void ChildProcess::Continue() { kill(pid_, SIGCONT); }

int ChildProcess::Wait() {
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0) {
    if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "waitpid");
  }
  waited_ = true;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace streamview::testing
