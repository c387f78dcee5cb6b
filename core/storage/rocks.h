// Small bridges between RocksDB's types and ours.

#pragma once

#include <rocksdb/slice.h>
#include <rocksdb/status.h>

#include <string_view>

#include "core/base/status.h"

namespace streamview {

// `what` says what was tried, for the message.
Status FromRocks(const rocksdb::Status& status, std::string_view what);

inline std::string_view ToView(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }
inline rocksdb::Slice ToSlice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

}  // namespace streamview
