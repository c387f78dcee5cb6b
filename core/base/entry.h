// Entry: one entry of the log, and the number it has there.

#pragma once

#include <cstdint>

#include "core/base/value.h"

namespace streamview {

// Sequence numbers start at 1 and have no gaps. 0 stands for "before the first entry".
using Seq = uint64_t;

// No log has more entries. So numbers that a damaged directory makes up cannot ask for more memory
// than there is (core/base/seq_set.h).
constexpr Seq kMaxSeq = Seq{1} << 40;

// One entry of the log. The views are valid only as long as what they were read from.
struct Entry {
  Seq seq = 0;
  int64_t time_ms = 0;  // since the Unix epoch; never decreases along the log
  ValueView key;        // NULL: an event that belongs to no document
  ValueView value;
  bool continues = false;  // further entries of the same transaction follow

  bool has_document() const { return !key.is_null(); }
  bool is_tombstone() const { return has_document() && value.is_null(); }
};

}  // namespace streamview
