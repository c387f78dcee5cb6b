// Living in a host's process: its standard descriptors, signals, forks, limits, and other
// libraries.

#include <dlfcn.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>

#include "tests/ext/testing/child_process.h"
#include "tests/ext/testing/files.h"
#include "tests/ext/testing/fixture.h"
#include "tests/ext/testing/ordinary_user.h"

namespace streamview::testing {
namespace {

using ::testing::_;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

namespace fs = std::filesystem;

// A log with views enough that all threads are at work, used until each has something to do.
void UseAll(Database& db) {
  for (int i = 0; i < 20; i++) db.Append("events", i, R"({"tags":["cat"]})");
  db.Run("SELECT sv_wait(sv_head()); SELECT count(*) FROM view_tags");
  db.Run("INSERT INTO events(events) VALUES ('flush')");
  db.Run("INSERT INTO view_tags(view_tags) VALUES ('optimize')");
}

// Whether a standard descriptor is a file in the directory.
bool StandardDescriptorIsIn(const std::string& directory) {
  for (int fd = 0; fd <= 2; fd++) {
    std::error_code error;
    const std::string target = fs::read_symlink("/proc/self/fd/" + std::to_string(fd), error);
    if (target.rfind(directory, 0) == 0) return true;
  }
  return false;
}

// Uses the log of args[0], closes the descriptors that args[1] lists, goes on, and writes to them
// in the midst of it, as libraries do that take them for standard error.
int WriteToClosedDescriptors(const std::vector<std::string>& args) {
  ::alarm(120);
  Database db(args[0]);
  db.Run("SELECT count(*) FROM view_tags");
  // Not before: SQLite occupies those that are closed when it opens a file.
  for (const char fd : args[1]) ::close(fd - '0');
  const std::string directory = args[0] + "-events";
  for (int i = 0; i < 5; i++) {
    db.Run("INSERT INTO events(events) VALUES ('flush')");
    db.Append("events", i, R"({"tags":["cat"]})");
    if (StandardDescriptorIsIn(directory)) return 3;
    for (const char fd : args[1]) (void)!::write(fd - '0', "a warning\n", 10);
  }
  db.Run("SELECT sv_wait(sv_head()); INSERT INTO view_tags(view_tags) VALUES ('optimize')");
  db.Run("SELECT sv_backup('events', ?1)", {args[0] + "-copy-events"});
  if (StandardDescriptorIsIn(directory)) return 4;
  ::kill(::getpid(), SIGKILL);
  return 5;
}
const ChildProgram kWriteToClosedDescriptors("write-to-closed", WriteToClosedDescriptors);

class HostProcessTest : public DatabaseTest {
 protected:
  HostProcessTest() { CreateLogAndView(); }
};

TEST_F(HostProcessTest, NoFileIsOnADescriptorBelowThree) {
  db_->Close();
  for (const char* fds : {"2", "012"}) {
    SCOPED_TRACE(fds);
    fs::remove(path_ + "-copy");
    fs::remove_all(path_ + "-copy-events");
    const int64_t before = Connect()->Integer("SELECT count(*) FROM events");
    ChildProcess child("write-to-closed", {path_, fds});
    EXPECT_EQ(child.Wait(), -SIGKILL);
    fs::copy_file(path_, path_ + "-copy");
    for (const std::string& path : {path_, path_ + "-copy"}) {
      Database db(path);
      EXPECT_EQ(db.Integer("SELECT count(*) FROM events"), before + 5);
      db.Run("INSERT INTO events(events) VALUES ('integrity-check')");
    }
  }
}

// Uses the log, blocks SIGTERM, and waits for the signal: as a server does with one thread for
// signals.
int WaitForSignal(const std::vector<std::string>& args) {
  ::alarm(120);
  Database db(args[0]);
  UseAll(db);
  // The threads are there already, and have not inherited this.
  sigset_t term;
  ::sigemptyset(&term);
  ::sigaddset(&term, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &term, nullptr);
  std::cout << "ready" << std::endl;
  int signal = 0;
  if (::sigwait(&term, &signal) != 0 || signal != SIGTERM) return 1;
  db.Close();
  return 0;
}
const ChildProgram kWaitForSignal("wait-for-signal", WaitForSignal);

TEST_F(HostProcessTest, AHostThatWaitsForItsSignalsGetsThem) {
  db_->Close();
  ChildProcess child("wait-for-signal", {path_});
  ASSERT_EQ(child.ReadLine(), "ready");
  ::kill(child.pid(), SIGTERM);
  EXPECT_EQ(child.Wait(), 0);
}

// Of all threads of this process but the calling one: those that take SIGTERM.
std::vector<std::string> ThreadsThatTakeSignals() {
  std::vector<std::string> names;
  for (const fs::directory_entry& task : fs::directory_iterator("/proc/self/task")) {
    if (task.path().filename() == std::to_string(::gettid())) continue;
    std::ifstream status(task.path() / "status");
    std::string line, name;
    while (std::getline(status, line)) {
      if (line.rfind("Name:", 0) == 0) name = line.substr(6);
      if (line.rfind("SigBlk:", 0) != 0) continue;
      const unsigned long long blocked = std::stoull(line.substr(8), nullptr, 16);
      if ((blocked >> (SIGTERM - 1) & 1) == 0) names.push_back(name);
    }
  }
  return names;
}

int ListThreads(const std::vector<std::string>& args) {
  Database db(args[0]);
  UseAll(db);
  int threads = 0;
  for ([[maybe_unused]] const auto& task : fs::directory_iterator("/proc/self/task")) threads++;
  if (threads < 4) return 1;  // the indexer, flushes, compactions
  for (const std::string& name : ThreadsThatTakeSignals()) std::cout << name << std::endl;
  std::cout << "end" << std::endl;
  return 0;
}
const ChildProgram kListThreads("list-threads", ListThreads);

TEST_F(HostProcessTest, NoThreadTakesSignals) {
  db_->Close();
  ChildProcess child("list-threads", {path_});
  EXPECT_EQ(child.ReadLine(), "end");
  EXPECT_EQ(child.Wait(), 0);
}

// --- fork

// Runs `part` in a forked child: 0 where it returns true.
int InForkedChild(const std::function<bool()>& part) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(60);
    bool ok = false;
    try {
      ok = part();
    } catch (const std::exception& e) {
      std::cerr << e.what() << std::endl;
    }
    ::_exit(ok ? 0 : 1);
  }
  int status = 0;
  if (::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

TEST_F(HostProcessTest, AForkedChildCanUseALogThatItsParentHasClosed) {
  UseAll(*db_);
  db_->Close();
  EXPECT_EQ(InForkedChild([this] {
              Database db(path_);
              UseAll(db);
              const bool complete = db.Integer("SELECT count(*) FROM events") == 40 &&
                                    db.Integer("SELECT count(*) FROM view_tags") == 20;
              db.Close();
              return complete;
            }),
            0);
  db_ = Connect();
  UseAll(*db_);
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM events"), 60);
  db_->Run("INSERT INTO events(events) VALUES ('integrity-check')");
}

TEST_F(HostProcessTest, AForkedChildOfAForkedChildCanUseItToo) {
  db_->Close();
  EXPECT_EQ(InForkedChild([this] {
              {
                Database db(path_);
                UseAll(db);
              }
              return InForkedChild([this] {
                       Database db(path_);
                       UseAll(db);
                       return db.Integer("SELECT count(*) FROM events") == 40;
                     }) == 0;
            }),
            0);
}

TEST_F(HostProcessTest, AForkedChildIsRefusedUntilItHasClosedWhatItInherited) {
  UseAll(*db_);
  int to_child[2];
  int to_parent[2];
  ASSERT_EQ(::pipe(to_child), 0);
  ASSERT_EQ(::pipe(to_parent), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(60);
    char byte = 0;
    const std::string read = "SELECT count(*) FROM events";
    if (Database(path_).Try(read).code != SQLITE_MISUSE) ::_exit(1);
    db_->Close();
    // The parent has it still, and serves the child.
    if (Database(path_).Integer(read) != 20) ::_exit(2);
    (void)!::write(to_parent[1], "", 1);
    (void)!::read(to_child[0], &byte, 1);
    Database db(path_);
    UseAll(db);
    ::_exit(db.Integer(read) == 40 ? 0 : 3);
  }
  ::close(to_parent[1]);
  char byte = 0;
  ASSERT_EQ(::read(to_parent[0], &byte, 1), 1) << "the child has ended";
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM events"), 20);
  db_->Close();
  ASSERT_EQ(::write(to_child[1], "", 1), 1);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  db_ = Connect();
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM events"), 40);
  for (const int fd : {to_child[0], to_child[1], to_parent[0]}) ::close(fd);
}

// --- limits

void SetSoftLimit(int resource, rlim_t value) {
  rlimit limit;
  ::getrlimit(static_cast<__rlimit_resource>(resource), &limit);
  limit.rlim_cur = std::min(value, limit.rlim_max);
  if (::setrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0) {
    throw std::runtime_error("setrlimit");
  }
}

const std::string kMakeLog = "CREATE VIRTUAL TABLE events USING sv_log";
const std::string kCount = "SELECT count(*) FROM events";

// args: a database to be made; "used" where the process has had a log open before.
int OpenWithoutThreads(const std::vector<std::string>& args) {
  ::alarm(120);
  std::ofstream(args[0]).flush();
  fs::permissions(args[0], static_cast<fs::perms>(0666));
  Database first(args[0]);  // loads the library, which nobody else may read
  BecomeOrdinary();
  if (args[1] == "used") {
    first.Run(kMakeLog);
    first.Append("events", 1, "{}");
  } else {
    const pid_t other = ::fork();
    if (other == 0) {
      Database db(args[0]);
      db.Run(kMakeLog);
      db.Append("events", 1, "{}");
      db.Close();
      ::_exit(0);
    }
    ::waitpid(other, nullptr, 0);
  }
  first.Close();
  Database db(args[0]);
  SetSoftLimit(RLIMIT_NPROC, 1);
  for (int i = 0; i < 2; i++) {
    const Outcome refused = db.Try(kCount);
    std::cout << refused.code << " " << refused.message << std::endl;
  }
  SetSoftLimit(RLIMIT_NPROC, RLIM_INFINITY);
  std::cout << db.Integer(kCount) << std::endl;
  db.Append("events", 2, "{}");
  db.Run("INSERT INTO events(events) VALUES ('flush')");
  std::cout << db.Integer(kCount) << std::endl;
  db.Close();
  return 0;
}
const ChildProgram kOpenWithoutThreads("open-without-threads", OpenWithoutThreads);

class LimitedProcessTest : public DatabaseTest, public ::testing::WithParamInterface<const char*> {
 protected:
  LimitedProcessTest() { fs::permissions(dir_.path(), fs::perms::all); }
};

TEST_P(LimitedProcessTest, ALogThatHadNoThreadsOpensOnceThereAreSome) {
  db_->Close();
  fs::remove(path_);
  ChildProcess child("open-without-threads", {path_, GetParam()});
  for (int i = 0; i < 2; i++) {
    EXPECT_THAT(child.ReadLine(),
                ::testing::Optional(AllOf(HasSubstr("14 "), HasSubstr("cannot start a thread"))));
  }
  EXPECT_EQ(child.ReadLine(), "1");
  EXPECT_EQ(child.ReadLine(), "2");
  EXPECT_EQ(child.Wait(), 0);
}
INSTANTIATE_TEST_SUITE_P(Processes, LimitedProcessTest, ::testing::Values("used", "fresh"));

// The address space of this process, in bytes.
rlim_t AddressSpace() {
  size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE));
}

