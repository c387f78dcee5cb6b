#include "tests/ext/testing/crash_point.h"

#include <dlfcn.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>
#include <climits>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/remote/wire.h"
#include "tests/ext/testing/sent_requests.h"

namespace streamview::testing {
namespace {

using wire::Op;

std::atomic<bool> armed = false;
std::string armed_step;  // constant while `armed`
std::atomic<int> passes_left = 0;

void Die() {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

void Pass(std::string_view when, std::string_view what) {
  if (!armed.load(std::memory_order_acquire)) return;
  const std::string_view step = armed_step;
  const bool is_it = step.size() == when.size() + 1 + what.size() && step.starts_with(when) &&
                     step.ends_with(what);
  if (is_it && --passes_left == 0) Die();
}

// Does `call` as the step `what`; an empty one is none.
template <typename Call>
auto Step(const std::string& what, const Call& call) {
  if (!what.empty()) Pass("before", what);
  const auto result = call();
  if (!what.empty()) Pass("after", what);
  return result;
}

// --- messages between the processes

// The last request that went over a descriptor.
std::array<std::atomic<uint8_t>, 4096> requests;

const char* NameOf(uint8_t request) {
  switch (static_cast<Op>(request)) {
    case Op::kTakeTurn:
      return "take turn";
    case Op::kPrepare:
      return "prepare";
    case Op::kCommit:
      return "commit";
    case Op::kRollback:
      return "rollback";
    default:
      return "";
  }
}

// What the messages in `bytes` are for who sends them (`ours`) or gets them; empty: nothing that
// has a name. Several come together only where the first ones have no answer.
std::string DescribeMessages(int fd, std::string_view bytes, bool ours) {
  std::string what;
  constexpr size_t kHeader = 9;
  while (bytes.size() >= kHeader) {
    size_t length = 0;
    for (int i = 0; i < 4; ++i) length = length << 8 | static_cast<uint8_t>(bytes[i]);
    const auto type = static_cast<uint8_t>(bytes[4]);
    const bool is_answer = type == static_cast<uint8_t>(Op::kAnswer);
    auto& request = requests[static_cast<size_t>(fd) % requests.size()];
    if (!is_answer) request = type;
    if (const std::string name = NameOf(request); name.empty()) {
      what.clear();
    } else if (is_answer) {
      what = (ours ? "answer " : "get answer ") + name;
    } else {
      what = (ours ? "send " : "get ") + name;
    }
    bytes.remove_prefix(std::min(bytes.size(), 4 + length));
  }
  return what;
}

template <typename Function>
Function* Next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

// "write log" where the descriptor is of a write-ahead log of the log.
std::string DescribeFile(int fd, const char* verb) {
  if (!armed.load(std::memory_order_acquire)) return "";
  char path[PATH_MAX];
  const ssize_t size = readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), path, sizeof path);
  if (size <= 0) return "";
  const std::string_view name(path, static_cast<size_t>(size));
  const bool is_log = name.ends_with(".log") && name.find("/derived/") == std::string_view::npos;
  return is_log ? std::string(verb) + " log" : "";
}

// --- SQLite's files

enum Kind { kDatabase, kJournal, kWal, kKinds };
constexpr const char* kKindNames[] = {"database", "journal", "wal"};

sqlite3_vfs* real_vfs;
sqlite3_vfs vfs;
// What SQLite's own functions are for a kind of file, and the same with ours in between.
std::array<sqlite3_io_methods, kKinds> real_methods;
std::array<sqlite3_io_methods, kKinds> methods;

// How far the thread is with the last frame of a transaction.
enum class CommitFrame { kNone, kHeader, kWritten };
thread_local CommitFrame commit_frame = CommitFrame::kNone;

template <Kind kind>
int Write(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
  const auto write = [&] { return real_methods[kind].xWrite(file, data, size, offset); };
  const auto* bytes = static_cast<const uint8_t*>(data);
  constexpr int kFrameHeader = 24, kWalHeader = 32;
  // How many pages the database has, in the header of a transaction's last frame; else 0.
  const bool is_header = kind == kWal && size == kFrameHeader && offset >= kWalHeader;
  const bool is_commit = is_header && (bytes[4] | bytes[5] | bytes[6] | bytes[7]) != 0;
  if (is_commit) {
    Pass("before", "write commit frame");
    commit_frame = CommitFrame::kHeader;
  } else if (kind == kWal && commit_frame == CommitFrame::kHeader) {
    commit_frame = CommitFrame::kWritten;
    const int code = Step("write commit page", write);
    Pass("after", "write commit frame");
    return code;
  }
  return Step(std::string("write ") + kKindNames[kind], write);
}

template <Kind kind>
int Sync(sqlite3_file* file, int flags) {
  const bool is_commit = kind == kWal && commit_frame == CommitFrame::kWritten;
  return Step(is_commit ? "sync commit frame" : std::string("sync ") + kKindNames[kind],
              [&] { return real_methods[kind].xSync(file, flags); });
}

template <Kind kind>
int ShmLock(sqlite3_file* file, int offset, int n, int flags) {
  constexpr int kWriteLock = 0;
  const bool ends_write =
      offset == kWriteLock && n == 1 && flags == (SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE);
  if (ends_write) commit_frame = CommitFrame::kNone;
  return Step(ends_write ? "unlock wal" : "",
              [&] { return real_methods[kind].xShmLock(file, offset, n, flags); });
}

template <Kind kind>
void Wrap(sqlite3_file* file) {
  // They are the same for all files of a kind.
  static const bool wrapped = [&] {
    real_methods[kind] = methods[kind] = *file->pMethods;
    methods[kind].xWrite = Write<kind>;
    methods[kind].xSync = Sync<kind>;
    if (methods[kind].iVersion > 1) methods[kind].xShmLock = ShmLock<kind>;
    return true;
  }();
  if (wrapped) file->pMethods = &methods[kind];
}

int Open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  const auto open = [&] { return real_vfs->xOpen(real_vfs, name, file, flags, out_flags); };
  const int code = Step((flags & SQLITE_OPEN_MAIN_DB) != 0 ? "open database" : "", open);
  if (code != SQLITE_OK || file->pMethods == nullptr) return code;
  if ((flags & SQLITE_OPEN_MAIN_DB) != 0) Wrap<kDatabase>(file);
  if ((flags & SQLITE_OPEN_MAIN_JOURNAL) != 0) Wrap<kJournal>(file);
  if ((flags & SQLITE_OPEN_WAL) != 0) Wrap<kWal>(file);
  return code;
}

