// The block cache of the process, and how large it is unless somebody says otherwise
// (core/cache.h).
//
// Thread-safe.

#pragma once

#include <rocksdb/cache.h>

#include <cstdint>
#include <memory>
#include <string>

namespace streamview {

// That of all databases that are open in the process; it goes with the last of them. A forked child
// has one of its own.
std::shared_ptr<rocksdb::Cache> SharedBlockCache();
// The size that it has, or will have. It stays what was set, whatever is opened and closed.
uint64_t BlockCacheBytes();
void SetBlockCacheBytes(uint64_t bytes);
// What it holds.
uint64_t BlockCacheUsage();

// The memory that the machine and the process's control groups leave to it. `root`: where /proc and
// /sys are.
uint64_t MemoryLimit(const std::string& root = "");
// The size for a process that may have so much memory.
uint64_t BlockCacheBytesFor(uint64_t memory);

}  // namespace streamview