// Opens the log of args[0] with args[1] KiB of memory more than there are. Whatever comes of that,
// it opens without the limit.
int OpenWithoutMemory(const std::vector<std::string>& args) {
  ::alarm(120);
  Database db(args[0]);
  SetSoftLimit(RLIMIT_AS, AddressSpace() + std::stoull(args[1]) * 1024);
  const Outcome outcome = db.Try(kCount);
  SetSoftLimit(RLIMIT_AS, RLIM_INFINITY);
  const Outcome lifted = db.Try(kCount);
  if (lifted.code != SQLITE_OK) std::cerr << outcome << lifted << std::endl;
  std::cout << outcome.code << std::endl;
  return lifted.code == SQLITE_OK ? 0 : 1;
}
const ChildProgram kOpenWithoutMemory("open-without-memory", OpenWithoutMemory);

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SV_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SV_SANITIZED 1
#endif
#endif

#ifndef SV_SANITIZED
TEST_F(HostProcessTest, ALogThatHadNoMemoryOpensOnceThereIsSome) {
  db_->Close();
  int refused = 0, opened = 0;
  for (int kib = 0; kib < 128 << 10; kib += 4 << 10) {
    SCOPED_TRACE(kib);
    ChildProcess child("open-without-memory", {path_, std::to_string(kib)});
    const std::optional<std::string> code = child.ReadLine();
    EXPECT_EQ(child.Wait(), 0);
    (code == "0" ? opened : refused)++;
  }
  EXPECT_GE(refused, 3);
  EXPECT_GE(opened, 3);
}
#endif

