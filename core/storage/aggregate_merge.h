// The merge operator of views' column families: adds up aggregates (core/codec/aggregate.h), so
// that a reduce view writes only what changes, without a look at what there is.

#pragma once

#include <rocksdb/merge_operator.h>

#include <memory>

namespace streamview {

std::shared_ptr<rocksdb::MergeOperator> NewAggregateMerge();

}  // namespace streamview
