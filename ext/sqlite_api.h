// SQLite's C API as a loadable extension sees it: through the table of functions that the host
// hands to the entry point. Every file of ext/ includes this instead of <sqlite3.h>; extension.cc
// holds the table. Compiled with -DSQLITE_CORE (the tests of single sources do) it is the library
// itself.

#pragma once

#include <sqlite3ext.h>

SQLITE_EXTENSION_INIT3

namespace streamview {

// Whether the host's SQLite has progress callbacks. Its authors' advice for builds that are to be
// fast is to leave them out (SQLITE_OMIT_PROGRESS_CALLBACK).
inline bool HasProgressHandler() {
#ifdef SQLITE_CORE
  return true;
#else
  return sqlite3_progress_handler != nullptr;
#endif
}

}  // namespace streamview
