// OtherProcess: another process with a connection to a database, which does what it is told.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/ext/testing/child_process.h"
#include "tests/ext/testing/database.h"

namespace streamview::testing {

// What such a process does: runs each line of its input as SQL on the database, and answers.
int RunSqlLines(const std::string& database);

class OtherProcess {
 public:
  explicit OtherProcess(const std::string& database);
  // By another child program, which calls RunSqlLines in the end.
  OtherProcess(const std::string& program, const std::vector<std::string>& args);

  // As those of Database, but that rows come as lines. Each sends and receives.
  struct Answer {
    int code = SQLITE_OK;
    std::string message;
    Lines rows;
  };
  Answer Try(const std::string& sql);
  void Run(const std::string& sql);
  Lines Query(const std::string& sql);
  int64_t Integer(const std::string& sql);

  // Try in two halves, so that others can do something meanwhile.
  void Send(const std::string& sql);
  Answer Receive();

  // From now on it dies at this step (tests/ext/testing/crash_point.h).
  void CrashAt(const std::string& step);
  // Whether it dies of SIGKILL by itself. Waits for its end, an answer, or 20 seconds.
  bool Dies();
  // Has COMMIT refused from now on, by a commit hook.
  void RefuseCommits();

  // Closes its connection, and ends.
  void Close();
  void Kill();      // -9
  void Stop();      // SIGSTOP
  void Continue();  // SIGCONT
  pid_t pid() const { return process_.pid(); }

 private:
  void Command(const std::string& line);

  ChildProcess process_;
};

}  // namespace streamview::testing
