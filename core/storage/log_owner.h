// Which database a log directory belongs to, beyond the id that both know: a copy of the database file
// knows the id as well, and must not use, let alone delete, the log of the original.

#pragma once

#include <string>

#include "core/base/status.h"
#include "core/storage/store.h"

namespace streamview {

// Checks that the log in `directory` belongs to the file `database`, and notes that it does. kCannotOpen
// where the database that it was last used with is still there, and is another file, and the directory
// is still the same: then `database` is a copy without a log of its own. A database or directory that was
// moved, copied together, or put back from a backup is taken for the owner from now on; with `adopt`,
// any.
Status ClaimForDatabase(Store* store, const std::string& directory, const std::string& database,
                        bool adopt);

// Lets a copy of a log belong to whichever database it is next used with.
Status ForgetOwner(Store* store);

}  // namespace streamview