// --- permissions

// args: the database. Prints what reading the log says to an ordinary user.
int ReadAsOrdinary(const std::vector<std::string>& args) {
  Database db(args[0]);
  BecomeOrdinary();
  const Outcome outcome = db.Try(kCount);
  std::cout << outcome.code << " " << outcome.message << std::endl;
  return 0;
}
const ChildProgram kReadAsOrdinary("read-as-ordinary", ReadAsOrdinary);

TEST_F(HostProcessTest, ADirectoryThatCannotBeReadIsNotBusy) {
  const std::string locked = dir_ / "clock.db";  // a path with "lock" in it says nothing of locks
  Database(locked).Run(kMakeLog);
  fs::permissions(dir_.path(), fs::perms::all);
  fs::permissions(locked, fs::perms::all);
  fs::permissions(locked + "-events", fs::perms::none);
  ChildProcess child("read-as-ordinary", {locked});
  EXPECT_THAT(child.ReadLine(),
              ::testing::Optional(AllOf(HasSubstr("14 "), HasSubstr("Permission denied"))));
  fs::permissions(locked + "-events", fs::perms::owner_all);
}

TEST_F(HostProcessTest, AnErrorOfAFileIsNotTakenForALock) {
  const std::string locked = dir_ / "clock.db";
  Database(locked).Run(kMakeLog);
  fs::remove(locked + "-events/CURRENT");
  fs::create_directory(locked + "-events/CURRENT.tmp");
  fs::remove(locked + "-events/CURRENT.tmp");
  EXPECT_THAT(Database(locked).Try(kCount), Fails(AnyOf(SQLITE_CANTOPEN, SQLITE_CORRUPT), _));
}

