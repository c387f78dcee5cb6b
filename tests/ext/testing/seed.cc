#include "tests/ext/testing/seed.h"

#include <cstdio>
#include <cstdlib>

namespace streamview::testing {

uint64_t TestSeed() {
  const char* given = std::getenv("STREAMVIEW_SEED");
  const uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  std::printf("STREAMVIEW_SEED=%llu\n", static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  return seed;
}

}  // namespace streamview::testing
