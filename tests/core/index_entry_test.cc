#include "core/codec/index_entry.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "core/codec/key_codec.h"
#include "tests/core/codec_test_util.h"

namespace streamview {
namespace {

// One row of a view, with what it takes to write it.
struct Row {
  std::vector<ValueView> key_columns;
  std::vector<ValueView> other_columns;
  ValueView doc_id;
  bool is_event = false;
  uint64_t ordinal = 0;
  Seq seq = 1;
  uint64_t row = 0;

  std::string Key() const {
    std::string key;
    AppendIndexKey(&key, key_columns, doc_id, is_event, ordinal);
    return key;
  }
  std::string Value() const {
    std::string value;
    AppendIndexValue(&value, seq, row, key_columns, doc_id, other_columns);
    return value;
  }
};

// The example of docs/format.md: a row of view_tags for a document.
Row DocumentRow() {
  Row row;
  row.key_columns = {ValueView::Text("cat")};
  row.other_columns = {ValueView::Text("hawaii")};
  row.doc_id = ValueView::Text("asset/blackcat");
  row.seq = 7;
  return row;
}

TEST(IndexEntryTest, BytesOfADocumentsRowAreThoseOfTheFormat) {
  EXPECT_EQ(Hex(DocumentRow().Key()),
            "20 63 61 74 00 20 61 73 73 65 74 2f 62 6c 61 63 6b 63 61 74 00 00 00");
  EXPECT_EQ(Hex(DocumentRow().Value()), "07 00 00 03 06 68 61 77 61 69 69");
}

TEST(IndexEntryTest, BytesOfAnEventsRowAreThoseOfTheFormat) {
  Row row;
  row.key_columns = {ValueView::Real(2.0)};
  row.other_columns = {ValueView::Null()};
  row.doc_id = ValueView::Integer(300);
  row.is_event = true;
  row.ordinal = 1;
  row.row = 1;
  row.seq = 300;
  EXPECT_EQ(Hex(row.Key()), "10 c0 00 00 00 00 00 00 00 10 c0 72 c0 00 00 00 00 00 01 01");
  EXPECT_EQ(Hex(row.Value()), "f1 3c 01 01 00");
}

TEST(IndexEntryTest, KeyIsItsColumnsAndItsSuffix) {
  const Row row = DocumentRow();
  std::string key;
  AppendKeyColumn(&key, row.key_columns[0]);
  AppendIndexKeySuffix(&key, row.doc_id, row.is_event, row.ordinal);
  EXPECT_EQ(key, row.Key());
}

TEST(IndexEntryTest, DocumentAndEventOfTheSameNumberDiffer) {
  Row document = DocumentRow();
  document.doc_id = ValueView::Integer(5);
  Row event = document;
  event.is_event = true;
  EXPECT_LT(document.Key(), event.Key());
}

TEST(IndexEntryTest, RowsOfOneEntryKeepTheOrderOfTheirEmission) {
  Row earlier = DocumentRow();
  Row later = earlier;
  for (const uint64_t ordinal : {1, 240, 241, 2288, 99'999}) {
    later.ordinal = ordinal;
    EXPECT_LT(earlier.Key(), later.Key());
    earlier = later;
  }
}

TEST(IndexEntryTest, SeqIsReadWithoutDecodingTheEntry) {
  Row row = DocumentRow();
  row.seq = uint64_t{1} << 40;
  Seq seq;
  ASSERT_TRUE(ReadIndexSeq(row.Value(), &seq));
  EXPECT_EQ(seq, row.seq);
  EXPECT_FALSE(ReadIndexSeq("", &seq));
}

TEST(IndexEntryTest, RandomRowsDecodeToThemselves) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  RandomValues random(seed);
  constexpr size_t kKeys = 3, kOthers = 2;
  IndexEntryDecoder decoder(kKeys + kOthers, kKeys);
  for (int i = 0; i < 20'000; ++i) {
    const std::vector<Value> values = random.NextRow(kKeys + kOthers + 1);
    Row row;
    row.key_columns.assign(values.begin(), values.begin() + kKeys);
    row.other_columns.assign(values.begin() + kKeys, values.end() - 1);
    row.doc_id = values.back();
    row.is_event = random.Below(2) == 0;
    row.ordinal = random.Below(3000);
    row.seq = random.Below(UINT64_MAX);

    const std::string key = row.Key(), value = row.Value();
    const Status status = decoder.Reset(key, value);
    ASSERT_TRUE(status.ok()) << status.message();
    for (size_t c = 0; c < kKeys + kOthers; ++c) {
      ASSERT_TRUE(Identical(decoder.column(c), values[c])) << c << ": " << ToDisplay(values[c]);
    }
    ASSERT_TRUE(Identical(decoder.doc_id(), row.doc_id)) << ToDisplay(row.doc_id);
    ASSERT_EQ(decoder.seq(), row.seq);
    ASSERT_EQ(decoder.is_event(), row.is_event);
    ASSERT_EQ(decoder.ordinal(), row.ordinal);
  }
}

TEST(IndexEntryTest, SixtyTwoKeyColumnsAndDocIdMayAllBeReal) {
  Row row;
  row.key_columns.assign(kMaxKeyColumns, ValueView::Real(1));
  row.doc_id = ValueView::Real(2);
  const std::string key = row.Key(), value = row.Value();
  IndexEntryDecoder decoder(kMaxKeyColumns, kMaxKeyColumns);
  ASSERT_TRUE(decoder.Reset(key, value).ok());
  EXPECT_TRUE(Identical(decoder.column(kMaxKeyColumns - 1), ValueView::Real(1)));
  EXPECT_TRUE(Identical(decoder.doc_id(), ValueView::Real(2)));
}

TEST(IndexEntryTest, NanReadsBackAsNull) {
  Row row = DocumentRow();
  row.key_columns = row.other_columns = {ValueView::Real(std::nan(""))};
  const std::string key = row.Key(), value = row.Value();
  IndexEntryDecoder decoder(2, 1);
  ASSERT_TRUE(decoder.Reset(key, value).ok());
  EXPECT_TRUE(decoder.column(0).is_null());
  EXPECT_TRUE(decoder.column(1).is_null());
}

TEST(IndexEntryTest, EveryTruncationAndExtensionIsCorruption) {
  const std::string key = DocumentRow().Key(), value = DocumentRow().Value();
  IndexEntryDecoder decoder(2, 1);
  for (size_t size = 0; size < key.size(); ++size) {
    const std::string truncated = key.substr(0, size);
    EXPECT_EQ(decoder.Reset(truncated, value).code(), StatusCode::kCorruption) << size;
  }
  for (size_t size = 0; size < value.size(); ++size) {
    const std::string truncated = value.substr(0, size);
    EXPECT_EQ(decoder.Reset(key, truncated).code(), StatusCode::kCorruption) << size;
  }
  EXPECT_EQ(decoder.Reset(key + '\0', value).message(), "index entry: trailing bytes in the key");
  EXPECT_EQ(decoder.Reset(key, value + '\0').message(), "index entry: trailing bytes in the value");
  EXPECT_TRUE(decoder.Reset(key, value).ok());
}

TEST(IndexEntryTest, MaskOfMoreColumnsThanThereAreIsCorruption) {
  const std::string key = DocumentRow().Key();
  IndexEntryDecoder decoder(1, 1);
  EXPECT_EQ(decoder.Reset(key, Bytes("07 00 04")).message(),
            "index entry: mask of REAL columns names too many");
}

TEST(IndexEntryTest, MaskThatNamesATextIsCorruption) {
  const std::string key = DocumentRow().Key();
  IndexEntryDecoder decoder(1, 1);
  EXPECT_TRUE(decoder.Reset(key, Bytes("07 00 00")).ok());
  EXPECT_EQ(decoder.Reset(key, Bytes("07 00 01")).message(),
            "index entry: mask of REAL columns names another");
}

TEST(IndexEntryTest, UnknownOriginIsCorruption) {
  std::string key = DocumentRow().Key();
  key[key.size() - 2] = '\x02';
  IndexEntryDecoder decoder(2, 1);
  EXPECT_EQ(decoder.Reset(key, DocumentRow().Value()).message(),
            "index entry: bad origin of doc_id");
}

TEST(IndexEntryTest, RandomDamageIsCorruptionOrAnotherEntryButNeverACrash) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  RandomValues random(seed);
  IndexEntryDecoder decoder(2, 1);
  const std::string key = DocumentRow().Key(), value = DocumentRow().Value();
  for (int i = 0; i < 50'000; ++i) {
    // Copies of the exact size, so that a sanitizer sees a read past the end.
    std::vector<char> damaged_key(key.begin(), key.end());
    std::vector<char> damaged_value(value.begin(), value.end());
    for (int n = 0; n < 2; ++n) {
      damaged_key[random.Below(key.size())] = static_cast<char>(random.Below(256));
      damaged_value[random.Below(value.size())] = static_cast<char>(random.Below(256));
    }
    const std::string_view key_view(damaged_key.data(), damaged_key.size());
    const std::string_view value_view(damaged_value.data(), damaged_value.size());
    const Status status = decoder.Reset(key_view, value_view);
    if (!status.ok()) {
      ASSERT_EQ(status.code(), StatusCode::kCorruption);
      continue;
    }
    // What decodes encodes to the same bytes.
    Row row;
    row.key_columns = {decoder.column(0)};
    row.other_columns = {decoder.column(1)};
    row.doc_id = decoder.doc_id();
    row.is_event = decoder.is_event();
    row.ordinal = decoder.ordinal();
    row.seq = decoder.seq();
    ASSERT_EQ(row.Key(), key_view) << Hex(key_view);
  }
}

}  // namespace
}  // namespace streamview
