// SeqSet: an immutable set of sequence numbers, made to be copied, extended and shared between
// threads.
//
// Log sequence numbers are dense, so a set of them is a compressed bitmap, one bit a member at the
// most. It is cut into blocks of 2^16 numbers; a copy shares the blocks, and an extended copy has
// new ones only where it differs. (CRoaring's own copy-on-write counts its references without
// atomics, so whole bitmaps cannot be shared between threads; shared_ptr<const> blocks can.)
//
// A SeqSet is a value: const methods are thread-safe, as for standard containers.

#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/base/entry.h"

namespace streamview {

class SeqSet {
 public:
  bool empty() const { return size_ == 0; }
  uint64_t size() const { return size_; }
  bool Contains(Seq seq) const;
  // A set with the members of this one and `seqs`, which may be in any order and repeat.
  SeqSet With(std::span<const Seq> seqs) const;
  // A set without `seqs`, which need not be members.
  SeqSet Without(std::span<const Seq> seqs) const;

 private:
  struct Block;
  SeqSet Changed(std::span<const Seq> seqs, bool add) const;

  std::vector<std::shared_ptr<const Block>> blocks_;  // by seq >> 16; null: no members
  uint64_t size_ = 0;
};

}  // namespace streamview
