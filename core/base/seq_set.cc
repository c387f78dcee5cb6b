#include "core/base/seq_set.h"

#include <algorithm>
#include <roaring/roaring.hh>

namespace streamview {

namespace {
constexpr int kBlockBits = 16;
uint32_t Low(Seq seq) { return static_cast<uint32_t>(seq & ((1u << kBlockBits) - 1)); }
}  // namespace

struct SeqSet::Block {
  Roaring members;
};

bool SeqSet::Contains(Seq seq) const {
  const Seq index = seq >> kBlockBits;
  return index < blocks_.size() && blocks_[index] && blocks_[index]->members.contains(Low(seq));
}

SeqSet SeqSet::With(std::span<const Seq> seqs) const { return Changed(seqs, true); }
SeqSet SeqSet::Without(std::span<const Seq> seqs) const { return Changed(seqs, false); }

SeqSet SeqSet::Changed(std::span<const Seq> seqs, bool add) const {
  std::vector<Seq> sorted(seqs.begin(), seqs.end());
  std::sort(sorted.begin(), sorted.end());
  SeqSet result = *this;
  for (size_t i = 0; i < sorted.size();) {
    const Seq index = sorted[i] >> kBlockBits;
    if (index >= result.blocks_.size()) {
      if (!add) break;
      result.blocks_.resize(index + 1);
    }
    const std::shared_ptr<const Block>& old = result.blocks_[index];
    auto block = old ? std::make_shared<Block>(*old) : std::make_shared<Block>();
    const uint64_t before = block->members.cardinality();
    for (; i < sorted.size() && sorted[i] >> kBlockBits == index; i++) {
      if (add) {
        block->members.add(Low(sorted[i]));
      } else {
        block->members.remove(Low(sorted[i]));
      }
    }
    result.size_ += block->members.cardinality() - before;
    result.blocks_[index] = std::move(block);
  }
  return result;
}

}  // namespace streamview
