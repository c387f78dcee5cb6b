#include "core/storage/background_error.h"

#include <chrono>

#include "core/storage/rocks.h"

namespace streamview {

namespace {

// How long AwaitFlush waits before it looks again, should it have missed the end.
constexpr std::chrono::milliseconds kPoll{20};

}  // namespace

Status BackgroundError::status() const {
  MutexLock lock(mutex_);
  return status_;
}

void BackgroundError::Note(const Status& error) {
  MutexLock lock(mutex_);
  if (status_.ok()) status_ = error;
  changed_.NotifyAll();
}

void BackgroundError::Clear() {
  MutexLock lock(mutex_);
  status_ = Status::Ok();
}

void BackgroundError::Unpause() {
  // An error says that they are not paused.
  if (paused_.exchange(false)) db_.load()->ContinueBackgroundWork().PermitUncheckedError();
}

Status BackgroundError::AwaitFlush(rocksdb::ColumnFamilyHandle* family,
                                   const std::function<bool()>& need_not) {
  const auto is_left = [&] {
    uint64_t left = 0;
    return db_.load()->GetIntProperty(family, rocksdb::DB::Properties::kNumImmutableMemTable,
                                      &left) &&
           left > 0;
  };
  while (is_left() && !need_not()) {
    MutexLock lock(mutex_);
    if (!status_.ok()) return status_;
    changed_.WaitUntil(mutex_, std::chrono::steady_clock::now() + kPoll);
  }
  return Status::Ok();
}

void BackgroundError::OnBackgroundError(rocksdb::BackgroundErrorReason reason,
                                        rocksdb::Status* error) {
  using Reason = rocksdb::BackgroundErrorReason;
  try {
    if (reason == Reason::kCompaction && error->IsCorruption()) {
      *error = rocksdb::Status::OK();  // a damaged block is an error of who reads it
      return;
    }
    if (!error->IsIOError()) return Note(FromRocks(*error, what_ + " cannot be written"));
    switch (reason) {
      case Reason::kCompaction:
        *error = rocksdb::Status::OK();  // it will be tried again
        return;
      case Reason::kManifestWrite:  // a compaction's: the next flush writes a new manifest
        NoteManifestError();
        *error = rocksdb::Status::OK();
        return;
      case Reason::kWriteCallback:  // whoever writes is told
        *error = wal_errors_stop_.load() ? rocksdb::Status(*error, rocksdb::Status::kHardError)
                                         : rocksdb::Status::OK();
        return;
      case Reason::kMemTable:
        // Whoever writes is told; before, no flush must be about to begin.
        if (db_.load() != nullptr && !paused_.exchange(true)) {
          db_.load()->PauseBackgroundWork().PermitUncheckedError();
        }
        break;
      default:
        Note(FromRocks(*error, what_ + " cannot be written"));
    }
    // Anything above would be final.
    *error = rocksdb::Status(*error, rocksdb::Status::kHardError);
  } catch (...) {
    // No memory: the error is what RocksDB takes it for, and the next write will tell.
  }
}

void BackgroundError::OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status,
                                           bool* auto_recovery) {
  *auto_recovery = false;
}

void BackgroundError::OnFlushCompleted(rocksdb::DB* db, const rocksdb::FlushJobInfo&) {
  for (int errors = manifest_errors_.exchange(0); errors > 0; errors--) {
    EnableFileDeletions(db).PermitUncheckedError();
  }
  MutexLock lock(mutex_);
  changed_.NotifyAll();
}

}  // namespace streamview
