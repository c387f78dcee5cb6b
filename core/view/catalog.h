// Catalog: which views a log has, in which column families, kept in the `default` column family.
//
// Thread-safe.

#pragma once

#include <string>
#include <vector>

#include "core/base/status.h"
#include "core/map/definition.h"
#include "core/storage/log_store.h"

namespace streamview {

struct CatalogEntry {
  std::string view_id;
  ViewDefinition definition;
  std::string family;           // the column family that answers
  std::string building_family;  // the one that a rebuild fills; empty: none
};

class Catalog {
 public:
  // `store` must outlive the catalog.
  explicit Catalog(LogStore* store) : store_(store) {}

  // Entries that do not decode are left out: such a view is made anew when the database asks for
  // it.
  Result<std::vector<CatalogEntry>> Load() const;
  // Durable when they return.
  Status Put(const CatalogEntry& entry);
  Status Remove(const std::string& view_id);

 private:
  Status Write(rocksdb::WriteBatch* batch);
  LogStore* const store_;
};

}  // namespace streamview
