// Index entries: any key and value are decoded or refused, and what is decoded has no other
// encoding; rows come back.

#include "core/codec/index_entry.h"

#include <vector>

#include "tests/fuzz/fuzz_target.h"

namespace streamview::fuzz {
namespace {

struct Row {
  std::vector<ValueView> keys, others;
  ValueView doc_id;
  Seq seq = 0;
  uint64_t row = 0, ordinal = 0;
  bool is_event = false;

  std::string Key() const {
    std::string key;
    AppendIndexKey(&key, keys, doc_id, is_event, ordinal);
    return key;
  }
  std::string Value() const {
    std::string value;
    AppendIndexValue(&value, seq, row, keys, doc_id, others);
    return value;
  }
};

Row RowOf(const IndexEntryDecoder& entry, size_t key_columns) {
  Row row;
  for (size_t i = 0; i < entry.columns(); i++) {
    (i < key_columns ? row.keys : row.others).push_back(entry.column(i));
  }
  row.doc_id = entry.doc_id();
  row.seq = entry.seq();
  row.row = entry.row();
  row.ordinal = entry.ordinal();
  row.is_event = entry.is_event();
  return row;
}

void CheckArbitrary(IndexEntryDecoder& entry, size_t key_columns, Input& input) {
  const std::string_view key = input.TakeString(), value = input.TakeRest();
  if (!entry.Reset(key, value).ok()) return;
  const Row row = RowOf(entry, key_columns);
  FUZZ_CHECK(row.Key() == key && row.Value() == value);
  Seq seq;
  FUZZ_CHECK(ReadIndexSeq(value, &seq) && seq == row.seq);
}

void CheckRow(IndexEntryDecoder& entry, size_t key_columns, Input& input) {
  Row row;
  row.seq = input.TakeInteger();
  row.row = input.TakeByte();
  row.ordinal = input.TakeByte();
  row.is_event = input.TakeBool();
  row.doc_id = input.TakeValue();
  for (size_t i = 0; i < entry.columns(); i++) {
    (i < key_columns ? row.keys : row.others).push_back(input.TakeValue());
  }
  const std::string key = row.Key(), value = row.Value();
  FUZZ_CHECK(entry.Reset(key, value).ok());
  const Row read = RowOf(entry, key_columns);
  for (size_t i = 0; i < row.keys.size(); i++) FUZZ_CHECK(Identical(row.keys[i], read.keys[i]));
  for (size_t i = 0; i < row.others.size(); i++) {
    FUZZ_CHECK(Identical(row.others[i], read.others[i]));
  }
  FUZZ_CHECK(Identical(row.doc_id, read.doc_id) && row.is_event == read.is_event);
  FUZZ_CHECK(row.seq == read.seq && row.row == read.row && row.ordinal == read.ordinal);
}

}  // namespace
}  // namespace streamview::fuzz

FUZZ_TARGET(index_entry) {
  using namespace streamview;
  const size_t key_columns = 1 + input.TakeBelow(kMaxKeyColumns);
  const size_t columns = key_columns + input.TakeBelow(4);
  IndexEntryDecoder entry(columns, key_columns);
  if (input.TakeBool()) return fuzz::CheckArbitrary(entry, key_columns, input);
  fuzz::CheckRow(entry, key_columns, input);
}
