// The guard of a log directory, and the two locks that keep out others: HOLDER and RocksDB's LOCK.

#include "core/storage/directory_lock.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

#include "tests/core/engine_test_util.h"

namespace streamview::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class DirectoryLockTest : public EngineTest {
 protected:
  std::string root() const { return EngineTest::root(); }
  std::string HolderPath() const { return root() + "/" + kHolderName; }
  std::string HolderText() const {
    std::ifstream file(HolderPath());
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  std::unique_ptr<DirectoryLock> Take() { return Must(DirectoryLock::Take(root())); }
};

// Runs `part` in a forked child; returns its result, or less than 0 where it has not ended by that.
int InChild(const std::function<int()>& part) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(30);
    ::_exit(part());
  }
  int status = 0;
  if (::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

// A forked child that does nothing until it is killed.
class IdleChild {
 public:
  IdleChild() : pid_(::fork()) {
    if (pid_ != 0) return;
    for (;;) ::pause();
  }
  ~IdleChild() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  IdleChild(const IdleChild&) = delete;
  IdleChild& operator=(const IdleChild&) = delete;

 private:
  const pid_t pid_;
};

TEST_F(DirectoryLockTest, TheFileNamesTheProcessThatHasIt) {
  EXPECT_EQ(ReadHolder(root()), 0);
  auto lock = Take();
  EXPECT_EQ(ReadHolder(root()), ::getpid());
  EXPECT_THAT(HolderText(), StartsWith(std::to_string(::getpid()) + "\npid:["));
  lock.reset();
  EXPECT_EQ(ReadHolder(root()), 0);
  EXPECT_EQ(HolderText(), "");
}

TEST_F(DirectoryLockTest, ASecondOneInTheProcessIsRefusedWithTheReason) {
  auto lock = Take();
  const Status status = DirectoryLock::Take(root()).status();
  EXPECT_EQ(status.code(), StatusCode::kBusy);
  EXPECT_THAT(status.message(),
              HasSubstr("is already open in this process, by another copy of the library"));
  lock.reset();
  EXPECT_OK(DirectoryLock::Take(root()).status());
}

TEST_F(DirectoryLockTest, AnotherProcessIsToldWhoHasIt) {
  const auto lock = Take();
  const std::string expected = "held by process " + std::to_string(::getpid());
  EXPECT_EQ(InChild([&] {
              const Status status = DirectoryLock::Take(root()).status();
              return status.code() == StatusCode::kBusy &&
                             status.message().find(expected) != std::string::npos
                         ? 0
                         : 1;
            }),
            0);
}

TEST_F(DirectoryLockTest, AProcessThatEndsLeavesNothingBehind) {
  ASSERT_EQ(InChild([&] {
              (void)DirectoryLock::Take(root())->release();
              return 0;
            }),
            0);
  EXPECT_EQ(ReadHolder(root()), 0);
  Take();
}

TEST_F(DirectoryLockTest, AnIdleForkedChildDoesNotKeepIt) {
  auto lock = Take();
  const IdleChild child;
  lock.reset();
  EXPECT_EQ(ReadHolder(root()), 0);
  Take();
}

// The child of a process that is killed has the open file still, if it has not let go of it.
TEST_F(DirectoryLockTest, AnIdleForkedChildOfAKilledProcessDoesNotKeepIt) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t holder = ::fork();
  if (holder == 0) {
    (void)DirectoryLock::Take(root())->release();
    if (::fork() == 0) {
      const pid_t idle = ::getpid();  // which has let go of the file by now
      (void)!::write(ready[1], &idle, sizeof(idle));
    }
    for (;;) ::pause();
  }
  pid_t idle = 0;
  ASSERT_EQ(::read(ready[0], &idle, sizeof(idle)), ssize_t(sizeof(idle)));
  EXPECT_EQ(ReadHolder(root()), holder);
  ::kill(holder, SIGKILL);
  ASSERT_EQ(::waitpid(holder, nullptr, 0), holder);
  EXPECT_EQ(ReadHolder(root()), 0);
  Take();
  ::kill(idle, SIGKILL);
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_F(DirectoryLockTest, AForkedChildDoesNotBreakItsParentsLock) {
  auto lock = Take();
  ASSERT_EQ(InChild([&] {
              lock.reset();
              return 0;
            }),
            0);
  EXPECT_EQ(ReadHolder(root()), ::getpid());
  EXPECT_EQ(DirectoryLock::Take(root()).status().code(), StatusCode::kBusy);
}

TEST_F(DirectoryLockTest, AFileWithAnotherNameIsNotWrittenTo) {
  const std::string other = root() + "/precious";
  std::ofstream(other) << "precious";
  ASSERT_EQ(::link(other.c_str(), HolderPath().c_str()), 0);
  const auto lock = Take();
  EXPECT_EQ(ReadHolder(root()), ::getpid());
  std::string text;
  std::ifstream(other) >> text;
  EXPECT_EQ(text, "precious");
}

TEST_F(DirectoryLockTest, ALinkIsNotFollowed) {
  const std::string other = root() + "/precious";
  std::ofstream(other) << "precious";
  ASSERT_EQ(::symlink(other.c_str(), HolderPath().c_str()), 0);
  const Status status = DirectoryLock::Take(root()).status();
  EXPECT_EQ(status.code(), StatusCode::kCannotOpen);
}

TEST_F(DirectoryLockTest, ADirectoryThatIsMissingCannotBeHeld) {
  const Status status = DirectoryLock::Take(root() + "/missing").status();
  EXPECT_EQ(status.code(), StatusCode::kCannotOpen);
  EXPECT_THAT(status.message(), HasSubstr("No such file or directory"));
}

// Whoever waits for one that removes the directory must not end up with a lock on a file that is
// gone.
TEST_F(DirectoryLockTest, ARemovedFileLocksNothing) {
  auto lock = Take();
  lock->RemoveFile();
  const auto next = Take();
  lock.reset();
  EXPECT_EQ(ReadHolder(root()), ::getpid());
  EXPECT_EQ(DirectoryLock::Take(root()).status().code(), StatusCode::kBusy);
}

}  // namespace
}  // namespace streamview::testing
