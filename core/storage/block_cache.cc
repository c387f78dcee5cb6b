#include "core/storage/block_cache.h"

#include <unistd.h>
#if __has_include(<rocksdb/advanced_cache.h>)
#include <rocksdb/advanced_cache.h>  // where newer versions define a Cache
#endif

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "core/base/mutex.h"
#include "core/base/process.h"

namespace streamview {

namespace {

constexpr uint64_t kMiB = 1u << 20;
// One process of several may take as much, and the system's own cache holds the files as well.
constexpr uint64_t kShareOfMemory = 32;
constexpr uint64_t kLeastDefault = 16 * kMiB, kMostDefault = 128 * kMiB;

// Few shards: a block that is larger than its shard is not kept at all, and the filter of a file
// with a million documents is of more than a megabyte.
constexpr int kShardBits = 2;

class CacheOfProcess {
 public:
  std::shared_ptr<rocksdb::Cache> Open() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    std::shared_ptr<rocksdb::Cache> cache = cache_.lock();
    if (cache == nullptr) cache_ = cache = rocksdb::NewLRUCache(bytes_, kShardBits);
    return cache;
  }
  uint64_t bytes() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return bytes_;
  }
  void set_bytes(uint64_t bytes) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    bytes_ = bytes;
    if (const auto cache = cache_.lock()) cache->SetCapacity(bytes);
  }
  uint64_t Usage() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    const auto cache = cache_.lock();
    return cache != nullptr ? cache->GetUsage() : 0;
  }

 private:
  Mutex mutex_;
  uint64_t bytes_ GUARDED_BY(mutex_) = BlockCacheBytesFor(MemoryLimit());
  std::weak_ptr<rocksdb::Cache> cache_ GUARDED_BY(mutex_);
};

CacheOfProcess& OfThisProcess() {
  static PerProcess<CacheOfProcess> caches;
  return caches.Get();
}

// The number in a file; 0: none, or "max".
uint64_t ReadNumber(const std::string& path) {
  uint64_t number = 0;
  std::ifstream file(path);
  return file >> number ? number : 0;
}

// The path of the process's group within the hierarchy of version 2; empty: not known.
std::filesystem::path FindGroup(const std::string& root) {
  constexpr std::string_view kVersion2 = "0::";
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(kVersion2)) return line.substr(kVersion2.size());
  }
  return {};
}

}  // namespace

uint64_t MemoryLimit(const std::string& root) {
  uint64_t least = 0;
  const auto add = [&least](uint64_t limit) {
    if (limit != 0) least = least == 0 ? limit : std::min(least, limit);
  };
  const std::string groups = root + "/sys/fs/cgroup";
  add(ReadNumber(groups + "/memory.max"));  // within a container
  add(ReadNumber(groups + "/memory/memory.limit_in_bytes"));
  for (std::filesystem::path group = FindGroup(root); group.has_relative_path();
       group = group.parent_path()) {
    add(ReadNumber(groups + group.string() + "/memory.max"));
  }
  const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  if (pages > 0 && page > 0) add(static_cast<uint64_t>(pages) * static_cast<uint64_t>(page));
  return least;
}

uint64_t BlockCacheBytesFor(uint64_t memory) {
  return std::clamp(memory / kShareOfMemory, kLeastDefault, kMostDefault);
}

std::shared_ptr<rocksdb::Cache> SharedBlockCache() { return OfThisProcess().Open(); }
uint64_t BlockCacheBytes() { return OfThisProcess().bytes(); }
void SetBlockCacheBytes(uint64_t bytes) { OfThisProcess().set_bytes(bytes); }
uint64_t BlockCacheUsage() { return OfThisProcess().Usage(); }

}  // namespace streamview
