// Processes that share a log and little else: in other namespaces, as containers are, of other
// users, at paths of any length; and what becomes of them where somebody moves the directory, or
// puts other things into it.

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "tests/ext/testing/files.h"
#include "tests/ext/testing/fixture.h"
#include "tests/ext/testing/ordinary_user.h"
#include "tests/ext/testing/other_process.h"

namespace streamview::testing {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

namespace fs = std::filesystem;

const std::string kAppendAnother =
    R"(INSERT INTO events(key, value) VALUES ('dog', '{"tags":["pet","dog"],"location":"y"}'))";
const std::string kTags = "SELECT key, doc_id FROM view_tags";

bool MayMount() {
  if (::geteuid() != 0) return false;
  const pid_t child = ::fork();
  if (child == 0) ::_exit(::unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET) == 0 ? 0 : 1);
  int status = 0;
  return ::waitpid(child, &status, 0) == child && status == 0;
}

void MustSucceed(int result, const char* what) {
  if (result != 0) throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}

// As in a container that has the directory `args[0]` as `args[1]`, and not under its own name; runs
// on the database `args[2]` in it. `args[3]`: "proc", or "no-proc" where there is no /proc.
int RunApart(const std::vector<std::string>& args) {
  MustSucceed(::unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET), "unshare");
  MustSucceed(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "mount /");
  MustSucceed(::mount(args[0].c_str(), args[1].c_str(), nullptr, MS_BIND, nullptr), "mount --bind");
  MustSucceed(::mount("none", args[0].c_str(), "tmpfs", 0, nullptr), "mount tmpfs");
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const char* const type = args[3] == "proc" ? "proc" : "tmpfs";
    MustSucceed(::mount("none", "/proc", type, 0, nullptr), "mount /proc");
    return RunSqlLines(args[2]);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
const ChildProgram kRunApart("run-apart", RunApart);

int RunAsOrdinary(const std::vector<std::string>& args) {
  BecomeOrdinary();
  return RunSqlLines(args[0]);
}
const ChildProgram kRunAsOrdinary("run-as-ordinary", RunAsOrdinary);

void Permit(const std::string& path, int mode) {
  fs::permissions(path, static_cast<fs::perms>(mode));
}

// The database is in a directory of its own, which others may have under another name.
class SeparationTest : public ::testing::Test {
 protected:
  SeparationTest() {
    fs::create_directory(home_);
    Permit(dir_.path(), 0777);
    Permit(home_, 0777);
    db_ = Connect();
    db_->Run("CREATE VIRTUAL TABLE events USING sv_log");
    db_->Run("CREATE VIRTUAL TABLE view_tags USING sv_view(log = events, map = (" + kTagsMap +
             "))");
    db_->Run("CREATE TABLE plain(x)");
    db_->Append("events", "cat", R"({"tags":["cat"]})");
  }

  std::unique_ptr<Database> Connect() {
    auto db = std::make_unique<Database>(path_);
    db->Run("PRAGMA busy_timeout = 5000");
    return db;
  }
  // A process in a container, where the database is `name` in `directory`.
  std::unique_ptr<OtherProcess> InContainer(const std::string& directory, const std::string& name,
                                            const std::string& proc = "proc") {
    fs::create_directory(directory);
    auto other = std::make_unique<OtherProcess>(
        "run-apart", std::vector<std::string>{home_, directory, directory + "/" + name, proc});
    other->Run("PRAGMA busy_timeout = 5000");
    return other;
  }

  TempDir dir_;
  const std::string home_ = dir_ / "home";
  const std::string path_ = home_ + "/app.db";
  const std::string log_dir_ = path_ + "-events";
  std::unique_ptr<Database> db_;
};

// --- containers

class ContainerTest : public SeparationTest {
 protected:
  void SetUp() override {
    if (!MayMount()) GTEST_SKIP() << "only root may make namespaces here";
  }
};

