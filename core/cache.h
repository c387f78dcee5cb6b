// The cache of what the process has read of its logs: one for all that are open in it, so that its
// size bounds the memory of all. It is given back when the last of them is closed.
//
// Thread-safe. A forked child has one of its own, of the default size.

#pragma once

#include <cstdint>

namespace streamview {

// A smaller one could not hold what tells where the entries of a file are, and each look-up would
// read that anew.
constexpr uint64_t kMinCacheBytes = 8u << 20;

// A share of the memory that the process may have, between two bounds (docs/reference.md).
uint64_t DefaultCacheBytes();
// The size; what it holds may be less, and more only while readers hold more.
uint64_t CacheBytes();
// Takes effect at once: what is too much is dropped. REQUIRES: bytes >= kMinCacheBytes
void SetCacheBytes(uint64_t bytes);
// What it holds now.
uint64_t CachedBytes();

}  // namespace streamview
