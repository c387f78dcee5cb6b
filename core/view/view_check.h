// The integrity check of a view.

#pragma once

#include "core/base/wait.h"
#include "core/docs/doc_index.h"
#include "core/view/view_snapshot.h"

namespace streamview {

// Maps the log again, with `mapper`, and compares with what the snapshot shows, both ways: each row
// that counts is in the index with the same content, and the index has no others. Memory for one
// entry at a time. Errors: kCorruption, naming the first differences; kInterrupted...
Status CheckView(const Log& log, const DocIndex& docs, const IndexSnapshot& snapshot,
                 Mapper* mapper, const WaitOptions& wait);

}  // namespace streamview
