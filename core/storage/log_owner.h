// Which database a log directory belongs to, beyond the id that both know: a copy of the database
// file knows the id as well, and must not use, let alone delete, the log of the original.
//
// The directory says so in a file OWNER, so that it can be looked at before RocksDB touches
// anything.

#pragma once

#include <string>

#include "core/base/status.h"

namespace streamview {

inline constexpr char kOwnerName[] = "OWNER";

// Whether the file `database` may use the log in `directory`. kCannotOpen where the database that
// it was last used with is still there, and is another file, and the directory is still the same:
// then `database` is a copy without a log of its own, or none (empty). A database or directory that
// was moved, copied together, or put back from a backup may.
Status CheckOwner(const std::string& directory, const std::string& database);

// The database that the log was last used with; empty where none is noted. Errors: kCannotOpen.
struct LogOwner {
  std::string database;
  bool exists = false;  // the database is still there, and is the same file
};
Result<LogOwner> ReadOwner(const std::string& directory);

// Notes, durably, that the log belongs to the file `database` from now on. REQUIRES: the caller has
// the log open
Status NoteOwner(const std::string& directory, const std::string& database);

}  // namespace streamview
