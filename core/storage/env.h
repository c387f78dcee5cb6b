// The rocksdb::Env of all stores: where their files, their locks and their threads come from.
//
// - No file gets one of the descriptors 0, 1 and 2 (core/base/descriptor.h). RocksDB does not
//   show which descriptor it has got. So those three are occupied before each opening, and looked
//   at after it. Only between the two may a file have one, where another thread of the host closes
//   one of the three at that moment; nothing has been written to it then.
// - A file takes space on disk in small steps, as it grows. (RocksDB would take 18 MB for a
//   write-ahead log, and 4 MB for a manifest, however little is in them.)
// - RocksDB's files OPTIONS-... are not written. Nobody reads them, and with each column family
//   that is made or dropped RocksDB would write the options of all, sync the file and read it back.
// - Threads take no signals, and are made anew in a forked child.
// - Nothing is made, renamed or deleted in a directory that was put in the place of a database's.
//   RocksDB goes by the path, and would take files of another database for its own.
// - RocksDB's file LOCK is locked without RocksDB's own table of locked files. That table
//   outlives a database whose opening has ended by an exception, and two copies of RocksDB in one
//   process do not share it; core/storage/directory_lock.h does its work. What is left of LOCK
//   keeps away other programs that know RocksDB only.
//
// Thread-safe. Never destroyed.

#pragma once

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <memory>
#include <string>
#include <vector>

#include "core/base/status.h"

namespace streamview {

// Space on disk is taken in steps of so many bytes.
inline constexpr size_t kPreallocatedBytes = size_t{128} << 10;

rocksdb::Env* StoreEnv();
const std::shared_ptr<rocksdb::FileSystem>& StoreFileSystem();
// An Env with the same threads, and other files: `files` passes calls on to StoreFileSystem().
std::unique_ptr<rocksdb::Env> NewStoreEnv(const std::shared_ptr<rocksdb::FileSystem>& files);

// rocksdb::DB::Open. It does not throw, and where it fails, no lock on the directory is left.
// REQUIRES: options.env is StoreEnv() or has its threads
rocksdb::Status OpenRocksDb(const rocksdb::DBOptions& options, const std::string& directory,
                            const std::vector<rocksdb::ColumnFamilyDescriptor>& families,
                            std::vector<rocksdb::ColumnFamilyHandle*>* handles, rocksdb::DB** db);

}  // namespace streamview
