#include "core/engine_registry.h"

#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/core/engine_test_util.h"

namespace streamview {
namespace {

using ::testing::HasSubstr;

class EngineRegistryTest : public EngineTest {
 protected:
  void SetUp() override {
    if (IsRemote()) GTEST_SKIP() << "these are about the engines of one process";
  }
  Status OpenStatus() { return OpenEngine(options_).status(); }
  Status CreateStatus() { return CreateEngine(options_).status(); }
};

TEST_F(EngineRegistryTest, AllWhoOpenADirectoryShareOneEngine) {
  Open();
  EXPECT_EQ(Must(OpenEngine(options_)), engine_);
  options_.directory += "/../log";
  EXPECT_EQ(Must(OpenEngine(options_)), engine_);
}

TEST_F(EngineRegistryTest, AClosedLogCanBeOpenedAgainAtOnceFromManyThreads) {
  Open();
  Append(Value(), Value::Integer(1));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10; i++) {
        const Result<std::shared_ptr<Engine>> engine = OpenEngine(options_);
        if (engine.ok()) {
          EXPECT_EQ((*engine)->Head(), 1u);
        } else {
          EXPECT_EQ(engine.status().code(), StatusCode::kBusy) << engine.status().message();
        }
      }
    });
  }
  engine_.reset();
  for (std::thread& thread : threads) thread.join();
}

TEST_F(EngineRegistryTest, AMissingDirectoryIsAnErrorAndIsNotMade) {
  const Status status = OpenStatus();
  EXPECT_EQ(status.code(), StatusCode::kCannotOpen);
  EXPECT_THAT(status.message(), HasSubstr("missing"));
  EXPECT_FALSE(std::filesystem::exists(directory()));
}

TEST_F(EngineRegistryTest, AForeignDirectoryIsLeftAlone) {
  std::filesystem::create_directory(directory());
  std::ofstream(directory() + "/precious") << "data";
  EXPECT_THAT(OpenStatus().message(), HasSubstr("is not a streamview log directory"));
  EXPECT_THAT(CreateStatus().message(), HasSubstr("files that are not streamview's"));
  EXPECT_TRUE(std::filesystem::exists(directory() + "/precious"));
}

TEST_F(EngineRegistryTest, AnotherLogsDirectoryIsNotOpenedAndNotOverwritten) {
  Open();
  const std::string view_id = CreateTags()->id();
  Append(Value(), Value::Integer(1));
  Close();
  ASSERT_OK(ClaimLog(directory(), options_.log_id, true));
  const std::string own_id = options_.log_id;
  options_.log_id = NewLogId();
  EXPECT_THAT(OpenStatus().message(), HasSubstr("holds log " + own_id));
  EXPECT_THAT(CreateStatus().message(), HasSubstr("holds another log (" + own_id));
  options_.log_id = own_id;
  Open({view_id});
  EXPECT_EQ(engine_->Head(), 1u);
  EXPECT_OK(engine_->FindView(view_id).status());
}

TEST_F(EngineRegistryTest, ALogThatNobodyClaimsMakesRoom) {
  Open();
  Append(Value(), Value::Integer(1));
  Close();
  options_.log_id = NewLogId();
  EXPECT_OK(CreateStatus());
}

TEST_F(EngineRegistryTest, OpeningClaimsALogAndADropUnclaimsIt) {
  Open();
  Close();
  Open();
  Close();
  const std::string own_id = std::exchange(options_.log_id, NewLogId());
  EXPECT_EQ(CreateStatus().code(), StatusCode::kCannotOpen);
  ASSERT_OK(ClaimLog(directory(), own_id, false));
  EXPECT_OK(CreateStatus());
}

TEST_F(EngineRegistryTest, WhatACreateThatWasCutShortLeavesMakesRoom) {
  std::filesystem::create_directory(directory());
  std::ofstream(directory() + "/UNCLAIMED");
  std::ofstream(directory() + "/STREAMVIEW.new") << "stream";
  EXPECT_OK(CreateStatus());
}

TEST_F(EngineRegistryTest, AnUnwritableParentIsAClearErrorAndLeavesNothing) {
  options_.directory = root() / "no" / "such" / "place";
  const Status status = CreateStatus();
  EXPECT_EQ(status.code(), StatusCode::kCannotOpen);
  EXPECT_THAT(status.message(), HasSubstr("cannot create"));
}

TEST_F(EngineRegistryTest, AnUnknownFormatIsNamed) {
  Open();
  Close();
  std::ofstream(directory() + "/STREAMVIEW")
      << "streamview log directory\nformat=99\nid=" << options_.log_id << "\n";
  EXPECT_THAT(OpenStatus().message(), HasSubstr("format=99"));
}

TEST_F(EngineRegistryTest, ADamagedManifestIsCorruptOrCannotOpen) {
  Open();
  Append(Value(), Value::Integer(1));
  Close();
  std::ofstream(directory() + "/CURRENT") << "MANIFEST-999999\n";
  const Status status = OpenStatus();
  EXPECT_TRUE(status.code() == StatusCode::kCannotOpen || status.code() == StatusCode::kCorruption)
      << status.message();
}

TEST_F(EngineRegistryTest, DestroyDeletesOnlyTheLogItIsTold) {
  Open();
  EXPECT_EQ(DestroyLog(directory(), options_.log_id).code(), StatusCode::kBusy);
  Close();
  EXPECT_EQ(DestroyLog(directory(), NewLogId()).code(), StatusCode::kCannotOpen);
  std::ofstream(directory() + "/precious") << "data";
  EXPECT_OK(DestroyLog(directory(), options_.log_id));
  EXPECT_TRUE(std::filesystem::exists(directory() + "/precious"));
  EXPECT_FALSE(std::filesystem::exists(directory() + "/CURRENT"));
}

TEST_F(EngineRegistryTest, AForkedChildIsRefused) {
  Open();
  const auto tags = CreateTags();
  const pid_t child = fork();
  if (child == 0) {
    const auto session = NewSession();
    const bool refused =
        OpenStatus().code() == StatusCode::kMisuse &&
        session->Append(Value(), Value(), {}).status().code() == StatusCode::kMisuse &&
        tags->Read(0, {}).status().code() == StatusCode::kMisuse;
    _exit(refused ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(Append(Value(), Value::Integer(1)), 1u);
}

}  // namespace
}  // namespace streamview
