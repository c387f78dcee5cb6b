// Engine::Backup, and what it stands on.

#include <fstream>

#include "core/storage/live_files.h"
#include "core/storage/log_directory.h"
#include "tests/core/engine_test_util.h"

namespace streamview {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class BackupTest : public EngineTest {
 protected:
  std::string target() const { return root() / "copy"; }
  Seq Backup() { return Must(engine_->Backup(target(), WaitOptions())); }
  // Opens the copy in place of the log.
  void OpenCopy(std::vector<std::string> view_ids = {}) {
    Close();
    options_.directory = target();
    options_.view_ids = std::move(view_ids);
    engine_ = Must(OpenEngine(options_));
  }
};

TEST_F(BackupTest, TheCopyHasTheLogAndTheViewsAsFarAsTheyWere) {
  options_.background = false;
  Open();
  const std::string view_id = CreateTags()->id();
  Put("a", R"({"tags":["x"],"at":1})");
  EXPECT_EQ(Must(Must(engine_->FindView(view_id))->AdvanceTo(1, WaitOptions())), 1u);
  Put("b", R"({"tags":["x"],"at":2})");
  EXPECT_EQ(Backup(), 2u);
  Put("c", R"({"tags":["x"],"at":3})");

  OpenCopy({view_id});
  EXPECT_EQ(engine_->Head(), 2u);
  const std::shared_ptr<View> view = Must(engine_->FindView(view_id));
  EXPECT_EQ(view->checkpoint(), 2u);  // the little that it lacked was done as it was opened
  EXPECT_THAT(Rows(*view), ElementsAre("x/1/a", "x/2/b"));
  EXPECT_OK(engine_->CheckIntegrity(WaitOptions()));
  EXPECT_OK(view->CheckIntegrity(WaitOptions()));
}

TEST_F(BackupTest, WhatWasAppendedWithoutSyncIsInTheCopy) {
  Open();
  const auto session = NewSession();
  Must(session->Append(Value(), Value::Integer(1), {}));
  ASSERT_OK(session->Prepare(SyncMode::kOff));
  session->Commit();
  EXPECT_EQ(Backup(), 1u);
  OpenCopy();
  EXPECT_EQ(engine_->Head(), 1u);
}

// That it was committed is known: an older database does not take it back.
TEST_F(BackupTest, AConditionalTransactionIsNoLongerOneInTheCopy) {
  Open();
  const auto session = NewSession();
  Must(session->Append(Value(), Value::Integer(1), {}));
  ASSERT_OK(session->Prepare(SyncMode::kFull, "t1"));
  session->Commit();
  EXPECT_EQ(Backup(), 1u);
  options_.committed_token = [](const std::string&) { return std::string(); };
  EngineOptions options = options_;
  options.directory = target();
  EXPECT_EQ(OpenEngine(options).status().code(), StatusCode::kCannotOpen);
  options_.committed_token = [](const std::string&) { return std::string("t1"); };
  OpenCopy();
  EXPECT_EQ(engine_->Head(), 1u);
}

TEST_F(BackupTest, TheCopyIsClaimedAndHasNoOwner) {
  options_.database = root() / "app.db";
  std::ofstream(options_.database) << "a database";
  Open();
  Backup();
  const DirectoryInfo info = Must(InspectDirectory(target()));
  EXPECT_EQ(info.kind, DirectoryKind::kLog);
  EXPECT_EQ(info.log_id, options_.log_id);
  EXPECT_TRUE(info.claimed);
  EXPECT_TRUE(std::filesystem::exists(directory() + "/OWNER"));
  EXPECT_FALSE(std::filesystem::exists(target() + "/OWNER"));
}

TEST_F(BackupTest, WhereverItIsInterruptedNothingIsLeft) {
  Open();
  CreateTags();
  Seq last = Put("a", R"({"tags":["x"]})");
  int polls = 0;
  for (int allowed = 0;; allowed++) {
    polls = 0;
    WaitOptions wait;
    wait.interrupted = [&] { return polls++ == allowed; };
    const Result<Seq> copied = engine_->Backup(target(), wait);
    if (copied.ok()) break;
    ASSERT_EQ(copied.status().code(), StatusCode::kInterrupted);
    ASSERT_FALSE(std::filesystem::exists(target()));
    last = Put("a", R"({"tags":["y"]})");  // the writer's turn is free
  }
  EXPECT_GT(polls, IsRemote() ? 0 : 5);  // fewer, where the answer comes sooner than a poll
  OpenCopy();
  EXPECT_EQ(engine_->Head(), last);
}

TEST_F(BackupTest, ALogInMemoryHasNone) {
  options_.directory.clear();
  engine_ = Must(CreateEngine(options_));
  const Status status = engine_->Backup(target(), WaitOptions()).status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("in memory"));
}

TEST_F(BackupTest, ADirectoryThatWasLeftUnfinishedIsNoLog) {
  const std::string other = root() / "other";
  {
    const auto unfinished = Must(UnfinishedCopy::Begin(target(), "1234", directory()));
    EXPECT_EQ(Must(InspectDirectory(target())).kind, DirectoryKind::kForeign);
    EXPECT_EQ(UnfinishedCopy::Begin(target(), "1234", directory()).status().code(),
              StatusCode::kCannotOpen);
    std::filesystem::copy(target(), other);
  }
  EXPECT_FALSE(std::filesystem::exists(target()));
  EXPECT_EQ(Must(InspectDirectory(other)).kind, DirectoryKind::kForeign);
}

TEST_F(BackupTest, FilesAreKeptAsLongAsTheyAreCopied) {
  StoreOptions options;
  options.directory = directory();
  options.create = true;
  const auto store = Must(LogStore::Open(options));
  const auto deletes_files = [&store] {
    uint64_t enabled = 0;
    store->db()->GetIntProperty("rocksdb.is-file-deletions-enabled", &enabled);
    return enabled != 0;
  };
  EXPECT_TRUE(deletes_files());
  auto files = Must(LiveFiles::Capture(store.get()));
  auto more = Must(LiveFiles::Capture(store.get()));
  EXPECT_FALSE(deletes_files());
  files.reset();
  EXPECT_FALSE(deletes_files());
  more.reset();
  EXPECT_TRUE(deletes_files());
}

}  // namespace
}  // namespace streamview
