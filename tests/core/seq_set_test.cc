#include "core/base/seq_set.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace streamview {
namespace {

TEST(SeqSetTest, AnEmptySetContainsNothing) {
  const SeqSet set;
  EXPECT_TRUE(set.empty());
  EXPECT_FALSE(set.Contains(0));
  EXPECT_FALSE(set.Contains(uint64_t{1} << 40));
}

TEST(SeqSetTest, ExtendingACopyLeavesTheOriginalAlone) {
  const SeqSet one = SeqSet().With(std::vector<Seq>{1, 70'000});
  const SeqSet two = one.With(std::vector<Seq>{2, 70'000});
  const SeqSet three = two.Without(std::vector<Seq>{1, 5});
  EXPECT_EQ(one.size(), 2u);
  EXPECT_EQ(two.size(), 3u);
  EXPECT_EQ(three.size(), 2u);
  EXPECT_FALSE(one.Contains(2));
  EXPECT_TRUE(two.Contains(1));
  EXPECT_FALSE(three.Contains(1));
  EXPECT_TRUE(three.Contains(70'000));
}

TEST(SeqSetTest, AgreesWithAPlainSetOnRandomChanges) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::set<Seq> model;
  SeqSet set;
  for (int round = 0; round < 200; round++) {
    std::vector<Seq> seqs;
    for (int i = 0; i < 50; i++) seqs.push_back(random() % 300'000);
    if (round % 3 == 2) {
      set = set.Without(seqs);
      for (Seq s : seqs) model.erase(s);
    } else {
      set = set.With(seqs);
      model.insert(seqs.begin(), seqs.end());
    }
    ASSERT_EQ(set.size(), model.size());
  }
  for (Seq s = 0; s < 300'000; s++) ASSERT_EQ(set.Contains(s), model.count(s) == 1) << s;
}

}  // namespace
}  // namespace streamview
