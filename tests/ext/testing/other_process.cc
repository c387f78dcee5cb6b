#include "tests/ext/testing/other_process.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <iostream>
#include <stdexcept>

#include "tests/ext/testing/crash_point.h"

namespace streamview::testing {

namespace {

// What the test asks for that is no SQL. It is answered with the same line.
constexpr char kCrashAt[] = ".crash ";
constexpr char kRefuseCommits[] = ".refuse";

bool RunCommand(Database& db, const std::string& line) {
  if (line.starts_with(kCrashAt)) {
    ArmCrash(line.substr(std::strlen(kCrashAt)));
  } else if (line == kRefuseCommits) {
    sqlite3_commit_hook(
        db.handle(), [](void*) { return 1; }, nullptr);
  } else {
    return false;
  }
  return true;
}

int RunLines(const std::vector<std::string>& args) {
  InstallCrashPoints();
  return RunSqlLines(args[0]);
}
const ChildProgram kRunLines("run_lines", RunLines);

}  // namespace

// The answer is the code, the number of rows, and the message; then the rows.
int RunSqlLines(const std::string& database) {
  Database db(database);
  std::cout << "ready" << std::endl;
  for (std::string sql; std::getline(std::cin, sql);) {
    if (RunCommand(db, sql)) {
      std::cout << sql << std::endl;
      continue;
    }
    const Outcome outcome = db.Try(sql);
    std::cout << outcome.code << ' ' << outcome.rows.size() << ' ' << InOneLine(outcome.message)
              << '\n';
    for (const Row& row : outcome.rows) std::cout << InOneLine(ToLine(row)) << '\n';
    std::cout << std::flush;
  }
  db.Close();
  return 0;
}

OtherProcess::OtherProcess(const std::string& database) : OtherProcess("run_lines", {database}) {}

OtherProcess::OtherProcess(const std::string& program, const std::vector<std::string>& args)
    : process_(program, args) {
  if (process_.ReadLine() != "ready") throw std::runtime_error("the other process did not start");
}

void OtherProcess::Send(const std::string& sql) { process_.WriteLine(InOneLine(sql)); }

OtherProcess::Answer OtherProcess::Receive() {
  const auto line = process_.ReadLine();
  if (!line) throw std::runtime_error("the other process has ended");
  Answer answer;
  size_t end = 0;
  answer.code = std::stoi(*line, &end);
  size_t digits = 0;
  size_t rows = std::stoul(line->substr(end + 1), &digits);
  answer.message = line->substr(std::min(line->size(), end + 1 + digits + 1));
  for (; rows > 0; --rows) answer.rows.push_back(process_.ReadLine().value());
  return answer;
}

OtherProcess::Answer OtherProcess::Try(const std::string& sql) {
  Send(sql);
  return Receive();
}

Lines OtherProcess::Query(const std::string& sql) {
  const Answer answer = Try(sql);
  if (answer.code != SQLITE_OK) {
    throw std::runtime_error("in the other process: " + answer.message + " (" +
                             std::to_string(answer.code) + "): " + sql);
  }
  return answer.rows;
}

void OtherProcess::Run(const std::string& sql) { (void)Query(sql); }

int64_t OtherProcess::Integer(const std::string& sql) { return std::stoll(Query(sql).at(0)); }

void OtherProcess::Command(const std::string& line) {
  process_.WriteLine(line);
  if (process_.ReadLine() != line) throw std::runtime_error("the other process has ended");
}

void OtherProcess::CrashAt(const std::string& step) { Command(kCrashAt + step); }

bool OtherProcess::Dies() {
  constexpr std::chrono::seconds kLongestWait{20};
  if (!process_.AwaitOutput(kLongestWait) || process_.ReadLine()) return false;
  return process_.Wait() == -SIGKILL;
}

void OtherProcess::RefuseCommits() { Command(kRefuseCommits); }

void OtherProcess::Close() {
  process_.CloseInput();
  if (const int code = process_.Wait(); code != 0) {
    throw std::runtime_error("the other process ended with " + std::to_string(code));
  }
}

void OtherProcess::Kill() {
  process_.Kill();
  process_.Wait();
}

void OtherProcess::Stop() { process_.Stop(); }

void OtherProcess::Continue() { process_.Continue(); }

}  // namespace streamview::testing
