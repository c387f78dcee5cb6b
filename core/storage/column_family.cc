#include "core/storage/column_family.h"

#include "core/storage/rocks.h"

namespace streamview {

ColumnFamily::~ColumnFamily() {
  // Only an invalid handle makes this fail.
  db_->DestroyColumnFamilyHandle(handle_).PermitUncheckedError();
}

bool IsDamage(const rocksdb::Status& status) {
  return status.IsCorruption() || status.IsPathNotFound();
}

Status ColumnFamily::CheckRead(const rocksdb::Status& read, std::string_view what) const {
  if (read.ok()) return Status::Ok();
  if (!IsDamage(read)) return FromRocks(read, what);
  return NoteDamage(std::string(what) + ": " + read.ToString());
}

Status ColumnFamily::NoteDamage(std::string_view what) const {
  MutexLock lock(mutex_);
  if (damage_.empty()) damage_ = what;
  is_damaged_.store(true, std::memory_order_release);
  return Status::Damaged(std::string(what) + "; it is built anew from the log: try again");
}

std::string ColumnFamily::damage() const {
  MutexLock lock(mutex_);
  return damage_;
}

}  // namespace streamview
