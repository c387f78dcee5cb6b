// The log's directory as a thing among files: what it is, before RocksDB touches it.
//
// A log directory holds RocksDB's files of the log, a directory of derived data with RocksDB's
// files of these, and a text file STREAMVIEW that names the format and the log's id. Only a
// directory with that file is ever opened, and only a missing or empty one is made into a log.

#pragma once

#include <memory>
#include <string>
#include <utility>

#include "core/base/status.h"
#include "core/storage/directory_lock.h"

namespace streamview {

enum class DirectoryKind { kMissing, kEmpty, kLog, kForeign };

struct DirectoryInfo {
  DirectoryKind kind = DirectoryKind::kMissing;
  std::string log_id;           // kLog
  bool claimed = false;         // kLog: not UNCLAIMED
  bool has_old_format = false;  // kLog: of an older version, to be noted anew (NoteFormat)
};

// Errors: kCannotOpen (not a directory, no permission, a STREAMVIEW file that cannot be read or of
// a format that this version does not know, a log directory with anything but plain files in it).
Result<DirectoryInfo> InspectDirectory(const std::string& directory);

// Why files cannot be made in the directory (kReadOnly), or OK.
Status CheckWritable(const std::string& directory);

// Makes a directory that is missing, empty, or holds a log that is not claimed into one of a log
// without entries, unclaimed, and held by the caller. One that it makes is no more open to group
// and others than the file `database` (empty: as the umask says). On error all is as it was, but
// for a log that nobody claims. Errors: kCannotOpen (it holds another log or foreign files, or
// cannot be written), kBusy (somebody has it open).
struct NewLogDirectory {
  std::unique_ptr<DirectoryLock> lock;
  bool is_new = false;  // it was missing
};
Result<NewLogDirectory> MakeLogDirectory(const std::string& directory, const std::string& log_id,
                                         const std::string& database);

// A directory that is being filled with the copy of a log, and held. It is a log directory, and
// claimed, once Finish() has succeeded; otherwise all that was put into it goes with the object.
class UnfinishedCopy {
 public:
  // Takes a directory that is missing or empty; `directory` ends in its name. One that it makes is
  // no more open to group and others than the directory `original`. Errors: kCannotOpen (it is
  // neither, or cannot be written).
  static Result<std::unique_ptr<UnfinishedCopy>> Begin(const std::string& directory,
                                                       const std::string& log_id,
                                                       const std::string& original);
  ~UnfinishedCopy();
  UnfinishedCopy(const UnfinishedCopy&) = delete;
  UnfinishedCopy& operator=(const UnfinishedCopy&) = delete;

  // Makes the directory for the copy's derived data.
  Status MakeDerivedDirectory();
  // RocksDB's files are there and synced: only the directories are left to be.
  Status Finish();

 private:
  UnfinishedCopy(std::unique_ptr<DirectoryLock> lock, std::string marker, bool made_directory)
      : lock_(std::move(lock)),
        directory_(lock_->directory()),
        marker_(std::move(marker)),
        made_directory_(made_directory) {}
  void Remove();

  const std::unique_ptr<DirectoryLock> lock_;
  const std::string directory_;
  const std::string marker_;  // as long as it is unfinished
  const bool made_directory_;
  bool finished_ = false;
};

// Notes in the file STREAMVIEW that a log of an older version has the present format now. Errors:
// kCannotOpen.
Status NoteFormat(const std::string& directory, const std::string& log_id);

// Makes or removes the file UNCLAIMED, durably.
Status SetClaimed(const std::string& directory, bool claimed);
// Whether the file is there. Costs next to nothing.
bool IsMarkedUnclaimed(const std::string& directory);

// Deletes the log in a directory, which stays. kBusy: another program has it open that knows
// RocksDB only.
Status EmptyLogDirectory(const DirectoryLock& lock);
// The same, and the directory unless it holds other files.
Status RemoveLogDirectory(const DirectoryLock& lock);

}  // namespace streamview
