#include "core/codec/index_entry.h"

#include "core/codec/key_codec.h"
#include "core/codec/record.h"
#include "core/codec/varint.h"

namespace streamview {
namespace {

static_assert(kMaxKeyColumns + 1 < 64, "the bit mask has one bit for each, and one for doc_id");

// The origin byte: what doc_id is.
constexpr char kOriginDocument = '\x00';  // the key of a document
constexpr char kOriginEvent = '\x01';     // the sequence number of an event without key

}  // namespace

void AppendIndexKey(std::string* dst, std::span<const ValueView> key_columns,
                    const ValueView& doc_id, bool is_event, uint64_t ordinal) {
  SV_REQUIRE(!key_columns.empty() && key_columns.size() <= kMaxKeyColumns);
  for (const ValueView& column : key_columns) AppendKeyColumn(dst, column);
  AppendIndexKeySuffix(dst, doc_id, is_event, ordinal);
}

void AppendIndexKeySuffix(std::string* dst, const ValueView& doc_id, bool is_event,
                          uint64_t ordinal) {
  AppendKeyColumn(dst, doc_id);
  dst->push_back(is_event ? kOriginEvent : kOriginDocument);
  AppendVarint(dst, ordinal);
}

void AppendIndexValue(std::string* dst, Seq seq, uint64_t row,
                      std::span<const ValueView> key_columns, const ValueView& doc_id,
                      std::span<const ValueView> other_columns) {
  SV_REQUIRE(!key_columns.empty() && key_columns.size() <= kMaxKeyColumns);
  uint64_t real_mask = 0;
  for (size_t i = 0; i < key_columns.size(); ++i)
    real_mask |= uint64_t{IsRealColumn(key_columns[i])} << i;
  real_mask |= uint64_t{IsRealColumn(doc_id)} << key_columns.size();
  AppendVarint(dst, seq);
  AppendVarint(dst, row);
  AppendVarint(dst, real_mask);
  for (const ValueView& column : other_columns) AppendTypedValue(dst, column);
}

bool ReadIndexSeq(std::string_view value, Seq* seq) { return ReadVarint(&value, seq); }

bool ReadIndexRow(std::string_view value, Seq* seq, uint64_t* row) {
  return ReadVarint(&value, seq) && ReadVarint(&value, row);
}

IndexEntryDecoder::IndexEntryDecoder(size_t columns, size_t key_columns)
    : key_columns_(key_columns), columns_(columns), scratch_(key_columns + 1) {
  SV_REQUIRE(1 <= key_columns && key_columns <= columns && key_columns <= kMaxKeyColumns);
}

Status IndexEntryDecoder::Reset(std::string_view key, std::string_view value) {
  uint64_t real_mask;
  const char* error = DecodeValue(value, &real_mask);
  if (error == nullptr) error = DecodeKey(key, real_mask);
  if (error != nullptr) return Status::Corruption(std::string("index entry: ") + error);
  return Status::Ok();
}

// Both return what is wrong, or nullptr.
const char* IndexEntryDecoder::DecodeValue(std::string_view value, uint64_t* real_mask) {
  if (!ReadVarint(&value, &seq_)) return "bad sequence number";
  if (!ReadVarint(&value, &row_)) return "bad row number";
  if (!ReadVarint(&value, real_mask)) return "bad mask of REAL columns";
  if (*real_mask >> (key_columns_ + 1) != 0) return "mask of REAL columns names too many";
  for (size_t i = key_columns_; i < columns_.size(); ++i) {
    if (!ReadTypedValue(&value, &columns_[i])) return "bad column in the value";
  }
  return value.empty() ? nullptr : "trailing bytes in the value";
}

const char* IndexEntryDecoder::DecodeKey(std::string_view key, uint64_t real_mask) {
  for (size_t i = 0; i <= key_columns_; ++i) {
    ValueView* out = i < key_columns_ ? &columns_[i] : &doc_id_;
    const bool is_real = (real_mask >> i & 1) != 0;
    if (!ReadKeyColumn(&key, is_real, &scratch_[i], out)) return "bad column in the key";
    if (is_real && out->type() != ValueType::kReal) return "mask of REAL columns names another";
  }
  if (key.empty() || (key[0] != kOriginDocument && key[0] != kOriginEvent)) {
    return "bad origin of doc_id";
  }
  is_event_ = key[0] == kOriginEvent;
  key.remove_prefix(1);
  if (!ReadVarint(&key, &ordinal_)) return "bad ordinal";
  return key.empty() ? nullptr : "trailing bytes in the key";
}

}  // namespace streamview
