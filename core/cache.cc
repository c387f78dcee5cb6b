#include "core/cache.h"

#include "core/base/check.h"
#include "core/storage/block_cache.h"

namespace streamview {

uint64_t DefaultCacheBytes() { return BlockCacheBytesFor(MemoryLimit()); }

uint64_t CacheBytes() { return BlockCacheBytes(); }

void SetCacheBytes(uint64_t bytes) {
  SV_REQUIRE(bytes >= kMinCacheBytes);
  SetBlockCacheBytes(bytes);
}

uint64_t CachedBytes() { return BlockCacheUsage(); }

}  // namespace streamview
