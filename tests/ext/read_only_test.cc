// A log whose directory cannot be written, as on a read-only medium or as another user: all of it
// can be read, nothing of it changes, and what would change it is refused with the reason.

#include <signal.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

#include "tests/ext/testing/child_process.h"
#include "tests/ext/testing/fixture.h"
#include "tests/ext/testing/ordinary_user.h"

namespace streamview::testing {
namespace {

using ::testing::_;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;
using ::testing::StartsWith;

namespace fs = std::filesystem;

constexpr char kBlocked[] = "wait";

// args: the database, then statements. Runs them as an ordinary user, and prints for each its rows
// with a space between them, or its code and message. At "wait" it does until its input ends.
int QueryAsOrdinary(const std::vector<std::string>& args) {
  ::alarm(120);
  BecomeOrdinary();
  Database db(args[0]);
  for (size_t i = 1; i < args.size(); i++) {
    if (args[i] == kBlocked) {
      std::cin.ignore(1);
      continue;
    }
    const Outcome outcome = db.Try(args[i]);
    if (outcome.code != SQLITE_OK) std::cout << outcome.code << " " << outcome.message;
    for (const Row& row : outcome.rows) std::cout << ToLine(row) << " ";
    std::cout << std::endl;
  }
  return 0;
}
const ChildProgram kQueryAsOrdinary("query-as-ordinary", QueryAsOrdinary);

// args: the database. Leaves a log behind as a crash does: with a transaction that SQLite has not
// committed, entries in the write-ahead log only, and views that lack them.
int LeaveUnfinished(const std::vector<std::string>& args) {
  Database db(args[0]);
  for (int i = 0; i < 50; i++) db.Append("events", i, R"({"tags":["cat"]})");
  db.Run("INSERT INTO events(key, value) VALUES (1, '{\"tags\":[\"dog\"]}')");
  // SQLite calls it once all virtual tables are prepared.
  sqlite3_commit_hook(
      db.handle(),
      [](void*) {
        ::kill(::getpid(), SIGKILL);
        return 0;
      },
      nullptr);
  db.Run("BEGIN; INSERT INTO t VALUES (1); INSERT INTO events(value) VALUES (2); COMMIT");
  return 1;
}
const ChildProgram kLeaveUnfinished("leave-unfinished", LeaveUnfinished);

class ReadOnlyTest : public DatabaseTest {
 protected:
  ReadOnlyTest() {
    CreateLogAndView();
    db_->Run("CREATE VIRTUAL TABLE docs USING sv_docs(log = events); CREATE TABLE t(x)");
    for (int i = 0; i < 100; i++) Append(i, R"({"tags":["bird"]})");
    db_->Run("SELECT sv_wait(sv_head())");
    db_->Close();
    db_.reset();
    ChildProcess("leave-unfinished", {path_}).Wait();
  }
  ~ReadOnlyTest() override { SetWritable(true); }

  // Of all that there is, by everybody.
  void SetWritable(bool writable) {
    const fs::perms read = fs::perms::owner_read | fs::perms::group_read | fs::perms::others_read;
    const fs::perms write =
        fs::perms::owner_write | fs::perms::group_write | fs::perms::others_write;
    const fs::perms enter = fs::perms::owner_exec | fs::perms::group_exec | fs::perms::others_exec;
    fs::permissions(dir_.path(), read | write | enter);
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(dir_.path())) {
      const bool fixed = !writable && entry.path().string().starts_with(log_dir_);
      fs::permissions(entry.path(), read | (fixed ? fs::perms::none : write) |
                                        (entry.is_directory() ? enter : fs::perms::none));
    }
  }
  // The contents of every file of the log.
  std::map<std::string, std::string> Files() const {
    std::map<std::string, std::string> files;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(log_dir_)) {
      std::ostringstream content;
      if (entry.is_regular_file()) content << std::ifstream(entry.path()).rdbuf();
      files[entry.path()] = content.str();
    }
    return files;
  }
};

constexpr char kCounts[] =
    "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM docs), "
    "(SELECT count(*) FROM view_tags WHERE key = 'cat'), "
    "(SELECT count(*) FROM view_tags WHERE key = 'bird'), "
    "(SELECT count(*) FROM view_tags WHERE key = 'dog')";

TEST_F(ReadOnlyTest, AllCanBeReadAndNothingChanges) {
  SetWritable(false);
  const auto before = Files();
  ChildProcess child(
      "query-as-ordinary",
      {path_, kCounts, "INSERT INTO view_tags(view_tags) VALUES ('integrity-check')",
       "INSERT INTO events(events) VALUES ('integrity-check')",
       "INSERT INTO view_tags(view_tags) VALUES ('rebuild')", kCounts,
       "SELECT count(*) FROM sv_history('events', 1)", "SELECT max(time) > 0 FROM events"});
  EXPECT_THAT(child.ReadLine(), Optional(std::string("151|100|49|50|1 ")));
  for (int i = 0; i < 3; i++) EXPECT_THAT(child.ReadLine(), Optional(std::string()));
  EXPECT_THAT(child.ReadLine(), Optional(std::string("151|100|49|50|1 ")));
  EXPECT_THAT(child.ReadLine(), Optional(std::string("3 ")));
  EXPECT_THAT(child.ReadLine(), Optional(std::string("1 ")));
  EXPECT_EQ(child.Wait(), 0);
  EXPECT_EQ(Files(), before);
}

