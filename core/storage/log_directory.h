// The log's directory as a thing among files: what it is, before RocksDB touches it.
//
// A log directory holds, beside RocksDB's files, a text file STREAMVIEW that names the format and
// the log's id. Only a directory with that file is ever opened, and only a missing or empty one is
// made into a log.

#pragma once

#include <string>

#include "core/base/status.h"

namespace streamview {

enum class DirectoryKind { kMissing, kEmpty, kLog, kForeign };

struct DirectoryInfo {
  DirectoryKind kind = DirectoryKind::kMissing;
  std::string log_id;         // kLog
  bool has_database = false;  // kLog: RocksDB's files are there, too
  bool claimed = false;       // kLog: not UNCLAIMED
};

// Errors: kCannotOpen (not a directory, no permission, a STREAMVIEW file that cannot be read or of
// a format that this version does not know).
Result<DirectoryInfo> InspectDirectory(const std::string& directory);

// Makes a missing or empty directory into one of a log without entries, unclaimed. On error it is
// as it was.
Status MakeLogDirectory(const std::string& directory, const std::string& log_id);

// Makes or removes the file UNCLAIMED.
Status SetClaimed(const std::string& directory, bool claimed);

// Deletes the log in a directory, and the directory unless it holds other files. kBusy: it is open.
Status RemoveLogDirectory(const std::string& directory);

}  // namespace streamview