// --- the disk

TEST_F(HostProcessTest, AnEmptyLogTakesLessThanAMegabyte) {
  db_->Run("SELECT * FROM events; SELECT sv_wait(0)");
  int64_t bytes = 0;
  for (const fs::directory_entry& file : fs::recursive_directory_iterator(log_dir_)) {
    struct stat status;
    ASSERT_EQ(::stat(file.path().c_str(), &status), 0);
    bytes += int64_t{status.st_blocks} * 512;
  }
  EXPECT_LE(bytes, 1 << 20);
  Append("a", R"({"tags":["cat"]})");
  EXPECT_LE(fs::file_size(path_), 1u << 20);
}

// --- other copies

TEST_F(HostProcessTest, ASecondCopyOfTheLibraryIsRefusedWithTheReason) {
  Append("a", R"({"tags":["cat"]})");
  const std::string copied = dir_ / "copy.so";
  fs::copy_file(STREAMVIEW_SO, copied);
  Database other(path_, Database::Extension::kNone);
  sqlite3_enable_load_extension(other.handle(), 1);
  char* message = nullptr;
  ASSERT_EQ(
      sqlite3_load_extension(other.handle(), copied.c_str(), "sqlite3_streamview_init", &message),
      SQLITE_OK)
      << message;
  const auto refused = Fails(SQLITE_BUSY, HasSubstr("is already open in this process, by another "
                                                    "copy of the library"));
  EXPECT_THAT(other.Try("SELECT * FROM events"), refused);
  EXPECT_THAT(other.Try("INSERT INTO events(value) VALUES (1)"), refused);
  EXPECT_EQ(Append("b", R"({"tags":["cat"]})"), 2);
  db_->Run("INSERT INTO events(events) VALUES ('integrity-check')");
  db_->Close();
  EXPECT_EQ(other.Append("events", "c", R"({"tags":["cat"]})"), 3);
  EXPECT_EQ(other.Integer("SELECT count(*) FROM view_tags"), 3);
  other.Close();
  db_ = Connect();
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM view_tags"), 3);
  db_->Run("INSERT INTO events(events) VALUES ('integrity-check')");
}

