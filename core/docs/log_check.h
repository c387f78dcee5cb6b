// The integrity check of a log and its document index.

#pragma once

#include "core/base/wait.h"
#include "core/docs/doc_index.h"

namespace streamview {

// Reads the whole log as of now: entries are gapless, decode, and do not go back in time; the
// latest entry and the chain of superseded ones are right for each document, and there are no
// documents beside. Needs memory for one bit per superseded entry. Errors: kCorruption, naming the
// first differences; kInterrupted...
Status CheckLog(DocIndex* docs, const WaitOptions& wait);

}  // namespace streamview
