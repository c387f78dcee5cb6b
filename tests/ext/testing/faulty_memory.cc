#include "tests/ext/testing/faulty_memory.h"

#include <sqlite3.h>

#include <atomic>
#include <stdexcept>
#include <thread>

namespace streamview::testing {
namespace {

sqlite3_mem_methods real;

// What the present MemoryFault has asked for. Process-wide: a thread may still be on its way
// through Fails() when the fault ends.
std::atomic<bool> active = false;
std::atomic<bool> once = false;
std::atomic<int64_t> fails_at = 0;
std::atomic<int64_t> seen = 0;
std::atomic<std::thread::id> only;  // the default value: all threads

// Counts an allocation; true where it is to fail.
bool Fails() {
  if (!active.load(std::memory_order_acquire)) return false;
  const std::thread::id thread = only;
  if (thread != std::thread::id() && thread != std::this_thread::get_id()) return false;
  const int64_t number = ++seen;
  return once ? number == fails_at : number >= fails_at;
}

void* Malloc(int size) { return Fails() ? nullptr : real.xMalloc(size); }
void* Realloc(void* block, int size) { return Fails() ? nullptr : real.xRealloc(block, size); }

}  // namespace

void InstallFaultyMemory() {
  int code = sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real);
  sqlite3_mem_methods faulty = real;
  faulty.xMalloc = Malloc;
  faulty.xRealloc = Realloc;
  if (code == SQLITE_OK) code = sqlite3_config(SQLITE_CONFIG_MALLOC, &faulty);
  if (code == SQLITE_OK) code = sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);
  if (code != SQLITE_OK) throw std::logic_error("SQLite is initialized already");
}

MemoryFault::MemoryFault(int64_t n, Extent extent, Threads threads) {
  once = extent == Extent::kOnce;
  fails_at = n;
  seen = 0;
  only = threads == Threads::kThisOne ? std::this_thread::get_id() : std::thread::id();
  active.store(true, std::memory_order_release);
}

MemoryFault::~MemoryFault() { active.store(false, std::memory_order_release); }

int64_t MemoryFault::allocations() const { return seen; }

}  // namespace streamview::testing
