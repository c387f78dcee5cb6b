// SeqSet against std::set: copies are added to and taken from in turn, and the older ones stay as
// they were.

#include "core/base/seq_set.h"

#include <set>
#include <vector>

#include "tests/fuzz/fuzz_target.h"

namespace streamview::fuzz {
namespace {

// Near the ends of blocks more often than not.
Seq TakeSeq(Input& input) {
  constexpr Seq kBlocks = 8;
  return (Seq{input.TakeByte()} % kBlocks << 16) + Seq{input.TakeByte()} * 256 + input.TakeByte();
}

void CheckSame(const SeqSet& set, const std::set<Seq>& expected) {
  FUZZ_CHECK(set.size() == expected.size() && set.empty() == expected.empty());
  for (const Seq seq : expected) {
    FUZZ_CHECK(set.Contains(seq));
    FUZZ_CHECK(set.Contains(seq + 1) == (expected.count(seq + 1) != 0));
  }
}

}  // namespace
}  // namespace streamview::fuzz

FUZZ_TARGET(seq_set) {
  using namespace streamview;
  SeqSet set, old_set;
  std::set<Seq> expected, old_expected;
  for (int step = 0; !input.empty() && step < 100; step++) {
    const bool add = input.TakeByte() % 4 != 0;
    std::vector<Seq> seqs;
    for (size_t n = input.TakeBelow(16); n > 0; n--) seqs.push_back(fuzz::TakeSeq(input));
    old_set = set;
    old_expected = expected;
    set = add ? set.With(seqs) : set.Without(seqs);
    for (const Seq seq : seqs) {
      if (add) {
        expected.insert(seq);
      } else {
        expected.erase(seq);
      }
    }
    fuzz::CheckSame(set, expected);
    fuzz::CheckSame(old_set, old_expected);
  }
}
