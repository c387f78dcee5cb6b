// Entry: one entry of the log, and the number it has there.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/base/check.h"
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

// Consecutive entries in their stored form (core/codec/record.h), shared by all who keep them.
using Record = std::shared_ptr<const std::string>;
using Records = std::vector<Record>;

// One entry of a document, as it is known without a look at the log.
struct DocVersion {
  Seq seq = 0;  // 0: there is none
  bool is_tombstone = false;
  bool key_is_real = false;  // the key, a number, is written as REAL in this entry
};

// The version that an entry is. REQUIRES: entry.has_document()
inline DocVersion VersionOf(const Entry& entry) {
  SV_REQUIRE(entry.has_document());
  return {entry.seq, entry.is_tombstone(), entry.key.type() == ValueType::kReal};
}

// The bytes of one document key, and of the key columns of one index row together.
constexpr size_t kMaxKeyBytes = 64u << 10;

}  // namespace streamview
