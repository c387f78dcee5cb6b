// The integrity check of a reduce index.

#pragma once

#include "core/base/wait.h"
#include "core/index/view_index.h"

namespace streamview {

// What one pass over the log may keep in memory: so large an index needs further passes.
constexpr size_t kReduceCheckBytes = 64u << 20;

// Maps the entries of the log that count, with `mapper`, adds up what they emit, and compares with
// the index at `state`, both ways. Takes as many passes over the log as `memory` allows.
// Errors: kCorruption, naming the first differences; kInterrupted...
Status CheckAggregates(const ViewIndex& index, const IndexState& state, Mapper* mapper,
                       const WaitOptions& wait, size_t memory = kReduceCheckBytes);

}  // namespace streamview
