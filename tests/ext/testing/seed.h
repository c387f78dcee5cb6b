// Seeds of random tests: printed, and settable, so that a failure can be had again.

#pragma once

#include <cstdint>
#include <random>

namespace streamview::testing {

// The value of the environment variable STREAMVIEW_SEED, or a random number. Prints it.
uint64_t TestSeed();

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}

  // Uniform in [0, n). REQUIRES: n > 0
  int Below(int n) { return static_cast<int>(engine_() % static_cast<uint64_t>(n)); }
  bool OneIn(int n) { return Below(n) == 0; }
  template <typename Container>
  const auto& Pick(const Container& from) {
    return from[Below(static_cast<int>(from.size()))];
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace streamview::testing
