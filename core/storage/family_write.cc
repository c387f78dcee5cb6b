#include "core/storage/family_write.h"

#include <rocksdb/env.h>

#include <utility>

#include "core/base/check.h"
#include "core/storage/rocks.h"

namespace streamview {

FamilyWrite::FamilyWrite(DerivedStore* store, rocksdb::ColumnFamilyHandle* family, size_t keys)
    : store_(store), family_(family) {
  if (keys < kLarge) return;
  path_ = store->NewBuildingFile();
  const rocksdb::Options options = store->db()->GetOptions(family);
  file_ = std::make_unique<rocksdb::SstFileWriter>(rocksdb::EnvOptions(options), options, family);
  Keep(file_->Open(path_));
}

FamilyWrite::~FamilyWrite() {
  if (file_ == nullptr) return;
  file_.reset();
  // Gone already where it was taken in. One that stays is removed at the next opening.
  store_->db()->GetEnv()->DeleteFile(path_).PermitUncheckedError();
}

void FamilyWrite::Put(std::string_view key, std::string_view value) {
  if (!status_.ok()) return;
  Keep(file_ != nullptr ? file_->Put(ToSlice(key), ToSlice(value))
                        : batch_.Put(family_, ToSlice(key), ToSlice(value)));
}

void FamilyWrite::Delete(std::string_view key) {
  if (!status_.ok()) return;
  Keep(file_ != nullptr ? file_->Delete(ToSlice(key)) : batch_.Delete(family_, ToSlice(key)));
}

void FamilyWrite::Merge(std::string_view key, std::string_view change) {
  if (!status_.ok()) return;
  Keep(file_ != nullptr ? file_->Merge(ToSlice(key), ToSlice(change))
                        : batch_.Merge(family_, ToSlice(key), ToSlice(change)));
}

void FamilyWrite::Keep(rocksdb::Status status) {
  if (status_.ok()) status_ = std::move(status);
}

Status FamilyWrite::Commit() {
  SV_REQUIRE(!status_.ok() || file_ != nullptr || batch_.Count() > 0);
  if (file_ == nullptr) {
    SV_RETURN_IF_ERROR(FromRocks(status_, "writing " + family_->GetName()));
    return store_->Write(&batch_);
  }
  if (status_.ok()) Keep(file_->Finish());
  SV_RETURN_IF_ERROR(FromRocks(status_, "writing " + family_->GetName()));
  // What was written before has no write-ahead log: it must be on disk before what builds on it.
  SV_RETURN_IF_ERROR(store_->Flush(family_));
  return store_->TakeIn(family_, path_);
}

}  // namespace streamview