TEST_F(ContainerTest, AProcessWithThePathOfItsOwnUsesTheLog) {
  const auto other = InContainer(dir_ / "volume", "app.db");
  EXPECT_THAT(other->Query(kTags), ElementsAre("'cat'|'cat'"));
  other->Run("BEGIN");
  other->Run(kAppendAnother);
  other->Run("INSERT INTO plain VALUES (1)");
  other->Run("COMMIT");
  db_->Run("SELECT sv_consistency('latest')");
  EXPECT_THAT(db_->Query(kTags), ElementsAre("'cat'|'cat'", "'dog'|'dog'", "'pet'|'dog'"));
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM plain"), 1);
  EXPECT_EQ(db_->Integer("SELECT clients FROM sv_status WHERE kind = 'log'"), 1);
}

TEST_F(ContainerTest, EachTakesOverFromTheOther) {
  const auto other = InContainer(dir_ / "volume", "app.db");
  EXPECT_EQ(other->Integer("SELECT count(*) FROM events"), 1);
  db_->Close();
  other->Run(kAppendAnother);
  db_ = Connect();
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM view_tags"), 3);
  EXPECT_EQ(db_->Integer("SELECT clients FROM sv_status WHERE kind = 'log'"), 1);
  db_->Run("BEGIN");
  db_->Run(kAppendAnother);
  db_->Run("INSERT INTO plain VALUES (1)");
  other->Kill();
  db_->Run("COMMIT");
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM events"), 3);
  db_->Run("INSERT INTO view_tags(view_tags) VALUES ('integrity-check')");
}

TEST_F(ContainerTest, AClientThatDiesInTheMiddleLeavesNothing) {
  const auto other = InContainer(dir_ / "volume", "app.db");
  other->Run("BEGIN");
  other->Run(kAppendAnother);
  other->Run("INSERT INTO plain VALUES (1)");
  other->Kill();
  db_->Run(kAppendAnother);
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM events"), 2);
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM plain"), 0);
}

// Its process id means nothing here.
TEST_F(ContainerTest, AHolderThatCannotBeReachedIsSaidToBeInAnother) {
  db_->Close();
  const auto other = InContainer(dir_ / "volume", "app.db");
  EXPECT_EQ(other->Integer("SELECT count(*) FROM events"), 1);
  fs::remove(log_dir_ + "/SOCKET");
  db_ = Connect();
  db_->Run("PRAGMA busy_timeout = 0");
  EXPECT_THAT(db_->Try(kTags), Fails(SQLITE_BUSY, AllOf(HasSubstr("of another pid namespace"),
                                                        HasSubstr("SOCKET: No such file"))));
}

TEST_F(ContainerTest, WithoutProcALongPathIsRefusedWithTheReasonAndAShortOneWorks) {
  const auto near = InContainer(dir_ / "volume", "app.db", "no-proc");
  EXPECT_EQ(near->Integer("SELECT count(*) FROM events"), 1);
  const auto far = InContainer(dir_ / std::string(150, 'v'), "app.db", "no-proc");
  far->Run("PRAGMA busy_timeout = 0");
  const auto answer = far->Try("SELECT count(*) FROM events");
  EXPECT_EQ(answer.code, SQLITE_BUSY);
  EXPECT_THAT(answer.message, AllOf(HasSubstr("longer than"), HasSubstr("/proc")));
}

// --- paths

TEST_F(SeparationTest, APathLongerThanTheAddressOfASocketIsNoObstacle) {
  const fs::path directory = fs::path(dir_.path()) / std::string(200, 'a') / std::string(150, 'b');
  fs::create_directories(directory);
  const std::string path = directory / "app.db";
  Database db(path);
  db.Run("CREATE VIRTUAL TABLE events USING sv_log");
  OtherProcess other(path);
  other.Run("INSERT INTO events(value) VALUES (1)");
  EXPECT_EQ(db.Integer("SELECT clients FROM sv_status WHERE kind = 'log'"), 1);
  db.Close();
  other.Run("INSERT INTO events(value) VALUES (1)");
  EXPECT_EQ(other.Integer("SELECT count(*) FROM events"), 2);
}

// --- users

