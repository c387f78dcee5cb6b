// The RocksDB options of each kind of column family, and why they are so.

#pragma once

#include <rocksdb/options.h>
#include <rocksdb/version.h>

#include <memory>
#include <string>

namespace streamview {

// What all indexes that are far behind may keep in memory before they write it.
constexpr size_t kBuildingBytes = 40u << 20;

// Whether RocksDB keeps records of the write-ahead log in memory until it is told to write them.
// RocksDB 9 takes a failure of the log for final then, until it is opened again. RocksDB 7 with its
// assertions ends the process where it does not, and the log has failed.
constexpr bool kManualWalFlush = ROCKSDB_MAJOR < 9;

// What the databases of one log share, so that memory is bounded for all of them.
struct SharedBuffers {
  std::shared_ptr<rocksdb::Cache> block_cache;
  std::shared_ptr<rocksdb::WriteBufferManager> write_buffers;
};
SharedBuffers NewSharedBuffers();

// Of the database of the log, and of that of derived data.
rocksdb::DBOptions LogOptions(const SharedBuffers& shared);
rocksdb::DBOptions DerivedOptions(const SharedBuffers& shared);

rocksdb::ColumnFamilyOptions MetadataFamilyOptions(const SharedBuffers& shared);
rocksdb::ColumnFamilyOptions LogFamilyOptions(const SharedBuffers& shared);
rocksdb::ColumnFamilyOptions DocsFamilyOptions(const SharedBuffers& shared);
rocksdb::ColumnFamilyOptions ViewFamilyOptions(const SharedBuffers& shared);

}  // namespace streamview
