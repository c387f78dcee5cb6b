// RowBuilder: collects what a Mapper emits, as index entries in their stored form.

#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/map/definition.h"
#include "core/map/mapper.h"

namespace streamview {

// What a view calls the document of an entry: its key, or for an event without key its number.
ValueView DocId(const Entry& entry);
// A message about an entry, with its number and document.
std::string AtEntry(Seq seq, const ValueView& doc_id, const std::string& message);
inline std::string AtEntry(const Entry& entry, const std::string& message) {
  return AtEntry(entry.seq, DocId(entry), message);
}

class RowBuilder final : public Emitter {
 public:
  explicit RowBuilder(const ViewDefinition& definition)
      : columns_(definition.columns.size()), key_columns_(definition.key_columns) {}

  // Adds the rows that `mapper` emits for an entry, which is no tombstone, or none where it fails:
  // then false, with *why (may be null) saying so. Errors: those that say nothing about the entry
  // (no memory, interrupted), so that mapping it again later may succeed.
  Result<bool> MapEntry(Mapper* mapper, const Entry& entry, std::string* why = nullptr);

  // Errors: kConstraint (a limit of mapper.h).
  Status Emit(std::span<const ValueView> row) override;

  size_t rows() const { return rows_.size(); }
  size_t bytes() const { return arena_.size() + rows_.size() * sizeof(Row); }

  // All rows by ascending key; of equal keys the latest entry's only. The views are valid during
  // the call only.
  void ForEachSorted(
      const std::function<void(Seq seq, std::string_view key, std::string_view value)>& visit);

 private:
  struct Row {
    Seq seq;
    size_t key, value;  // offsets into arena_
    uint32_t key_size, value_size;
  };
  struct Emission {
    size_t key, key_size, value, value_size;
    uint64_t ordinal;
  };
  void BeginEntry(const Entry& entry);
  void EndEntry();
  void DropEntry();
  std::string_view At(size_t offset, size_t size) const { return {arena_.data() + offset, size}; }
  std::string_view KeyOf(const Row& row) const { return At(row.key, row.key_size); }
  void NumberEqualKeys();
  void SortByKey();

  const size_t columns_;
  const size_t key_columns_;
  std::string arena_;
  std::vector<Row> rows_;

  // The entry that is being emitted.
  Seq seq_ = 0;
  ValueView doc_id_;
  bool is_event_ = false;
  size_t entry_begin_ = 0;  // in arena_
  std::vector<Emission> emissions_;
  std::vector<size_t> order_;
};

}  // namespace streamview