class UsersTest : public SeparationTest {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can be another user";
  }
  // What a process of an ordinary user needs of SQLite: to write to the database.
  std::unique_ptr<OtherProcess> AsOrdinary() {
    Permit(path_, 0666);
    return std::make_unique<OtherProcess>("run-as-ordinary", std::vector<std::string>{path_});
  }
  // Of the log's directory and its files.
  void PermitLog(int directory_mode, int file_mode) {
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(log_dir_)) {
      Permit(entry.path(), entry.is_directory() ? directory_mode : file_mode);
    }
    Permit(log_dir_, directory_mode);
  }
};

TEST_F(UsersTest, WhoMayWriteToTheDirectoryUsesTheLogThatAnotherUserHolds) {
  db_->Close();
  PermitLog(0777, 0644);
  db_ = Connect();
  db_->Run(kAppendAnother);  // this process holds it
  const auto other = AsOrdinary();
  other->Run("BEGIN");
  other->Run(kAppendAnother);
  other->Run("INSERT INTO plain VALUES (1)");
  other->Run("COMMIT");
  EXPECT_EQ(other->Integer("SELECT count(*) FROM view_tags"), 3);
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM events"), 3);
  // A backup is made by the holder, which may do more.
  EXPECT_THAT(other->Try("SELECT sv_backup('events', '/var/streamview-backup')").message,
              HasSubstr("is of another user"));
  db_->Close();
  other->Run(kAppendAnother);
  EXPECT_EQ(other->Integer("SELECT count(*) FROM events"), 4);
  EXPECT_EQ(other->Query("SELECT last_error FROM sv_status WHERE kind = 'log'").at(0), "NULL");
}

TEST_F(UsersTest, RootUsesTheLogThatAnOrdinaryUserHolds) {
  db_->Close();
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(home_)) {
    ASSERT_EQ(::lchown(entry.path().c_str(), 65534, 65534), 0);
  }
  const auto other = AsOrdinary();
  other->Run(kAppendAnother);
  db_ = Connect();
  db_->Run(kAppendAnother);
  EXPECT_EQ(db_->Integer("SELECT clients FROM sv_status WHERE kind = 'log'"), 1);
  other->Kill();
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM events"), 3);
  db_->Run(kAppendAnother);
}

TEST_F(UsersTest, WhoMayOnlyReadIsToldToWaitOrToBePermitted) {
  db_->Run(kAppendAnother);
  PermitLog(0755, 0644);
  db_->Close();
  db_ = Connect();
  db_->Run(kAppendAnother);  // it makes the socket anew
  const auto other = AsOrdinary();
  other->Run("PRAGMA busy_timeout = 0");
  const auto refused = other->Try("SELECT count(*) FROM events");
  EXPECT_EQ(refused.code, SQLITE_BUSY);
  EXPECT_THAT(refused.message,
              AllOf(HasSubstr("is held by process " + std::to_string(::getpid())),
                    HasSubstr("those who may write to the directory"), HasSubstr("Permission")));
  EXPECT_EQ(other->Integer("SELECT count(*) FROM plain"), 0);
  db_->Close();
  EXPECT_EQ(other->Integer("SELECT count(*) FROM events"), 3);
}

// --- a directory that is moved, or deleted

TEST_F(SeparationTest, AHolderWhoseDirectoryWasMovedSaysSoUntilItIsBack) {
  OtherProcess client(path_);
  EXPECT_EQ(client.Integer("SELECT count(*) FROM events"), 1);
  const std::string moved = home_ + "/moved";
  fs::rename(log_dir_, moved);
  OtherProcess late(path_);
  EXPECT_THAT(late.Try(kTags).message, HasSubstr("directory is missing: " + log_dir_));
  // What needs no file made goes on.
  client.Run(kAppendAnother);
  EXPECT_THAT(db_->Try("INSERT INTO events(events) VALUES ('flush')"),
              Fails(AnyOf(SQLITE_IOERR, SQLITE_CANTOPEN), HasSubstr("deleted or moved")));
  EXPECT_THAT(client.Try("INSERT INTO view_tags(view_tags) VALUES ('flush')").message,
              HasSubstr("deleted or moved"));
  fs::rename(moved, log_dir_);
  client.Run(kAppendAnother);
  db_->Run("INSERT INTO events(events) VALUES ('flush')");
  EXPECT_EQ(late.Integer("SELECT count(*) FROM events"), 3);
  db_->Run("INSERT INTO events(events) VALUES ('integrity-check')");
}

