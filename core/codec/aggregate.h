// Aggregate: what a reduce view keeps for one key: how many rows there are, and what their values
// add up to. Also a change of that, to be added: then the counts may be negative.
//
// All parts are exact, so aggregates can be added in any order and grouping, and what was added can
// be taken out again. Equal aggregates have equal bytes.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"
#include "core/base/value.h"
#include "core/codec/exact_sum.h"

namespace streamview {

// Part of a reduce view's fingerprint: with another version, views are built anew.
constexpr uint8_t kAggregateVersion = 1;

struct Aggregate {
  // A key and a number do not say whether they are INTEGER or REAL where these are equal (1 and
  // 1.0). So the REAL ones are counted, by column: those of the key from 0 on, then the value.
  struct RealCount {
    uint32_t column;
    int64_t count;  // never 0

    friend bool operator==(const RealCount&, const RealCount&) = default;
  };

  int64_t count = 0;
  std::vector<RealCount> reals;  // by ascending column
  std::vector<ExactSum> sums;    // of the values; of their squares; as many as are kept

  // Adds what one row is, or takes it out. `reals`: a bit for each column that is REAL. `sums`: how
  // many are kept. REQUIRES: `value` is a number that ExactSum takes, where sums > 0
  void AddRow(uint64_t reals, const ValueView& value, size_t sums, bool subtract);
  void Add(const Aggregate& other);

  int64_t RealsIn(uint32_t column) const;
  // Whether adding it changes nothing.
  bool is_zero() const;

  // The stored form (docs/format.md).
  void AppendTo(std::string* dst) const;
  // Errors: kCorruption; then the aggregate is unspecified.
  Status Decode(std::string_view bytes);

  friend bool operator==(const Aggregate&, const Aggregate&) = default;

 private:
  void AddReals(uint32_t column, int64_t n);
};

// Only the count of a stored aggregate. False where there is none.
[[nodiscard]] bool ReadAggregateCount(std::string_view bytes, int64_t* count);

}  // namespace streamview
