// ColumnFamily: an open column family of one of the databases, and whether what is stored in it can
// still be trusted.

#pragma once

#include <rocksdb/db.h>

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/mutex.h"
#include "core/base/status.h"
#include "core/storage/drop_filter.h"

namespace streamview {

// Its data can be read as long as the object lives, even once it was dropped. Must be gone before
// its database. Thread-safe.
class ColumnFamily {
 public:
  ColumnFamily(rocksdb::DB* db, rocksdb::ColumnFamilyHandle* handle,
               std::shared_ptr<DropSlot> drop_slot)
      : db_(db), handle_(handle), drop_slot_(std::move(drop_slot)) {}
  ~ColumnFamily();
  ColumnFamily(const ColumnFamily&) = delete;
  ColumnFamily& operator=(const ColumnFamily&) = delete;

  rocksdb::ColumnFamilyHandle* handle() const { return handle_; }
  // Where to say which entries compactions may drop. Null for all but the families of views.
  DropSlot* drop_slot() const { return drop_slot_.get(); }
  std::string name() const { return handle_->GetName(); }

  // --- for derived data, which can be built anew from the log

  // The outcome of reading the family. Where a file is missing, short or damaged, that is noted as
  // the family's damage, and the error is kDamaged.
  Status CheckRead(const rocksdb::Status& read, std::string_view what) const EXCLUDES(mutex_);
  // Notes that what is stored contradicts its format. Returns kDamaged, with `what` and the advice
  // to try again.
  Status NoteDamage(std::string_view what) const EXCLUDES(mutex_);
  // Whether damage was noted. Then the family is to be dropped, and built anew under another name.
  bool is_damaged() const { return is_damaged_.load(std::memory_order_acquire); }
  // What was noted first; empty: nothing.
  std::string damage() const EXCLUDES(mutex_);

 private:
  rocksdb::DB* const db_;
  rocksdb::ColumnFamilyHandle* const handle_;
  const std::shared_ptr<DropSlot> drop_slot_;
  mutable std::atomic<bool> is_damaged_{false};
  mutable Mutex mutex_;
  mutable std::string damage_ GUARDED_BY(mutex_);
};

// Whether a read has failed because a file is missing, short or damaged. (Not where the system had
// no descriptor or no memory left for it.)
bool IsDamage(const rocksdb::Status& status);

}  // namespace streamview
