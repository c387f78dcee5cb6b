// SweepFaults: the same work again and again, with a fault (memory that runs out, an interrupt)
// later and later in it, until it goes through.

#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "tests/ext/testing/database.h"
#include "tests/ext/testing/seed.h"

namespace streamview::testing {

// Does the work with a fault at its n-th point, n = 1, 2, ..., and puts what it did into `outcome`.
// Returns how many points it came by: fewer than n, where the fault was never reached.
using FaultyWork = std::function<int64_t(int64_t n, Outcome* outcome)>;

// Calls `work` with growing n until the fault is not reached any more, which must succeed, and
// `after` with each outcome: it checks what is left, and puts it back to where it was. Where the
// work has more than about `max_runs` points, takes every k-th of them on average, others each
// time. Prints what it did. Stops at the first failure of the test.
void SweepFaults(const std::string& name, int64_t max_runs, Random& random, const FaultyWork& work,
                 const std::function<void(const Outcome&)>& after);

}  // namespace streamview::testing
