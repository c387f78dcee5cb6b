// The integrity check of an index of rows.

#pragma once

#include "core/base/wait.h"
#include "core/index/view_index.h"

namespace streamview {

// Maps the log again, with `mapper`, and compares with the index at `state`, both ways: each row
// that counts is in the index with the same content, and the index has no others. Memory for one
// entry at a time. Errors: kCorruption, naming the first differences; kInterrupted...
Status CheckRows(const ViewIndex& index, const IndexState& state, Mapper* mapper,
                 const WaitOptions& wait);

}  // namespace streamview
