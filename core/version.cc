#include "core/version.h"

#include <rocksdb/version.h>

namespace streamview {

std::string Version() { return STREAMVIEW_VERSION; }

std::string StorageVersion() { return rocksdb::GetRocksVersionAsString(); }

}  // namespace streamview
