// Memory of SQLite that runs out where a test says so.
//
//   MemoryFault fault(17, MemoryFault::Extent::kOnce);
//   EXPECT_THAT(db.Try("SELECT ..."), Fails(SQLITE_NOMEM, _));   // its 17th allocation failed
//
// Only what SQLite allocates is meant (sqlite3_malloc and all that SQLite itself does by it), on
// connections of the test and on those of the maps alike.

#pragma once

#include <cstdint>

namespace streamview::testing {

// Puts itself between SQLite and its allocator, and turns lookaside off, so that each allocation
// counts. REQUIRES: SQLite is not initialized yet.
void InstallFaultyMemory();

// Lets an allocation fail, from its construction on until its end. One at a time.
class MemoryFault {
 public:
  enum class Extent { kOnce, kFromThenOn };
  enum class Threads { kThisOne, kAll };

  // The n-th allocation from now on fails, n = 1, 2, ...; with kFromThenOn, all later ones, too.
  MemoryFault(int64_t n, Extent extent, Threads threads = Threads::kThisOne);
  ~MemoryFault();
  MemoryFault(const MemoryFault&) = delete;
  MemoryFault& operator=(const MemoryFault&) = delete;

  // How many allocations were asked for so far.
  int64_t allocations() const;
};

}  // namespace streamview::testing