#ifndef SV_SANITIZED
TEST_F(HostProcessTest, ASecondSqliteLibraryIsRefusedWithTheReason) {
  Dl_info sqlite;
  ASSERT_NE(::dladdr(reinterpret_cast<void*>(&sqlite3_open), &sqlite), 0);
  const std::string copied = dir_ / "sqlite.so";
  fs::copy_file(sqlite.dli_fname, copied);
  void* const library = ::dlopen(copied.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
  ASSERT_NE(library, nullptr) << ::dlerror();
  const auto function = [library](auto* like, const char* name) {
    return reinterpret_cast<decltype(like)>(::dlsym(library, name));
  };
  sqlite3* other = nullptr;
  ASSERT_EQ(function(&sqlite3_open, "sqlite3_open")(":memory:", &other), SQLITE_OK);
  function(&sqlite3_enable_load_extension, "sqlite3_enable_load_extension")(other, 1);
  char* message = nullptr;
  EXPECT_EQ(function(&sqlite3_load_extension, "sqlite3_load_extension")(
                other, STREAMVIEW_SO, "sqlite3_streamview_init", &message),
            SQLITE_ERROR);
  EXPECT_THAT(std::string(message == nullptr ? "" : message),
              HasSubstr("already in use by another SQLite library"));
  function(&sqlite3_free, "sqlite3_free")(message);
  function(&sqlite3_close, "sqlite3_close")(other);
  ::dlclose(library);
  EXPECT_EQ(Append("a", R"({"tags":["cat"]})"), 1);
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM view_tags"), 1);
}
#endif

// --- directories that are deleted

TEST_F(HostProcessTest, ADirectoryMadeAnewUnderAnOpenConnectionIsToldApart) {
  Append("a", R"({"tags":["cat"]})");
  fs::remove(path_);
  RemoveLive(log_dir_);
  const auto replaced =
      Fails(SQLITE_CANTOPEN, AllOf(HasSubstr("was deleted or moved away while this process has it"),
                                   Not(HasSubstr("copy of the library"))));
  Database fresh(path_);
  EXPECT_THAT(fresh.Try(kMakeLog), replaced);
  db_->Close();
  fresh.Run(kMakeLog);
  EXPECT_EQ(fresh.Append("events", "b", "{}"), 1);
}

int MakeAndHold(const std::vector<std::string>& args) {
  Database db(args[0]);
  db.Run(kMakeLog);
  db.Append("events", "theirs", "{}");
  std::cout << "holding" << std::endl;
  std::cin.get();
  db.Run("INSERT INTO events(events) VALUES ('integrity-check')");
  db.Append("events", "theirs", "{}");
  db.Close();
  return 0;
}
const ChildProgram kMakeAndHold("make-and-hold", MakeAndHold);

// RocksDB goes by paths, and would write into the new directory, and delete files there.
TEST_F(HostProcessTest, AConnectionLeavesADirectoryAloneThatTookThePlaceOfItsOwn) {
  Append("a", R"({"tags":["cat"]})");
  fs::remove(path_);
  RemoveLive(log_dir_);
  ChildProcess other("make-and-hold", {path_});
  ASSERT_EQ(other.ReadLine(), "holding");
  (void)db_->Try("INSERT INTO events(events) VALUES ('flush')");
  (void)db_->Try("INSERT INTO view_tags(view_tags) VALUES ('optimize')");
  db_->Close();
  other.CloseInput();
  EXPECT_EQ(other.Wait(), 0);
  Database db(path_);
  EXPECT_EQ(db.Integer(kCount), 2);
  db.Run("INSERT INTO events(events) VALUES ('integrity-check')");
}

TEST_F(HostProcessTest, TheDirectoryOfADeletedDatabaseSaysSo) {
  Append("a", "{}");
  db_->Close();
  fs::remove(path_);
  db_ = Connect();
  EXPECT_THAT(db_->Try(kMakeLog),
              Fails(SQLITE_CANTOPEN, AllOf(HasSubstr("a database that no longer exists (" + path_),
                                           HasSubstr("delete the directory"))));
  fs::remove_all(log_dir_);
  db_->Run(kMakeLog);
}

}  // namespace
}  // namespace streamview::testing
