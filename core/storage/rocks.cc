#include "core/storage/rocks.h"

namespace streamview {

Status FromRocks(const rocksdb::Status& status, std::string_view what) {
  if (status.ok()) return Status::Ok();
  std::string message = std::string(what) + ": " + status.ToString();
  if (status.IsNoSpace()) return Status(StatusCode::kFull, std::move(message));
  switch (status.code()) {
    case rocksdb::Status::kNotFound:
      return Status::NotFound(std::move(message));
    case rocksdb::Status::kCorruption:
      return Status::Corruption(std::move(message));
    case rocksdb::Status::kBusy:
    case rocksdb::Status::kTryAgain:
      return Status::Busy(std::move(message));
    case rocksdb::Status::kInvalidArgument:
    case rocksdb::Status::kNotSupported:
      return Status::InvalidArgument(std::move(message));
    case rocksdb::Status::kAborted:
      if (status.IsMemoryLimit()) return Status(StatusCode::kNoMemory, std::move(message));
      return Status::IOError(std::move(message));
    default:
      return Status::IOError(std::move(message));
  }
}

}  // namespace streamview
