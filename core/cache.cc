#include "core/cache.h"

#include <rocksdb/cache.h>

#include "core/base/check.h"
#include "core/storage/block_cache.h"

namespace streamview {

uint64_t DefaultCacheBytes() { return BlockCacheBytesFor(MemoryLimit()); }

uint64_t CacheBytes() { return SharedBlockCache()->GetCapacity(); }

void SetCacheBytes(uint64_t bytes) {
  SV_REQUIRE(bytes >= kMinCacheBytes);
  SharedBlockCache()->SetCapacity(bytes);
}

uint64_t CachedBytes() { return SharedBlockCache()->GetUsage(); }

}  // namespace streamview
