// A log of a C++ program (core/standalone.h), and one of a database: each stays its owner's until
// it is taken over on purpose.

#include "core/standalone.h"

#include <filesystem>

#include "tests/ext/testing/fixture.h"

namespace streamview::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ProgramsLogTest : public DatabaseTest {
 protected:
  Result<std::shared_ptr<Engine>> OpenInProgram(const std::string& directory) {
    StandaloneOptions options;
    options.directory = directory;
    return OpenStandalone(options);
  }
};

TEST_F(ProgramsLogTest, TheLogOfADatabaseIsNotOpenedByAProgram) {
  CreateLogAndView();
  Append("a", "{}");
  db_->Close();
  const Status status = OpenInProgram(log_dir_).status();
  EXPECT_EQ(status.code(), StatusCode::kCannotOpen);
  EXPECT_THAT(status.message(), HasSubstr("belongs to the database " + path_));
}

TEST_F(ProgramsLogTest, ABackupIsOpenedByAProgram) {
  CreateLogAndView();
  Append("a", "{}");
  const std::string copy = log_dir_ + ".copy";
  db_->Run("SELECT sv_backup('events', '" + copy + "')");
  const Result<std::shared_ptr<Engine>> engine = OpenInProgram(copy);
  ASSERT_TRUE(engine.ok()) << engine.status().message();
  EXPECT_EQ((*engine)->Head(), 1u);
}

TEST_F(ProgramsLogTest, ADatabaseAdoptsTheLogOfAProgram) {
  const std::string directory = log_dir_ + ".program";
  {
    const Result<std::shared_ptr<Engine>> engine = OpenInProgram(directory);
    ASSERT_TRUE(engine.ok()) << engine.status().message();
    ASSERT_TRUE((*engine)
                    ->AppendNow(ValueView::Text("a"), ValueView::Text(R"({"tags":["cat"]})"),
                                SyncMode::kNormal, WaitOptions())
                    .ok());
  }
  CreateLogAndView();
  db_->Close();
  std::filesystem::remove_all(log_dir_);
  std::filesystem::rename(directory, log_dir_);
  db_ = Connect();
  EXPECT_THAT(db_->Try("SELECT * FROM events"), Fails(SQLITE_CANTOPEN, HasSubstr("sv_adopt")));
  EXPECT_EQ(db_->Integer("SELECT sv_adopt('events')"), 1);
  EXPECT_THAT(db_->Query("SELECT doc_id FROM view_tags WHERE key = 'cat'"), ElementsAre("'a'"));
  Reopen();
  EXPECT_THAT(db_->Query("SELECT key FROM events"), ElementsAre("'a'"));
}

}  // namespace
}  // namespace streamview::testing
