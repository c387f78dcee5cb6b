// A disk that takes no more, as a connection sees it: the limit of the size of files stands in for
// it. What is left of the data is for tests/core/fault_test.cc to show.

#include <signal.h>
#include <sys/resource.h>

#include "tests/ext/testing/fixture.h"

namespace streamview::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// While it lives, no file grows.
class FullDisk {
 public:
  FullDisk() {
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit none = {0, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &none);
  }
  ~FullDisk() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_ = {};
};

using FullDiskTest = DatabaseTest;

TEST_F(FullDiskTest, AppendsFailReadsGoOnAndTheStatusTellsUntilTheDiskTakesThemAgain) {
  CreateLogAndView();
  Append("a", R"({"tags":["x"]})");
  Append("b", R"({"tags":["y"]})");
  const std::string status = "SELECT state, last_error FROM sv_status WHERE kind = 'log'";
  const std::string rows = "SELECT key, doc_id FROM view_tags";
  {
    const FullDisk full;
    for (int i = 0; i < 3; ++i) {
      EXPECT_THAT(db_->Try("INSERT INTO events(key, value) VALUES ('c', '{}')"),
                  Fails(SQLITE_IOERR, HasSubstr("too large")));
      EXPECT_THAT(db_->Query(status), ElementsAre(HasSubstr("'failed'|'")));
      EXPECT_THAT(db_->Query("SELECT key FROM events"), ElementsAre("'a'", "'b'"));
    }
  }
  Append("d", R"({"tags":["z"]})");
  EXPECT_THAT(db_->Query(status), ElementsAre("'live'|NULL"));
  EXPECT_THAT(db_->Query(rows), ElementsAre("'x'|'a'", "'y'|'b'", "'z'|'d'"));
  db_->Run("INSERT INTO events(events) VALUES ('integrity-check')");
  db_->Run("INSERT INTO view_tags(view_tags) VALUES ('integrity-check')");
}

}  // namespace
}  // namespace streamview::testing
