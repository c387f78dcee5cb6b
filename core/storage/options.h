// The RocksDB options of each kind of column family, and why they are so.

#pragma once

#include <rocksdb/options.h>

#include <memory>
#include <string>

namespace streamview {

// What all indexes that are far behind may keep in memory before they write it.
constexpr size_t kBuildingBytes = 40u << 20;

// What all column families of one store share, so that memory is bounded for the whole of it.
struct SharedBuffers {
  std::shared_ptr<rocksdb::Cache> block_cache;
  std::shared_ptr<rocksdb::WriteBufferManager> write_buffers;
};
SharedBuffers NewSharedBuffers();

rocksdb::DBOptions DatabaseOptions(const SharedBuffers& shared);
// By the name of the column family.
rocksdb::ColumnFamilyOptions FamilyOptions(const std::string& name, const SharedBuffers& shared);

}  // namespace streamview
