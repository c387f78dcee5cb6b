// One engine for each log and process, which its connections share; and what fork() makes of it.
// (Several processes: sharing_test.cc.)

#include <sys/wait.h>
#include <unistd.h>

#include <iostream>

#include "tests/ext/testing/child_process.h"
#include "tests/ext/testing/fixture.h"

namespace streamview::testing {
namespace {

using ::testing::_;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Uses the log of the database `args[0]`, says so, and holds it until its input ends.
int Hold(const std::vector<std::string>& args) {
  Database db(args[0]);
  db.Append("events", "from the holder", R"({"tags":["cat"]})");
  std::cout << "holding" << std::endl;
  std::cin.get();
  db.Close();
  return 0;
}
const ChildProgram kHold("hold", Hold);

class ProcessTest : public DatabaseTest {
 protected:
  ProcessTest() {
    CreateLogAndView();
    db_->Run("CREATE TABLE plain(x); INSERT INTO plain VALUES (1)");
  }
};

TEST_F(ProcessTest, ConnectionsOfOneProcessShareTheLog) {
  const auto other = Connect();
  EXPECT_EQ(other->Integer("SELECT count(*) FROM events"), 0);
  Append("a", R"({"tags":["cat"]})");
  EXPECT_THAT(other->Query("SELECT seq, key FROM events"), ElementsAre("1|'a'"));
  EXPECT_EQ(other->Append("events", "b", R"({"tags":["cat"]})"), 2);
  EXPECT_THAT(db_->Query("SELECT seq, key FROM events"), ElementsAre("1|'a'", "2|'b'"));
  db_->Run("SELECT sv_consistency('latest')");
  EXPECT_THAT(db_->Query("SELECT doc_id FROM view_tags"), ElementsAre("'a'", "'b'"));
}

TEST_F(ProcessTest, ADatabaseOpenedUnderAnotherNameIsTheSameOne) {
  Append("a", R"({"tags":["cat"]})");
  symlink(path_.c_str(), (dir_ / "link.db").c_str());
  Database other(dir_.path() + "/./../" + dir_.path().substr(dir_.path().rfind('/') + 1) +
                 "/app.db");
  EXPECT_EQ(other.Append("events", "b", R"({"tags":["cat"]})"), 2);
  Database linked(dir_ / "link.db");
  EXPECT_EQ(linked.Append("events", "c", R"({"tags":["cat"]})"), 3);
}

TEST_F(ProcessTest, AConnectionThatHasClosedHoldsNothing) {
  Append("a", "{}");
  db_->Close();
  ChildProcess holder("hold", {path_});
  ASSERT_EQ(holder.ReadLine(), "holding");
  holder.CloseInput();
  EXPECT_EQ(holder.Wait(), 0);
  db_ = Connect();
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM events"), 2);
}

// What a forked child makes of the log: 0 where it is refused as misuse, both on the inherited
// connection and on one of its own.
int UseAfterFork(Database& inherited, const std::string& path) {
  alarm(30);  // a child that hangs is a failure
  const std::string use = "SELECT * FROM events";
  if (inherited.Try(use).code != SQLITE_MISUSE) return 1;
  if (inherited.Try("INSERT INTO events(key, value) VALUES ('x', 1)").code != SQLITE_MISUSE)
    return 2;
  if (inherited.Try("SELECT * FROM view_tags").code != SQLITE_MISUSE) return 3;
  Database own(path);
  if (own.Try(use).code == SQLITE_OK) return 4;
  return 0;
}

TEST_F(ProcessTest, AForkedChildIsRefused) {
  Append("a", R"({"tags":["cat"]})");
  db_->Run("SELECT sv_wait(1)");
  const pid_t child = fork();
  if (child == 0) _exit(UseAfterFork(*db_, path_));
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(Append("b", R"({"tags":["cat"]})"), 2);
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM view_tags"), 2);
}

}  // namespace
}  // namespace streamview::testing