TEST_F(SeparationTest, WhereTheDirectoryIsDeletedEveryoneIsToldAndTheTablesCanBeDropped) {
  OtherProcess client(path_);
  EXPECT_EQ(client.Integer("SELECT count(*) FROM events"), 1);
  RemoveLive(log_dir_);
  OtherProcess late(path_);
  const auto missing = late.Try(kTags);
  EXPECT_EQ(missing.code, SQLITE_CANTOPEN);
  EXPECT_THAT(missing.message, HasSubstr("directory is missing: " + log_dir_));
  EXPECT_THAT(db_->Try("INSERT INTO events(events) VALUES ('flush')"),
              Fails(AnyOf(SQLITE_IOERR, SQLITE_CANTOPEN), HasSubstr("deleted or moved")));
  client.Run("INSERT INTO plain VALUES (1)");
  db_->Close();
  EXPECT_EQ(client.Try(kTags).code, SQLITE_CANTOPEN);
  client.Run("DROP TABLE view_tags");
  client.Run("DROP TABLE events");
  EXPECT_FALSE(fs::exists(log_dir_));
}

// --- the socket

TEST_F(SeparationTest, ASocketThatADeadProcessHasLeftIsReplaced) {
  db_->Close();
  {
    OtherProcess holder(path_);
    EXPECT_EQ(holder.Integer("SELECT count(*) FROM events"), 1);
    holder.Kill();
  }
  ASSERT_TRUE(fs::is_socket(log_dir_ + "/SOCKET"));
  db_ = Connect();
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM events"), 1);
  OtherProcess client(path_);
  client.Run(kAppendAnother);
  EXPECT_EQ(db_->Integer("SELECT clients FROM sv_status WHERE kind = 'log'"), 1);
}

TEST_F(SeparationTest, AFileInThePlaceOfTheSocketIsReplacedAndALinkIsRefused) {
  db_->Close();
  std::ofstream(log_dir_ + "/SOCKET") << "no socket";
  db_ = Connect();
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM events"), 1);
  EXPECT_TRUE(fs::is_socket(log_dir_ + "/SOCKET"));
  // Of somebody who connects elsewhere by it.
  fs::remove(log_dir_ + "/SOCKET");
  fs::create_symlink(dir_ / "elsewhere", log_dir_ + "/SOCKET");
  OtherProcess client(path_);
  const auto refused = client.Try(kTags);
  EXPECT_EQ(refused.code, SQLITE_CANTOPEN);
  EXPECT_THAT(refused.message, HasSubstr("it holds \"SOCKET\", which is no plain file"));
  db_->Close();
  db_ = Connect();
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM events"), 1);
}

// In a directory where each may only delete what is his own.
TEST_F(UsersTest, WhereTheSocketOfAnotherUserCannotBeReplacedOthersAreToldWhyTheyCannotUseTheLog) {
  db_->Close();
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(log_dir_)) {
    ASSERT_EQ(::lchown(entry.path().c_str(), 65534, 65534), 0);
  }
  Permit(log_dir_, 01777);
  std::ofstream(log_dir_ + "/SOCKET") << "of root";
  const auto holder = AsOrdinary();
  EXPECT_EQ(holder->Integer("SELECT count(*) FROM events"), 1);
  db_ = Connect();
  db_->Run("PRAGMA busy_timeout = 0");
  EXPECT_THAT(db_->Try(kTags), Fails(SQLITE_BUSY, HasSubstr("SOCKET: Connection refused")));
  holder->Close();
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM events"), 1);
}

}  // namespace
}  // namespace streamview::testing
