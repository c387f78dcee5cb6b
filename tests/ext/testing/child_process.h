// ChildProcess: another process that runs a part of this test program.
//
// The part is a function under a name, registered beside the test that needs it:
//
//   int Ingest(const std::vector<std::string>& args) { ... }
//   const ChildProgram kIngest("ingest", Ingest);
//
// The child is a new process image (spawn, never a bare fork), so it inherits no threads and no
// locks. It talks to the test over its standard input and output, line by line.

#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace streamview::testing {

class ChildProgram {
 public:
  using Function = int (*)(const std::vector<std::string>& args);
  ChildProgram(const std::string& name, Function function);
};

// Runs the child program that the command line asks for, if it asks for one; returns its exit code.
// main() calls it first.
std::optional<int> RunChildProgram(int argc, char** argv);

// What a child says is taken apart by lines: other white space instead of their ends.
std::string InOneLine(std::string text);

class ChildProcess {
 public:
  ChildProcess(const std::string& program, const std::vector<std::string>& args);
  // Kills the process where it still runs.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  // The next line that the child has printed, without its newline. No value at the end of its
  // output; a last line that has no newline is not given.
  std::optional<std::string> ReadLine();
  // Waits until ReadLine has something to read, or the child's output ends. False: `time` has
  // passed.
  bool AwaitOutput(std::chrono::milliseconds time);
  // To the child's standard input. Errors are thrown.
  void WriteLine(const std::string& line);
  // Ends the child's standard input.
  void CloseInput();
  // kill -9.
  void Kill();
  // SIGSTOP; returns once all its threads have stopped. And SIGCONT.
  void Stop();
  void Continue();
  // The exit code, or minus the signal that ended the process.
  int Wait();

 private:
  pid_t pid_ = -1;
  bool waited_ = false;
  int input_ = -1;   // we write
  int output_ = -1;  // we read
  std::string unread_;
};

}  // namespace streamview::testing
