// The kind of index of a view without reduce. Each row that an entry emits is an entry of the index
// (core/codec/index_entry.h).
//
// It names the log entry that it comes from; whether it still counts is one bit in the set of
// superseded log entries, which grows as the index advances. Nothing of what is there is read.
//
// (After Qader, Cheng and Hristidis, "A Comparative Study of Secondary Indexing Techniques in
// LSM-based NoSQL Databases", SIGMOD 2018: the lazy stand-alone index.)

#pragma once

#include <memory>

#include "core/index/index_kind.h"

namespace streamview {

std::unique_ptr<IndexKind> NewRowKind();

}  // namespace streamview