int Delete(sqlite3_vfs*, const char* name, int sync_dir) {
  return Step(std::string_view(name).ends_with("-journal") ? "remove journal" : "",
              [&] { return real_vfs->xDelete(real_vfs, name, sync_dir); });
}

}  // namespace

void InstallCrashPoints() {
  if (real_vfs != nullptr) return;
  real_vfs = sqlite3_vfs_find(nullptr);
  vfs = *real_vfs;
  vfs.zName = "crash-points";
  vfs.pNext = nullptr;
  vfs.xOpen = Open;
  vfs.xDelete = Delete;
  sqlite3_vfs_register(&vfs, /*makeDflt=*/1);
}

void ArmCrash(const std::string& step) {
  size_t end = step.size();
  while (std::isdigit(static_cast<unsigned char>(step[end - 1])) != 0) --end;
  passes_left = end < step.size() ? std::stoi(step.substr(end)) : 1;
  armed_step = end < step.size() ? step.substr(0, end - 1) : step;
  armed.store(true, std::memory_order_release);
}

}  // namespace streamview::testing

// --- calls of the system, on their way from any library of the process

using streamview::testing::DescribeFile;
using streamview::testing::DescribeMessages;
using streamview::testing::Next;
using streamview::testing::Pass;
using streamview::testing::Step;

#pragma GCC visibility push(default)
extern "C" {

ssize_t send(int fd, const void* data, size_t size, int flags) {
  static auto* const next = Next<ssize_t(int, const void*, size_t, int)>("send");
  const std::string_view bytes(static_cast<const char*>(data), size);
  return Step(DescribeMessages(fd, bytes, /*ours=*/true), [&] {
    const ssize_t sent = next(fd, data, size, flags);
    if (sent == static_cast<ssize_t>(size)) streamview::testing::CountRequests(bytes);
    return sent;
  });
}

ssize_t recv(int fd, void* data, size_t size, int flags) {
  static auto* const next = Next<ssize_t(int, void*, size_t, int)>("recv");
  const ssize_t got = next(fd, data, size, flags);
  if (got > 0) {
    const std::string_view bytes(static_cast<const char*>(data), static_cast<size_t>(got));
    const std::string what = DescribeMessages(fd, bytes, /*ours=*/false);
    if (!what.empty()) Pass("after", what);
  }
  return got;
}

ssize_t write(int fd, const void* data, size_t size) {
  static auto* const next = Next<ssize_t(int, const void*, size_t)>("write");
  return Step(DescribeFile(fd, "write"), [&] { return next(fd, data, size); });
}

int fdatasync(int fd) {
  static auto* const next = Next<int(int)>("fdatasync");
  return Step(DescribeFile(fd, "sync"), [&] { return next(fd); });
}

}  // extern "C"
#pragma GCC visibility pop
