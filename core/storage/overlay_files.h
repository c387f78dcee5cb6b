// Overlay files: files that can be read and not written, under what is written to them, which is
// kept in memory. So a database that cannot be written, on a read-only medium for instance, is
// opened as any other: what RocksDB writes when it opens it, and what is derived from its log
// later, is there until it is closed, and in this process only.
//
// A file on disk can be read, and deleted from sight. It cannot be changed, renamed or linked:
// RocksDB does none of that to a file that it has not just made.
//
// Thread-safe.

#pragma once

#include <rocksdb/file_system.h>

#include <memory>

namespace streamview {

// Reads files by `disk`.
std::shared_ptr<rocksdb::FileSystem> NewOverlayFiles(std::shared_ptr<rocksdb::FileSystem> disk);

}  // namespace streamview
