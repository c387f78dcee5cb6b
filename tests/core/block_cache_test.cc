#include "core/storage/block_cache.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "core/cache.h"
#include "core/log/log_reader.h"
#include "tests/core/engine_test_util.h"

namespace streamview {
namespace {

constexpr uint64_t kMiB = 1u << 20;

TEST(BlockCacheTest, TakesAShareOfTheMemoryBetweenTwoBounds) {
  EXPECT_EQ(BlockCacheBytesFor(0), 16 * kMiB);  // nobody says how much there is
  EXPECT_EQ(BlockCacheBytesFor(256 * kMiB), 16 * kMiB);
  EXPECT_EQ(BlockCacheBytesFor(2048 * kMiB), 64 * kMiB);
  EXPECT_EQ(BlockCacheBytesFor(64 * 1024 * kMiB), 128 * kMiB);
}

// A log on disk, larger than a small cache.
std::unique_ptr<LogStore> WriteLog(const std::string& directory) {
  StoreOptions options;
  options.directory = directory;
  options.create = true;
  std::unique_ptr<LogStore> store = Must(LogStore::Open(options));
  const auto log = Must(Log::Open(store.get(), nullptr));
  LogWriter writer(log.get());
  for (int i = 0; i < 3000; i++)
    writer.Append(Value::Integer(i), Value::Blob(std::string(4000, 'x')));
  writer.Commit();
  EXPECT_OK(store->Flush(store->log()));
  return store;
}

void ReadAll(LogStore& store) {
  const auto log = Must(Log::Open(&store, nullptr));
  auto cursor = NewLogCursor(*log, LogRange());
  while (cursor->Valid()) cursor->Next();
  EXPECT_OK(cursor->status());
}

class CachedBytesTest : public EngineTest {
 protected:
  ~CachedBytesTest() override { SetCacheBytes(DefaultCacheBytes()); }
};

TEST_F(CachedBytesTest, AreGivenBackWithTheLastLog) {
  SetCacheBytes(16 * kMiB);
  std::unique_ptr<LogStore> one = WriteLog(root() / "one");
  ReadAll(*one);
  EXPECT_GT(CachedBytes(), 4 * kMiB);
  one.reset();
  EXPECT_EQ(CachedBytes(), 0);
  EXPECT_EQ(CacheBytes(), 16 * kMiB);
}

TEST_F(CachedBytesTest, AreBoundedForAllLogsTogether) {
  SetCacheBytes(8 * kMiB);
  EXPECT_EQ(CacheBytes(), 8 * kMiB);
  const auto one = WriteLog(root() / "one"), two = WriteLog(root() / "two");
  const auto read_all = [&] {
    ReadAll(*one);
    ReadAll(*two);
  };
  read_all();
  EXPECT_GT(CachedBytes(), 4 * kMiB);
  EXPECT_LE(CachedBytes(), 8 * kMiB);
  SetCacheBytes(64 * kMiB);
  read_all();
  EXPECT_GT(CachedBytes(), 20 * kMiB);
  EXPECT_LE(CachedBytes(), 64 * kMiB);
  SetCacheBytes(8 * kMiB);  // at once
  EXPECT_LE(CachedBytes(), 8 * kMiB);
}

class MemoryLimitTest : public EngineTest {
 protected:
  void Write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text << "\n";
  }
  const std::string root_ = root();
};

TEST_F(MemoryLimitTest, IsThatOfTheMachineWhereNoGroupSaysLess) {
  const uint64_t machine = MemoryLimit(root_);
  EXPECT_GT(machine, 0u);
  Write("/sys/fs/cgroup/memory.max", "max");
  Write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712");
  EXPECT_EQ(MemoryLimit(root_), machine);
}

TEST_F(MemoryLimitTest, IsTheLeastOfItsGroups) {
  Write("/proc/self/cgroup", "0::/a.slice/b.service");
  Write("/sys/fs/cgroup/a.slice/b.service/memory.max", "max");
  Write("/sys/fs/cgroup/a.slice/memory.max", "50000000");
  EXPECT_EQ(MemoryLimit(root_), 50000000u);
  Write("/sys/fs/cgroup/a.slice/b.service/memory.max", "40000000");
  EXPECT_EQ(MemoryLimit(root_), 40000000u);
  Write("/sys/fs/cgroup/memory.max", "30000000");
  EXPECT_EQ(MemoryLimit(root_), 30000000u);
}

}  // namespace
}  // namespace streamview
