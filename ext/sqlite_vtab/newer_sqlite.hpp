// What newer versions of SQLite offer than the headers that this is compiled with: found out when
// the library is loaded into one of them.
//
// SQLite's structures only ever grow at their ends (https://sqlite.org/loadext.html,
// https://sqlite.org/c3ref/module.html), so what a newer host knows of is laid out here behind what
// the headers declare.

#pragma once

#include <sqlite3ext.h>

#include <optional>
SQLITE_EXTENSION_INIT3

namespace sqlite_vtab {

// sqlite3_module as of iVersion 4, SQLite 3.44 (https://sqlite.org/vtab.html#xintegrity). An older
// host looks at iVersion for what it knows of, and not beyond that.
#if SQLITE_VERSION_NUMBER >= 3044000
using Module = sqlite3_module;
#else
struct Module : sqlite3_module {
  int (*xIntegrity)(sqlite3_vtab* table, const char* schema, const char* name, int flags,
                    char** message) = nullptr;
};
static_assert(sizeof(Module) == sizeof(sqlite3_module) + sizeof(void*),
              "the new member comes right behind the others");
#endif

// Bit 0 of xIntegrity's flags: it is PRAGMA quick_check.
constexpr int kQuickCheck = 1;

#ifndef SQLITE_CORE  // there is no table of functions where the library itself is linked

// sqlite3_is_interrupted(): whether sqlite3_interrupt() was called and statements are still ending
// because of it. Nothing where the host is older than 3.41, or these headers older than 3.40,
// behind which it comes.
inline std::optional<bool> IsInterrupted(sqlite3* db) {
#if SQLITE_VERSION_NUMBER >= 3041000
  if (sqlite3_libversion_number() >= 3041000) return sqlite3_is_interrupted(db) != 0;
#elif SQLITE_VERSION_NUMBER >= 3040000
  struct Routines : sqlite3_api_routines {
    int (*is_interrupted)(sqlite3*);
  };
  if (sqlite3_libversion_number() >= 3041000) {
    return static_cast<const Routines*>(sqlite3_api)->is_interrupted(db) != 0;
  }
#endif
  return std::nullopt;
}

#endif

}  // namespace sqlite_vtab
