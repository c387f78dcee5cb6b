#include "core/codec/record.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>
#include <utility>

#include "tests/core/codec_test_util.h"

namespace streamview {
namespace {

constexpr int64_t kTime = 1'700'000'000'000;

std::string Typed(const ValueView& v) {
  std::string bytes;
  AppendTypedValue(&bytes, v);
  return bytes;
}

std::string Record(int64_t time_ms, const ValueView& key, const ValueView& value) {
  std::string bytes;
  AppendRecord(&bytes, time_ms, key, value);
  return bytes;
}

TEST(TypedValueTest, BytesAreThoseOfTheFormat) {
  const std::pair<ValueView, const char*> kExamples[] = {
      {ValueView::Null(), "00"},
      {ValueView::Integer(42), "01 00 00 00 00 00 00 00 2a"},
      {ValueView::Integer(-1), "01 ff ff ff ff ff ff ff ff"},
      {ValueView::Real(1.5), "02 3f f8 00 00 00 00 00 00"},
      {ValueView::Text(""), "03 00"},
      {ValueView::Text("cat"), "03 03 63 61 74"},
      {ValueView::Blob(std::string_view("\x00\xff", 2)), "04 02 00 ff"},
  };
  for (const auto& [value, hex] : kExamples) EXPECT_EQ(Hex(Typed(value)), hex);
}

TEST(TypedValueTest, NanIsWrittenAsNull) {
  EXPECT_EQ(Hex(Typed(ValueView::Real(std::nan("")))), "00");
}

TEST(TypedValueTest, MalformedValuesAreRefused) {
  for (const char* hex : {"", "05", "01 00 00 00 00 00 00 00", "02", "02 7f f8 00 00 00 00 00 00",
                          "03", "03 01", "04 02 00", "03 ff ff ff ff ff ff ff ff ff 61"}) {
    const std::string bytes = Bytes(hex);
    std::string_view input = bytes;
    ValueView v;
    EXPECT_FALSE(ReadTypedValue(&input, &v)) << hex;
  }
}

TEST(RecordTest, BytesAreThoseOfTheFormat) {
  EXPECT_EQ(Hex(Record(kTime, ValueView::Text("asset/blackcat"),
                       ValueView::Text("{\"location\":\"hawaii\"}"))),
            "01 fd 01 8b cf e5 68 00 "
            "03 0e 61 73 73 65 74 2f 62 6c 61 63 6b 63 61 74 "
            "03 15 7b 22 6c 6f 63 61 74 69 6f 6e 22 3a 22 68 61 77 61 69 69 22 7d");
  EXPECT_EQ(Hex(Record(kTime, ValueView::Text("cat"), ValueView::Null())),
            "01 fd 01 8b cf e5 68 00 03 03 63 61 74 00");
}

TEST(RecordTest, RandomRecordsDecodeToThemselves) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  RandomValues random(seed);
  for (int i = 0; i < 10'000; ++i) {
    const Value key = random.Next();
    const Value value = random.Next();
    const auto time_ms = static_cast<int64_t>(random.Below(UINT64_MAX));
    const std::string bytes = Record(time_ms, key, value);
    Entry entry;
    const Status status = DecodeRecord(bytes, i, &entry);
    ASSERT_TRUE(status.ok()) << status.message();
    ASSERT_EQ(entry.seq, static_cast<Seq>(i));
    ASSERT_EQ(entry.time_ms, time_ms);
    ASSERT_TRUE(Identical(entry.key, key));
    ASSERT_TRUE(Identical(entry.value, value));
  }
}

TEST(RecordTest, DecodedBytesPointIntoTheRecord) {
  const std::string bytes = Record(kTime, ValueView::Integer(1), ValueView::Text("cat"));
  Entry entry;
  ASSERT_TRUE(DecodeRecord(bytes, 1, &entry).ok());
  EXPECT_EQ(entry.value.bytes().data(), bytes.data() + bytes.size() - 3);
}

TEST(RecordTest, EveryTruncationIsCorruption) {
  const std::string bytes = Record(kTime, ValueView::Text("key"), ValueView::Real(1.5));
  for (size_t size = 0; size < bytes.size(); ++size) {
    Entry entry;
    const std::string truncated = bytes.substr(0, size);
    EXPECT_EQ(DecodeRecord(truncated, 1, &entry).code(), StatusCode::kCorruption) << size;
  }
}

TEST(RecordTest, ErrorsNameTheEntryAndTheReason) {
  const auto message = [](const std::string& bytes) {
    Entry entry;
    const Status status = DecodeRecord(bytes, 57, &entry);
    EXPECT_EQ(status.code(), StatusCode::kCorruption);
    return status.message();
  };
  EXPECT_EQ(message(""), "log record 57: it is empty");
  EXPECT_EQ(message(Bytes("02 00 00 00")), "log record 57: unknown version 2");
  EXPECT_EQ(message(Bytes("01 f1")), "log record 57: bad time");
  EXPECT_EQ(message(Bytes("01 00 07 00")), "log record 57: bad key");
  EXPECT_EQ(message(Bytes("01 00 00 03 02 61")), "log record 57: bad value");
  EXPECT_EQ(message(Bytes("01 00 00 00 00 00")), "log record 57: 2 bytes too many");
}

}  // namespace
}  // namespace streamview
