// Which database a log directory belongs to, beyond the id that both know: a copy of the database
// file knows the id as well, and must not use, let alone delete, the log of the original.

#pragma once

#include <string>

#include "core/base/status.h"
#include "core/storage/store.h"

namespace streamview {

// Whether the file `database` may use the log in `directory`. kCannotOpen where the database that it
// was last used with is still there, and is another file, and the directory is still the same: then
// `database` is a copy without a log of its own, or none (empty). A database or directory that was
// moved, copied together, or put back from a backup may.
Status CheckOwner(const Store& store, const std::string& directory, const std::string& database);

// Notes that the log belongs to the file `database` from now on.
Status NoteOwner(Store* store, const std::string& directory, const std::string& database);

// Lets a copy of a log belong to whichever database it is next used with.
Status ForgetOwner(Store* store);

}  // namespace streamview
