#include "core/index/count_cache.h"

#include <gtest/gtest.h>

namespace streamview {
namespace {

TEST(CountCacheTest, KnowsARangeAtOneStateOnly) {
  CountCache cache;
  const KeyRange range{"a", "b"};
  EXPECT_EQ(cache.Find(range, 5), std::nullopt);
  cache.Insert(range, 5, 100);
  EXPECT_EQ(cache.Find(range, 5), 100u);
  EXPECT_EQ(cache.Find(range, 4), std::nullopt);
  EXPECT_EQ(cache.Find(range, 6), std::nullopt);
  EXPECT_EQ(cache.Find({"a", "c"}, 5), std::nullopt);
  EXPECT_EQ(cache.Find({"", "b"}, 5), std::nullopt);
  cache.Insert(range, 6, 101);
  EXPECT_EQ(cache.Find(range, 6), 101u);
  EXPECT_EQ(cache.Find(range, 5), std::nullopt);
}

TEST(CountCacheTest, KeepsNeitherShortRangesNorLongEnds) {
  CountCache cache;
  cache.Insert({"a", "b"}, 5, CountCache::kMinRows - 1);
  EXPECT_EQ(cache.Find({"a", "b"}, 5), std::nullopt);
  const KeyRange large{"a", std::string(1000, 'b')};
  cache.Insert(large, 5, 1000);
  EXPECT_EQ(cache.Find(large, 5), std::nullopt);
}

}  // namespace
}  // namespace streamview
