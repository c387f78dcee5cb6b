// Map errors: the log entries that the map of a view failed on, as records in the view's column
// family (docs/format.md).

#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/base/status.h"
#include "core/engine.h"
#include "core/storage/column_family.h"

namespace streamview {

// The key and the value of such a record. `doc_id`: of the entry.
std::string MapErrorKey(Seq seq);
std::string MapErrorValue(const ValueView& doc_id, std::string_view message);

// The map errors of a column family, by ascending seq. Not thread-safe.
class MapErrorReader {
 public:
  // Those after `after`, as of `snapshot`; nullptr: the present. Both must outlive the reader.
  MapErrorReader(rocksdb::DB* db, const ColumnFamily& family, const rocksdb::Snapshot* snapshot,
                 Seq after);

  // The next one; false: there is none. Errors: kDamaged, kIOError.
  Result<bool> Next(MapError* error);

 private:
  const ColumnFamily& family_;
  std::unique_ptr<rocksdb::Iterator> it_;
};

}  // namespace streamview
