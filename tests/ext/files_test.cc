// How many files a log takes, and how much space: as much as it holds needs, whoever wrote it.

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/ext/testing/fixture.h"

namespace streamview::testing {
namespace {

namespace fs = std::filesystem;

class FilesTest : public DatabaseTest {
 protected:
  int64_t CountFiles() const {
    int64_t files = 0;
    for (const auto& entry : fs::recursive_directory_iterator(log_dir_)) {
      files += entry.is_regular_file();
    }
    return files;
  }
  int64_t BytesOnDisk() const {
    int64_t bytes = 0;
    for (const auto& entry : fs::recursive_directory_iterator(log_dir_)) {
      struct stat status;
      if (::stat(entry.path().c_str(), &status) == 0) bytes += int64_t{512} * status.st_blocks;
    }
    return bytes;
  }
  static int64_t CountDescriptors() {
    const auto open = fs::directory_iterator("/proc/self/fd");
    return std::distance(begin(open), end(open));
  }
};

TEST_F(FilesTest, AnEmptyLogTakesLittleSpace) {
  CreateLogAndView();
  EXPECT_LE(BytesOnDisk(), 1 << 20);
  db_->Close();
  EXPECT_LE(BytesOnDisk(), 1 << 20);
}

// As a program does that is started for each request.
TEST_F(FilesTest, ShortLivedProcessesLeaveFewFiles) {
  constexpr int kRounds = 600, kMostFiles = 20;
  CreateLogAndView();
  db_->Run("CREATE VIRTUAL TABLE docs USING sv_docs(log = events)");
  int64_t most = 0;
  for (int round = 1; round <= kRounds; ++round) {
    Reopen();
    EXPECT_EQ(Append("key" + std::to_string(round % 50), R"({"tags":["t"]})"), round);
    if (round % 10 == 0) {
      db_->Close();
      most = std::max(most, CountFiles());
      db_ = Connect();
    }
  }
  EXPECT_LE(most, kMostFiles);
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM view_tags"), 50);
  db_->Run("INSERT INTO events(events) VALUES ('integrity-check')");
  db_->Run("INSERT INTO view_tags(view_tags) VALUES ('integrity-check')");
}

TEST_F(FilesTest, ALogThatIsOptimizedHasFewFiles) {
  CreateLog();
  for (int i = 1; i <= 20; ++i) {
    EXPECT_EQ(Append(i, R"({"n":1})"), i);
    db_->Run("INSERT INTO events(events) VALUES ('flush')");
  }
  const int64_t before = CountFiles();
  db_->Run("INSERT INTO events(events) VALUES ('optimize')");
  EXPECT_LT(CountFiles(), before - 5);
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM events"), 20);
  db_->Run("INSERT INTO events(events) VALUES ('integrity-check')");
}

TEST_F(FilesTest, TwoHundredViewsTakeFewDescriptors) {
  constexpr int kViews = 200, kMostMore = 100;
  CreateLog();
  for (int i = 1; i <= 300; ++i) Append(i, R"({"tags":["a","b"]})");
  const auto create = [this](int i) {
    const std::string view = "v" + std::to_string(i);
    db_->Run("CREATE VIRTUAL TABLE " + view + " USING sv_view(log = events, emit = '$.tags[*]')");
    EXPECT_EQ(db_->Integer("SELECT count(*) FROM " + view + " WHERE key = 'a'"), 300);
    db_->Run("INSERT INTO " + view + "(" + view + ") VALUES ('flush')");
  };
  create(1);
  const int64_t with_one = CountDescriptors();
  for (int i = 2; i <= kViews; ++i) create(i);
  EXPECT_LE(CountDescriptors(), with_one + kMostMore);
  for (int i = 1; i <= kViews; i += 40) {
    EXPECT_EQ(db_->Integer("SELECT count(*) FROM v" + std::to_string(i)), 600);
  }
}

// RocksDB would write the options of all views with each new one, sync the file and read it back.
TEST_F(FilesTest, AViewIsCreatedAsQuicklyHoweverManyThereAre) {
  CreateLog();
  // Of many runs the fastest, since machines are shared.
  const auto create = [this](int first, int last) {
    auto fastest = std::chrono::steady_clock::duration::max();
    for (int i = first; i <= last; ++i) {
      const auto start = std::chrono::steady_clock::now();
      db_->Run("CREATE VIRTUAL TABLE v" + std::to_string(i) +
               " USING sv_view(log = events, emit = '$.tags[*]')");
      fastest = std::min(fastest, std::chrono::steady_clock::now() - start);
    }
    return fastest;
  };
  const auto with_few = create(1, 20);
  create(21, 60);
  EXPECT_LE(create(61, 80), 4 * with_few);
  for (const fs::directory_entry& file : fs::recursive_directory_iterator(log_dir_)) {
    EXPECT_FALSE(file.path().filename().string().starts_with("OPTIONS")) << file.path();
  }
}

}  // namespace
}  // namespace streamview::testing
