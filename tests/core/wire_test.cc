#include "core/remote/wire.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "core/remote/frame.h"
#include "tests/core/codec_test_util.h"
#include "tests/ext/testing/seed.h"

namespace streamview {
namespace {

template <typename T>
std::string Encode(const T& v) {
  std::string bytes;
  wire::Put(&bytes, v);
  return bytes;
}

// What is written is read again, to the last byte, and nothing that is shorter is such a value.
template <typename T>
void RoundTrip(const T& v) {
  const std::string bytes = Encode(v);
  T read;
  ASSERT_TRUE(wire::TakeWhole(bytes, &read)) << typeid(T).name();
  EXPECT_EQ(Encode(read), bytes);
  for (size_t size = 0; size < bytes.size(); size++) {
    // In memory of its own, so that a sanitizer sees what is read past the end.
    const std::vector<char> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    T none;
    EXPECT_FALSE(wire::TakeWhole(std::string_view(cut.data(), cut.size()), &none))
        << typeid(T).name() << " of " << size << " bytes";
  }
}

ViewDefinition Definition() {
  ViewDefinition definition;
  definition.name = "tags";
  definition.log_name = "events";
  definition.emit_path = "$.tags[*]";
  definition.columns = {"key", "value"};
  return definition;
}

ViewRange Range() {
  ViewRange range;
  range.equal = {Value::Text("cat"), Value::Integer(7)};
  range.lower = KeyBound{Value::Real(1.5), false};
  range.with_documents = true;
  return range;
}

ViewStatus SomeViewStatus() {
  ViewStatus status;
  status.id = "id";
  status.definition = Definition();
  status.state = ViewState::kLive;
  status.seq = 300;
  status.rate = 1e6;
  status.last_error = "none";
  return status;
}

TEST(WireTest, EveryValueIsReadAsItWasWritten) {
  RoundTrip(true);
  for (const uint64_t v : {uint64_t{0}, uint64_t{240}, uint64_t{70000}, UINT64_MAX}) RoundTrip(v);
  for (const int64_t v : {int64_t{0}, int64_t{-1}, INT64_MIN, INT64_MAX}) RoundTrip(v);
  RoundTrip(2.5);
  RoundTrip(std::string("cat"));
  for (const Value& v : {Value(), Value::Integer(-1), Value::Real(0.5), Value::Text("cat"),
                         Value::Blob(std::string_view("\0\xff", 2))}) {
    RoundTrip(v);
  }
  RoundTrip(std::vector<Seq>{1, 2, 300});
  RoundTrip(std::optional<KeyBound>());
  RoundTrip(std::optional<KeyBound>(KeyBound{Value::Text("k"), false}));
  RoundTrip(std::map<std::string, ViewDefinition>{{"a", Definition()}, {"b", Definition()}});
}

TEST(WireTest, EveryRangeAndDefinitionIsReadAsItWasWritten) {
  RoundTrip(Range());
  RoundTrip(ViewRange());
  RoundTrip(LogRange{3, 4, true});
  RoundTrip(DocRange{KeyBound{Value::Text("a")}, std::nullopt, true, true});
  RoundTrip(KeyRange{"a", "b"});
  RoundTrip(Definition());
  RoundTrip(wire::PageLimits{100, 1u << 20});
  RoundTrip(wire::Hello{1, 2, "0.1.0", "SQLite 3.46.0", "session", "log", 7});
}

TEST(WireTest, WhatIsReadOfALogIsReadAsItWasWritten) {
  Entry entry;
  entry.seq = 7;
  entry.time_ms = 1'700'000'000'000;
  entry.key = ValueView::Text("k");
  entry.value = ValueView::Text("{}");
  entry.continues = true;
  RoundTrip(entry);
  RoundTrip(DocVersion{7, true, false});
  RoundTrip(LogEnd{7, 1'700'000'000'000});
  RoundTrip(SomeViewStatus());
  RoundTrip(LogStatus{"id", "/log", 7, 8, "", "lost", 9, 10, ""});
  RoundTrip(MapError{7, Value::Text("doc"), "no JSON"});
  RoundTrip(ViewChange{true, Value::Integer(7), {Value::Text("a"), Value()}});
  RoundTrip(wire::Row{{ValueView::Text("a"), ValueView::Real(1.5)}, ValueView::Text("d"), 7, -9});
}

TEST(WireTest, EveryOutcomeIsReadAsItWasWritten) {
  RoundTrip(Status::Ok());
  RoundTrip(Status::Interrupted());
  for (int code = 1; code <= static_cast<int>(StatusCode::kLost); code++) {
    const Status status(static_cast<StatusCode>(code), "what was wrong");
    RoundTrip(status);
    Status read;
    ASSERT_TRUE(wire::TakeWhole(Encode(status), &read));
    EXPECT_EQ(read.code(), status.code());
    EXPECT_EQ(read.message(), "what was wrong");
  }
  Status read;
  ASSERT_TRUE(wire::TakeWhole(Encode(Status::CannotOpen("take it over").WithRemedy(Remedy::kAdopt)),
                              &read));
  EXPECT_EQ(read.remedy(), Remedy::kAdopt);
}

TEST(WireTest, EnumerationsHaveNoOtherValues) {
  Status status;
  SyncMode sync;
  wire::TransactionState state;
  EXPECT_FALSE(wire::TakeWhole(std::string("\x7f\0\0", 3), &status));
  EXPECT_FALSE(wire::TakeWhole(std::string("\1\x7f\0", 3), &status));
  EXPECT_FALSE(wire::TakeWhole("\3", &sync));
  EXPECT_FALSE(wire::TakeWhole("\4", &state));
  bool truth;
  EXPECT_FALSE(wire::TakeWhole("\2", &truth));
}

TEST(WireTest, ACountThatTheBytesCannotHoldTakesNoMemory) {
  std::string bytes;
  wire::Put(&bytes, UINT64_MAX);
  bytes += "some";
  std::vector<Value> values;
  std::map<std::string, ViewDefinition> views;
  std::string text;
  ViewRange range;
  EXPECT_FALSE(wire::TakeWhole(bytes, &values));
  EXPECT_FALSE(wire::TakeWhole(bytes, &views));
  EXPECT_FALSE(wire::TakeWhole(bytes, &text));
  EXPECT_FALSE(wire::TakeWhole(bytes, &range));
  // More columns than an index can have, though the bytes are there.
  EXPECT_FALSE(
      wire::TakeWhole(Encode(std::vector<Value>(kMaxKeyColumns + 2)) + std::string(4, 0), &range));
}

TEST(WireTest, TimeLeftIsTheSameOnBothSides) {
  using Clock = WaitOptions::Clock;
  WaitOptions wait;
  EXPECT_EQ(wire::RemainingTime(wait), 0);
  EXPECT_EQ(wire::DeadlineOf(0), Clock::time_point::max());
  EXPECT_EQ(wire::DeadlineOf(UINT64_MAX), Clock::time_point::max());
  wait.deadline = Clock::now() - std::chrono::seconds(1);
  EXPECT_EQ(wire::RemainingTime(wait), 1);
  const auto at_once = wire::DeadlineOf(1);
  EXPECT_LE(at_once, Clock::now());
  wait.deadline = Clock::now() + std::chrono::hours(1);
  const auto again = wire::DeadlineOf(wire::RemainingTime(wait));
  EXPECT_GE(again, wait.deadline);
  EXPECT_LE(again, wait.deadline + std::chrono::minutes(1));
}

// A range that is shortened has the rows that it had: it compares with all keys that there can be.
TEST(WireTest, AValueThatNoKeyIsAsLongAsIsCut) {
  const std::string longest(kMaxKeyBytes, 'k');
  ViewRange range;
  range.equal = {Value::Text(longest), Value::Text("doc")};
  range.lower = KeyBound{Value::Text(longest), false};
  EXPECT_EQ(Encode(wire::Shortened(range)), Encode(range));

  range.equal = {Value::Text(longest + longest)};
  range.upper = KeyBound{Value::Blob(longest + longest)};
  const ViewRange cut = wire::Shortened(range);
  EXPECT_GT(Compare(cut.equal[0], Value::Text(longest)), 0);
  EXPECT_GT(Compare(cut.upper->value, Value::Blob(longest)), 0);
  EXPECT_LE(Encode(cut).size(), 4 * kMaxKeyBytes);

  range.equal.assign(kMaxKeyColumns + 1, Value::Text(longest + "k"));
  EXPECT_LT(Encode(wire::Shortened(range)).size(), wire::kMaxRequestBytes / 2);
  const KeyRange keys{std::string(wire::kMaxRequestBytes, 'a'), std::string(1u << 20, 'b')};
  EXPECT_LT(Encode(wire::Shortened(keys)).size(), wire::kMaxRequestBytes);
}

// docs/format.md, "The wire".
TEST(WireTest, AMessageStandsThereByteForByte) {
  OutgoingFrame request(static_cast<uint8_t>(wire::Op::kFindVersion));
  wire::PutAll(&request.bytes, uint64_t{0}, Value::Text("cat"), Seq{300});
  ASSERT_TRUE(request.Finish(7, wire::kMaxRequestBytes).ok());
  EXPECT_EQ(request.bytes, Bytes("00 00 00 0d 33 00 00 00 07 00 03 03 63 61 74 f1 3c"));

  OutgoingFrame answer(static_cast<uint8_t>(wire::Op::kAnswer));
  wire::PutAnswer(&answer.bytes, Status::Ok());
  wire::Put(&answer.bytes, DocVersion{5, false, false});
  wire::SetAnswer(answer.bytes.data() + kFrameHeaderBytes, 0, 300);
  ASSERT_TRUE(answer.Finish(7, wire::kMaxAnswerBytes).ok());
  EXPECT_EQ(answer.bytes, Bytes("00 00 00 19 02 00 00 00 07 00 00 00 00 00 00 00 00 "
                                "00 00 00 00 00 00 01 2c 00 05 00 00"));
}

// Anything at all: each function says no, or gives a value.
class GarbageTest : public ::testing::Test {
 protected:
  template <typename T>
  void Read(std::string_view bytes) {
    T v;
    std::string_view in = bytes;
    if (wire::Take(&in, &v)) {
      EXPECT_LE(in.size(), bytes.size());
      (void)Encode(v);
    }
  }
};

TEST_F(GarbageTest, IsNoValueOrOneThatCanBeWritten) {
  std::mt19937_64 random(testing::TestSeed());
  const std::string good = Encode(Range()) + Encode(SomeViewStatus());
  for (int round = 0; round < 3000; round++) {
    std::string bytes = round % 2 == 0 ? good : std::string(random() % 60, '\0');
    for (int change = 0; change < 5 && !bytes.empty(); change++) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    const std::string_view part = std::string_view(bytes).substr(random() % (bytes.size() + 1));
    Read<Status>(part);
    Read<wire::Hello>(part);
    Read<ViewRange>(part);
    Read<DocRange>(part);
    Read<ViewStatus>(part);
    Read<LogStatus>(part);
    Read<ViewDefinition>(part);
    Read<ViewChange>(part);
    Read<Entry>(part);
    Read<wire::Row>(part);
    Read<std::vector<MapError>>(part);
    Read<std::map<std::string, ViewDefinition>>(part);
  }
}

}  // namespace
}  // namespace streamview
