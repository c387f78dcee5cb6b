// The index entry: one row of a view as a key and a value of the view's column family.
//
//   key    the key columns, doc_id (all as key_codec.h encodes them), the origin of doc_id, and a
//          varint: how many rows with the same key columns the same log entry has emitted before
//   value  varint seq, varint row, varint bit mask of the REAL ones among (key columns..., doc_id),
//          and the other columns as typed values (record.h)
//
// So entries order by key columns, then doc_id, then order of emission, and what a newer version of
// a document emits again takes the place of the older entry.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/check.h"
#include "core/base/entry.h"
#include "core/base/status.h"
#include "core/base/value.h"

namespace streamview {

// Part of a view's fingerprint: with another version, views are built anew.
constexpr uint8_t kIndexEntryVersion = 1;

// Where index entries begin in a view's column family: below lie checkpoint and errors.
inline constexpr std::string_view kFirstIndexKey = "\2";

// REQUIRES: 1 <= key_columns.size() <= kMaxKeyColumns. `is_event`: doc_id is the sequence number of
// an event without key, so that event 5 and the document with key 5 are different entries.
void AppendIndexKey(std::string* dst, std::span<const ValueView> key_columns,
                    const ValueView& doc_id, bool is_event, uint64_t ordinal);
// The part of the key that follows the key columns.
void AppendIndexKeySuffix(std::string* dst, const ValueView& doc_id, bool is_event,
                          uint64_t ordinal);
// `row` numbers the rows that the log entry `seq` emitted, whatever their keys: (seq, row) is one
// row of the view. REQUIRES: key_columns as for the entry's key.
void AppendIndexValue(std::string* dst, Seq seq, uint64_t row,
                      std::span<const ValueView> key_columns, const ValueView& doc_id,
                      std::span<const ValueView> other_columns);

// Only the sequence number of an index value. False where there is none.
[[nodiscard]] bool ReadIndexSeq(std::string_view value, Seq* seq);
// The number of the row, too.
[[nodiscard]] bool ReadIndexRow(std::string_view value, Seq* seq, uint64_t* row);

// Decodes the entries of one view, one after the other, without allocating for each. Not
// thread-safe.
class IndexEntryDecoder {
 public:
  // REQUIRES: 1 <= key_columns <= columns, and key_columns <= kMaxKeyColumns
  IndexEntryDecoder(size_t columns, size_t key_columns);

  // Decodes an entry. Its bytes must live, unchanged, until the next Reset or the last look at a
  // value. Errors: kCorruption; then nothing else may be called before a Reset that succeeds.
  Status Reset(std::string_view key, std::string_view value);

  size_t columns() const { return columns_.size(); }
  // Valid until the next Reset; they point into its arguments or into this decoder.
  // REQUIRES: i < columns()
  ValueView column(size_t i) const {
    SV_REQUIRE(i < columns_.size());
    return columns_[i];
  }
  ValueView doc_id() const { return doc_id_; }
  Seq seq() const { return seq_; }
  uint64_t row() const { return row_; }
  bool is_event() const { return is_event_; }
  uint64_t ordinal() const { return ordinal_; }

 private:
  const char* DecodeKey(std::string_view key, uint64_t real_mask);
  const char* DecodeValue(std::string_view value, uint64_t* real_mask);

  const size_t key_columns_;
  std::vector<ValueView> columns_;
  std::vector<std::string> scratch_;  // per key column, then doc_id: bytes that had to be unescaped
  ValueView doc_id_;
  Seq seq_ = 0;
  uint64_t row_ = 0;
  uint64_t ordinal_ = 0;
  bool is_event_ = false;
};

}  // namespace streamview
