// ReduceBuilder: collects what a Mapper emits as changes of a reduce view's aggregates.
//
// In the index a row of the view is an aggregate (core/codec/aggregate.h) under the encoded key
// columns. A view of stats also counts how often each value occurs under each key, so that the
// least and the greatest are found after values have gone: an aggregate, without sums, under
// kValuesPrefix, the key columns, and the value as a further column.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/codec/aggregate.h"
#include "core/codec/key_codec.h"
#include "core/map/definition.h"
#include "core/map/mapper.h"

namespace streamview {

inline constexpr char kValuesPrefix = '\2';
// What an aggregate takes in memory, about, beside its key.
inline constexpr size_t kBytesOfAnAggregate = 256;
// Where the keys of rows begin: after those of values.
inline constexpr std::string_view kFirstReduceRow = "\3";

class ReduceBuilder final : public Emitter {
 public:
  explicit ReduceBuilder(const ViewDefinition& definition)
      : reduce_(definition.reduce),
        columns_(definition.columns.size()),
        key_columns_(definition.key_columns) {}

  // Adds the rows that `mapper` emits for an entry, or takes them out; none for a tombstone, and
  // none where it fails: then false, with *why saying so. Errors: those that say nothing about the
  // entry.
  Result<bool> MapEntry(Mapper* mapper, const Entry& entry, bool subtract, std::string* why);
  // Adds all changes to `aggregates`, a map from the keys of index entries, and forgets them.
  // Returns about how much memory new keys take.
  template <typename Map>
  size_t MoveTo(Map* aggregates);
  void Clear();

  // Errors: kConstraint (a limit of mapper.h, a value that cannot be reduced).
  Status Emit(std::span<const ValueView> row) override;

 private:
  struct Emission {
    size_t key, key_size;  // in arena_
    uint64_t reals;        // a bit for each key column that is REAL, then for the value
    ValueView value;       // a number
    bool subtract;
  };

  size_t sums() const { return reduce_ == Reduce::kStats ? 2 : reduce_ == Reduce::kSum ? 1 : 0; }
  uint64_t ValueBit() const { return uint64_t{1} << key_columns_; }
  Status CheckValue(const ValueView& value) const;

  const Reduce reduce_;
  const size_t columns_;
  const size_t key_columns_;
  std::string arena_;
  std::vector<Emission> emissions_;

  // The entry that is being mapped.
  size_t entry_begin_ = 0;     // in arena_
  size_t first_emission_ = 0;  // in emissions_
  bool subtract_ = false;
};

// Takes out what an entry has added. `mapper` is that of `view`. Errors: kCorruption where the map
// fails on it now; those that say nothing about the entry.
Status WithdrawEntry(const ViewDefinition& view, Mapper* mapper, const Entry& entry,
                     ReduceBuilder* builder);

// The key of an index entry that counts a value, but for the value itself.
std::string ValuesKey(std::string_view row_key);

template <typename Map>
size_t ReduceBuilder::MoveTo(Map* aggregates) {
  size_t bytes = 0;
  const auto at = [&](std::string_view key) -> Aggregate& {
    const auto [found, is_new] = aggregates->try_emplace(std::string(key));
    if (is_new) bytes += key.size() + kBytesOfAnAggregate;
    return found->second;
  };
  std::string value_key;
  for (const Emission& e : emissions_) {
    const std::string_view key(arena_.data() + e.key, e.key_size);
    at(key).AddRow(e.reals, e.value, sums(), e.subtract);
    if (reduce_ != Reduce::kStats) continue;
    value_key = ValuesKey(key);
    AppendKeyColumn(&value_key, e.value);
    at(value_key).AddRow(e.reals & ValueBit(), e.value, 0, e.subtract);
  }
  Clear();
  return bytes;
}

}  // namespace streamview
