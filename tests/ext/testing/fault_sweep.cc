#include "tests/ext/testing/fault_sweep.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <limits>

namespace streamview::testing {

void SweepFaults(const std::string& name, int64_t max_runs, Random& random, const FaultyWork& work,
                 const std::function<void(const Outcome&)>& after) {
  if (::testing::Test::HasFailure()) return;
  Outcome outcome;
  const int64_t points = work(std::numeric_limits<int64_t>::max(), &outcome);
  ASSERT_THAT(outcome, Succeeds()) << name;
  after(outcome);

  const int64_t mean_step = std::max<int64_t>(1, points / max_runs);
  int64_t runs = 0, failed = 0;
  for (int64_t n = 1; !::testing::Test::HasFailure(); ++runs) {
    SCOPED_TRACE(name + ", fault at point " + std::to_string(n) + " of " + std::to_string(points));
    outcome = Outcome();
    const bool reached = work(n, &outcome) >= n;
    EXPECT_TRUE(reached || outcome.code == SQLITE_OK) << outcome;
    failed += outcome.code != SQLITE_OK;
    after(outcome);
    if (!reached) break;
    n += 1 + random.Below(static_cast<int>(2 * mean_step - 1));
  }
  EXPECT_GT(failed, 0) << name << ": no fault made any difference";
  std::printf("%s: %lld points, fault at %lld of them, %lld runs failed\n", name.c_str(),
              static_cast<long long>(points), static_cast<long long>(runs),
              static_cast<long long>(failed));
}

}  // namespace streamview::testing
