// Small bridges between RocksDB's types and ours, and between versions of RocksDB.

#pragma once

#include <rocksdb/slice.h>
#include <rocksdb/status.h>

#include <string_view>

#include "core/base/status.h"

namespace streamview {

// `what` says what was tried, for the message.
Status FromRocks(const rocksdb::Status& status, std::string_view what);

// What DisableFileDeletions has begun ends, for this caller only. (RocksDB 7 needs to be told so.)
template <typename Db>
rocksdb::Status EnableFileDeletions(Db* db) {
  if constexpr (requires { db->EnableFileDeletions(false); }) {
    return db->EnableFileDeletions(/*force=*/false);
  } else {
    return db->EnableFileDeletions();
  }
}

inline std::string_view ToView(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }
inline rocksdb::Slice ToSlice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

}  // namespace streamview
