// FamilyWrite: one atomic change of a column family without write-ahead log, told in ascending
// order of keys.
//
// A small one is a write batch. A large one becomes a sorted file that the database takes in whole:
// its entries need not go through the memtable one by one, nor be flushed from there.
//
// Not thread-safe.

#pragma once

#include <rocksdb/sst_file_writer.h>
#include <rocksdb/write_batch.h>

#include <memory>
#include <string>
#include <string_view>

#include "core/base/status.h"
#include "core/storage/derived_store.h"

namespace streamview {

class FamilyWrite {
 public:
  // From so many keys on a file is worth it: it costs a few fsyncs.
  static constexpr size_t kLarge = 20'000;

  // `keys`: about how many there will be.
  FamilyWrite(DerivedStore* store, rocksdb::ColumnFamilyHandle* family, size_t keys);
  // Nothing is left of a change that was not committed.
  ~FamilyWrite();
  FamilyWrite(const FamilyWrite&) = delete;
  FamilyWrite& operator=(const FamilyWrite&) = delete;

  // REQUIRES: key is greater than all before. What goes wrong, Commit() tells.
  void Put(std::string_view key, std::string_view value);
  void Delete(std::string_view key);
  // Adds to the aggregate (core/codec/aggregate.h) under the key.
  void Merge(std::string_view key, std::string_view change);
  // Makes the change. On error there is none. REQUIRES: something was put, deleted or merged
  Status Commit();

 private:
  void Keep(rocksdb::Status status);

  DerivedStore* const store_;
  rocksdb::ColumnFamilyHandle* const family_;
  rocksdb::Status status_;  // the first error
  rocksdb::WriteBatch batch_;
  std::unique_ptr<rocksdb::SstFileWriter> file_;  // null: the batch is used
  std::string path_;
};

}  // namespace streamview
