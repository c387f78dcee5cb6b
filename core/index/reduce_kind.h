// The kind of index of a view with reduce. For each distinct key it keeps what the rows under it
// add up to (core/map/reduce_builder.h), not the rows.
//
// As the index advances it adds what each entry emits, and takes out what the entry that it
// supersedes has added: that one is mapped again, since a map is a pure function. Both are written
// as changes that RocksDB adds up (core/storage/aggregate_merge.h), so nothing of what is there is
// read. A change may be applied only once; that it is, follows from its being written together with
// the checkpoint.
//
// An entry of the index is dead when it counts no rows.

#pragma once

#include <memory>

#include "core/index/index_kind.h"

namespace streamview {

std::unique_ptr<IndexKind> NewReduceKind();

}  // namespace streamview