TEST_F(ReadOnlyTest, WhatWouldChangeItIsRefusedWithTheReason) {
  SetWritable(false);
  const auto refused = Optional(AllOf(StartsWith("8 "), HasSubstr("log directory " + log_dir_ +
                                                                  " cannot be written: Permission "
                                                                  "denied")));
  ChildProcess child(
      "query-as-ordinary",
      {path_, "INSERT INTO events(value) VALUES (1)", "SELECT sv_append('events', 1, 2)",
       "DELETE FROM docs WHERE key = 1",
       "CREATE VIRTUAL TABLE v USING sv_view(log = events, emit = '$.tags[*]')", kCounts});
  for (int i = 0; i < 4; i++) EXPECT_THAT(child.ReadLine(), refused) << i;
  EXPECT_THAT(child.ReadLine(), Optional(std::string("151|100|49|50|1 ")));
}

TEST_F(ReadOnlyTest, WithoutDerivedDataTheyAreMadeInMemory) {
  fs::remove_all(log_dir_ + "/derived");
  fs::remove(log_dir_ + "/HOLDER");
  SetWritable(false);
  ChildProcess child("query-as-ordinary", {path_, kCounts});
  EXPECT_THAT(child.ReadLine(), Optional(std::string("151|100|49|50|1 ")));
  EXPECT_EQ(child.Wait(), 0);
  EXPECT_FALSE(fs::exists(log_dir_ + "/derived"));
}

TEST_F(ReadOnlyTest, WhereOnlyDerivedDataCannotBeWrittenTheLogCan) {
  SetWritable(true);
  for (const fs::directory_entry& entry : fs::directory_iterator(log_dir_ + "/derived")) {
    fs::permissions(entry.path(), static_cast<fs::perms>(0444));
  }
  fs::permissions(log_dir_ + "/derived", static_cast<fs::perms>(0555));
  ChildProcess child("query-as-ordinary",
                     {path_, kCounts, "INSERT INTO events(key, value) VALUES (1000, '{}')", kCounts,
                      "SELECT last_error FROM sv_status WHERE name = 'events'"});
  EXPECT_THAT(child.ReadLine(), Optional(std::string("151|100|49|50|1 ")));
  EXPECT_THAT(child.ReadLine(), Optional(std::string()));
  EXPECT_THAT(child.ReadLine(), Optional(std::string("152|101|49|50|1 ")));
  EXPECT_THAT(child.ReadLine(),
              Optional(AllOf(HasSubstr(log_dir_ + "/derived cannot be written: Permission denied"),
                             HasSubstr("documents and views are kept in memory"))));
  EXPECT_EQ(child.Wait(), 0);
}

TEST_F(ReadOnlyTest, AHolderFileOfAnotherUserIsNamed) {
  SetWritable(true);
  fs::permissions(log_dir_ + "/HOLDER", static_cast<fs::perms>(0444));
  ChildProcess child("query-as-ordinary", {path_, kCounts, "INSERT INTO events(value) VALUES (1)"});
  EXPECT_THAT(child.ReadLine(), Optional(std::string("151|100|49|50|1 ")));
  EXPECT_THAT(child.ReadLine(),
              Optional(AllOf(StartsWith("8 "), HasSubstr("HOLDER: Permission denied"))));
}

TEST_F(ReadOnlyTest, ABackupCanBeMade) {
  SetWritable(false);
  ChildProcess child("query-as-ordinary",
                     {path_, "SELECT sv_backup('events', '" + path_ + "-copy-events')"});
  EXPECT_THAT(child.ReadLine(), Optional(std::string("151 ")));
  EXPECT_EQ(child.Wait(), 0);
  fs::copy_file(path_, path_ + "-copy");
  EXPECT_THAT(Database(path_ + "-copy").Query(kCounts), ElementsAre("151|100|49|50|1"));
}

TEST_F(ReadOnlyTest, AnyNumberReadItAndNobodyWritesMeanwhile) {
  SetWritable(false);
  const std::vector<std::string> args = {path_, kCounts, kBlocked, kCounts};
  ChildProcess one("query-as-ordinary", args), other("query-as-ordinary", args);
  for (ChildProcess* child : {&one, &other}) {
    EXPECT_THAT(child->ReadLine(), Optional(std::string("151|100|49|50|1 ")));
  }
  SetWritable(true);
  EXPECT_THAT(Database(path_).Try("INSERT INTO events(value) VALUES (1)"),
              Fails(SQLITE_BUSY, HasSubstr("is being read by a process that may not write to it")));
  for (ChildProcess* child : {&one, &other}) {
    child->CloseInput();
    EXPECT_THAT(child->ReadLine(), Optional(std::string("151|100|49|50|1 ")));
    EXPECT_EQ(child->Wait(), 0);
  }
  Database db(path_);
  db.Append("events", 1000, "{}");
  EXPECT_THAT(db.Query(kCounts), ElementsAre("152|101|49|50|1"));
  SetWritable(false);
  ChildProcess late("query-as-ordinary", {path_, kCounts});
  EXPECT_THAT(late.ReadLine(),
              Optional(HasSubstr("is held by process " + std::to_string(::getpid()))));
}

}  // namespace
}  // namespace streamview::testing
