// What a session keeps of its own: entries, the documents they make, and the merging of both with
// what is committed.

#include "core/session/own_entries.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/session/merge_cursor.h"
#include "core/session/own_documents.h"
#include "tests/core/engine_test_util.h"
#include "tests/ext/testing/seed.h"

namespace streamview {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Seq Add(OwnEntries& entries, int64_t value, const Value& key = Value()) {
  return Must(entries.Append(key, Value::Integer(value)));
}

std::vector<int64_t> ValuesOf(const OwnRun& run, const LogRange& range = {}) {
  std::vector<int64_t> values;
  for (OwnRunCursor cursor(run, range); cursor.Valid(); cursor.Next()) {
    values.push_back(cursor.entry().value.integer());
  }
  return values;
}

TEST(OwnEntriesTest, AreNumberedAfterTheLogsEndAndNotEarlierThanIt) {
  OwnEntries entries;
  constexpr int64_t kFuture = int64_t{1} << 60;
  entries.Begin({7, kFuture});
  EXPECT_EQ(Add(entries, 1), 8u);
  EXPECT_EQ(Add(entries, 2), 9u);
  EXPECT_EQ(entries.run().first(), 8u);
  EXPECT_EQ(entries.run().last(), 9u);
  EXPECT_EQ(entries.run().Read(9).time_ms, kFuture);
  EXPECT_EQ(entries.records().size(), 2u);
}

TEST(OwnEntriesTest, ARefusedEntryIsNotThere) {
  OwnEntries entries;
  entries.Begin({kMaxSeq - 1, 0});
  const auto key = Value::Text(std::string(kMaxKeyBytes + 1, 'k'));
  EXPECT_EQ(entries.Append(key, Value()).status().code(), StatusCode::kConstraint);
  Add(entries, 1);
  EXPECT_EQ(entries.Append(Value(), Value()).status().code(), StatusCode::kConstraint);
  EXPECT_THAT(ValuesOf(entries.run()), ElementsAre(1));
}

TEST(OwnEntriesTest, ARunIsWalkedWithinARangeInBothDirections) {
  OwnEntries entries;
  entries.Begin({10, 0});
  for (int i = 11; i <= 15; i++) Add(entries, i);
  EXPECT_THAT(ValuesOf(entries.run(), {12, 14}), ElementsAre(12, 13, 14));
  EXPECT_THAT(ValuesOf(entries.run(), {1, 12, true}), ElementsAre(12, 11));
  EXPECT_THAT(ValuesOf(entries.run(), {14, UINT64_MAX, true}), ElementsAre(15, 14));
  EXPECT_THAT(ValuesOf(entries.run(), {1, 10}), IsEmpty());
  EXPECT_THAT(ValuesOf(entries.run(), {13, 12}), IsEmpty());
  EXPECT_THAT(ValuesOf(OwnRun()), IsEmpty());
}

TEST(OwnEntriesTest, ARunIsTheBeginningOfThoseThatOnlyGrewFromIt) {
  OwnEntries entries;
  entries.Begin({0, 0});
  EXPECT_TRUE(OwnRun().IsBeginningOf(entries.run()));
  Add(entries, 1);
  const OwnRun one = entries.run();
  Add(entries, 2);
  const OwnRun two = entries.run();
  EXPECT_TRUE(one.IsBeginningOf(two));
  EXPECT_FALSE(two.IsBeginningOf(one));
  entries.Truncate(1);
  Add(entries, 3);
  EXPECT_FALSE(two.IsBeginningOf(entries.run()));
  EXPECT_FALSE(one.IsBeginningOf(entries.run()));  // it may, but that is not known
  EXPECT_THAT(ValuesOf(entries.run()), ElementsAre(1, 3));
}

TEST(OwnEntriesTest, RunsStayAsTheyAreWhateverBecomesOfTheTransaction) {
  testing::Random random(testing::TestSeed());
  OwnEntries entries;
  std::vector<int64_t> model;
  std::vector<std::pair<OwnRun, std::vector<int64_t>>> runs;
  int64_t next = 0;
  entries.Begin({5, 0});
  for (int i = 0; i < 2000; i++) {
    if (random.OneIn(50)) {
      entries.Clear();
      entries.Begin({static_cast<Seq>(random.Below(100)), 0});
      model.clear();
    } else if (random.OneIn(8)) {
      model.resize(static_cast<size_t>(random.Below(static_cast<int>(model.size()) + 1)));
      entries.Truncate(model.size());
    } else {
      model.push_back(++next);
      Add(entries, next);
    }
    ASSERT_EQ(entries.size(), model.size());
    if (random.OneIn(4)) runs.emplace_back(entries.run(), model);
    if (random.OneIn(20)) runs.clear();
    for (const auto& [run, values] : runs) ASSERT_EQ(ValuesOf(run), values);
  }
}

// --- documents

TEST(OwnDocumentsTest, KnowTheLatestVersionOfEachAndWhatItSuperseded) {
  OwnEntries entries;
  entries.Begin({10, 0});
  Add(entries, 1, Value::Text("a"));
  Add(entries, 2, Value::Text("b"));
  Add(entries, 3);  // an event
  Add(entries, 4, Value::Text("a"));
  OwnDocuments documents;
  documents.Extend(entries.run());
  EXPECT_EQ(documents.latest().size(), 2u);
  EXPECT_EQ(documents.Find(Value::Text("a"))->seq, 14u);
  EXPECT_EQ(documents.FindPrevious(14), 11u);
  EXPECT_EQ(documents.FindPrevious(11), 0u);
  EXPECT_EQ(documents.FindPrevious(13), 0u);
  EXPECT_FALSE(documents.Find(Value::Text("c")));

  Must(entries.Append(Value::Text("b"), Value()));
  documents.Extend(entries.run());
  EXPECT_TRUE(documents.Find(Value::Text("b"))->is_tombstone);
  EXPECT_EQ(documents.FindPrevious(15), 12u);
}

TEST(OwnDocumentsTest, AnIntegerAndTheRealThatIsEqualNameOneDocument) {
  OwnEntries entries;
  entries.Begin({0, 0});
  Add(entries, 1, Value::Integer(1));
  Add(entries, 2, Value::Real(1));
  OwnDocuments documents;
  documents.Extend(entries.run());
  EXPECT_EQ(documents.Find(Value::Integer(1))->seq, 2u);
  EXPECT_TRUE(documents.Find(Value::Integer(1))->key_is_real);
  EXPECT_EQ(documents.FindPrevious(2), 1u);
}

// --- merging

// Numbers in order, of which the reading may fail at one.
class Numbers {
 public:
  Numbers(std::vector<int> numbers, bool reverse, std::optional<int> bad = std::nullopt)
      : numbers_(std::move(numbers)), reverse_(reverse), bad_(bad) {
    std::sort(numbers_.begin(), numbers_.end());
    if (reverse_) std::reverse(numbers_.begin(), numbers_.end());
  }
  bool Valid() const { return at_ < numbers_.size() && numbers_[at_] != bad_; }
  void Next() { ++at_; }
  Status status() const {
    const bool fails = at_ < numbers_.size() && numbers_[at_] == bad_;
    return fails ? Status::IOError("bad") : Status::Ok();
  }
  int number() const { return numbers_[at_]; }
  int Compare(const Numbers& stored) const {
    return reverse_ ? stored.number() - number() : number() - stored.number();
  }

 private:
  std::vector<int> numbers_;
  bool reverse_;
  std::optional<int> bad_;
  size_t at_ = 0;
};

using MergedNumbers = MergeCursor<Numbers, Numbers>;

// "s" and "o" say where the number is.
std::vector<std::string> Walk(MergedNumbers merged) {
  std::vector<std::string> walked;
  for (; merged.Valid(); merged.Next()) {
    const int number = merged.at_own() ? merged.own().number() : merged.stored().number();
    walked.push_back((merged.at_stored() ? "s" : "") + std::string(merged.at_own() ? "o" : "") +
                     std::to_string(number));
  }
  return walked;
}

TEST(MergeCursorTest, AnErrorOfWhatIsStoredEndsIt) {
  MergedNumbers merged(std::make_unique<Numbers>(std::vector{1, 3}, false, 3),
                       Numbers({2, 4}, false));
  EXPECT_TRUE(merged.Valid());
  EXPECT_OK(merged.status());
  merged.Next();
  EXPECT_FALSE(merged.Valid());
  EXPECT_EQ(merged.status().code(), StatusCode::kIOError);
}

TEST(MergeCursorTest, GivesBothInOrderAndStandsAtBothWhereTheyAreEqual) {
  testing::Random random(testing::TestSeed());
  for (int i = 0; i < 1000; i++) {
    std::vector<int> stored, own;
    std::vector<std::string> expected;
    for (int number = 10; number < 20; number++) {
      const bool is_stored = random.OneIn(2), is_own = random.OneIn(3);
      if (is_stored) stored.push_back(number);
      if (is_own) own.push_back(number);
      if (!is_stored && !is_own) continue;
      expected.push_back((is_stored ? "s" : "") + std::string(is_own ? "o" : "") +
                         std::to_string(number));
    }
    const bool reverse = random.OneIn(2);
    if (reverse) std::reverse(expected.begin(), expected.end());
    EXPECT_EQ(Walk({std::make_unique<Numbers>(stored, reverse), Numbers(own, reverse)}), expected);
  }
}

}  // namespace
}  // namespace streamview
