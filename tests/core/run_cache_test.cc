#include "core/index/run_cache.h"

#include "core/codec/index_entry.h"
#include "core/codec/key_codec.h"
#include "core/codec/key_range.h"
#include "tests/core/engine_test_util.h"

namespace streamview {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

KeyRange RangeOf(const std::string& key) {
  const Value values[] = {Value::Text(key)};
  return EncodeKeyRange(values, {}, {}, "");
}

std::string EncodedKey(const std::string& key, const std::string& doc_id) {
  const ValueView columns[] = {ValueView::Text(key)};
  std::string encoded;
  AppendIndexKey(&encoded, columns, ValueView::Text(doc_id), /*is_event=*/false, 0);
  return encoded;
}

// Adds the row (key, value, doc_id) of log entry `seq`.
bool AddRow(CachedRun* run, const std::string& key, const ValueView& value,
            const std::string& doc_id, Seq seq) {
  const std::string encoded = EncodedKey(key, doc_id);
  const ValueView columns[] = {ValueView::Text(key)}, others[] = {value};
  std::string stored;
  AppendIndexValue(&stored, seq, 0, columns, ValueView::Text(doc_id), others);
  return run->Add(encoded, stored);
}

// The row in entry `i` of a run: key, value, doc_id and log entry.
std::string RowAt(const CachedRun& run, size_t i) {
  IndexEntryDecoder row(2, 1);
  EXPECT_OK(row.Reset(run.key(i), run.value(i)));
  return ToDisplay(row.column(0)) + ToDisplay(row.column(1)) + ToDisplay(row.doc_id()) +
         std::to_string(row.seq());
}

CachedRun RunOf(const std::string& doc_id) {
  CachedRun run;
  EXPECT_TRUE(AddRow(&run, "cat", ValueView::Null(), doc_id, 1));
  return run;
}

TEST(CachedRunTest, GivesBackWhatWasAdded) {
  CachedRun run;
  const std::string zeros("a\0b", 3);
  ASSERT_TRUE(AddRow(&run, "cat", ValueView::Integer(7), "d1", 3));
  ASSERT_TRUE(AddRow(&run, "cat", ValueView::Blob("cat"), zeros, 4));
  ASSERT_TRUE(AddRow(&run, "", ValueView::Text(""), "", 5));
  ASSERT_TRUE(AddRow(&run, "cat", ValueView::Real(1.5), "cat", 6));
  ASSERT_EQ(run.size(), 4u);
  std::vector<std::string> rows;
  for (size_t i = 0; i < run.size(); i++) rows.push_back(RowAt(run, i));
  EXPECT_THAT(rows,
              ElementsAre("'cat'7'd1'3", "'cat'x'636174'" + ToDisplay(Value::Text(zeros)) + "4",
                          "''''''5", "'cat'1.5'cat'6"));
  EXPECT_EQ(run.key(0), EncodedKey("cat", "d1"));
  EXPECT_EQ(run.key(3), EncodedKey("cat", "cat"));
}

TEST(CachedRunTest, IsBounded) {
  CachedRun many;
  size_t rows = 0;
  while (AddRow(&many, "k", ValueView::Null(), std::to_string(rows), 1)) rows++;
  EXPECT_GT(rows, 50u);
  EXPECT_LT(rows, 300u);
  EXPECT_TRUE(many.full());
  CachedRun large;
  EXPECT_TRUE(AddRow(&large, "k", ValueView::Null(), "d", 1));
  const std::string bytes(CachedRun::kMaxBytes, 'x');
  EXPECT_FALSE(AddRow(&large, "k", ValueView::Text(bytes), "e", 2));
  EXPECT_EQ(large.size(), 1u);
  EXPECT_EQ(RowAt(large, 0), "'k'NULL'd'1");
}

TEST(RunCacheTest, FindsWhatWasInsertedForThatRangeOnly) {
  RunCache cache;
  EXPECT_EQ(cache.Find(RangeOf("cat"), /*reverse=*/false, 5), nullptr);
  cache.Insert(RangeOf("cat"), /*reverse=*/false, 5, RunOf("a"));
  ASSERT_NE(cache.Find(RangeOf("cat"), /*reverse=*/false, 5), nullptr);
  EXPECT_EQ(RowAt(*cache.Find(RangeOf("cat"), /*reverse=*/false, 5), 0), "'cat'NULL'a'1");
  EXPECT_EQ(cache.Find(RangeOf("dog"), /*reverse=*/false, 5), nullptr);
  KeyRange other_end = RangeOf("cat");
  other_end.upper += "x";
  EXPECT_EQ(cache.Find(other_end, /*reverse=*/false, 5), nullptr);
  EXPECT_EQ(cache.Find(RangeOf("cat"), /*reverse=*/true, 5), nullptr);
}

TEST(RunCacheTest, ARunServesItsOwnStateAndLaterOnesUntilItsKeyChanges) {
  RunCache cache;
  cache.Insert(RangeOf("cat"), /*reverse=*/false, 5, RunOf("a"));
  EXPECT_EQ(cache.Find(RangeOf("cat"), /*reverse=*/false, 4),
            nullptr);  // what it lacks may count there
  EXPECT_NE(cache.Find(RangeOf("cat"), /*reverse=*/false, 9), nullptr);
  cache.NoteChange(EncodedKey("dog", "b"), 8);
  EXPECT_NE(cache.Find(RangeOf("cat"), /*reverse=*/false, 9), nullptr);
  cache.NoteChange(EncodedKey("cat", "b"), 10);
  EXPECT_EQ(cache.Find(RangeOf("cat"), /*reverse=*/false, 10), nullptr);
  EXPECT_EQ(cache.Find(RangeOf("cat"), /*reverse=*/false, 9), nullptr);
  // A reader of an older state comes late with what it found: that is of no use any more.
  cache.Insert(RangeOf("cat"), /*reverse=*/false, 9, RunOf("a"));
  EXPECT_EQ(cache.Find(RangeOf("cat"), /*reverse=*/false, 10), nullptr);
  cache.Insert(RangeOf("cat"), /*reverse=*/false, 10, RunOf("b"));
  EXPECT_EQ(RowAt(*cache.Find(RangeOf("cat"), /*reverse=*/false, 10), 0), "'cat'NULL'b'1");
}

TEST(RunCacheTest, ForgetsWhatIsErased) {
  RunCache cache;
  cache.Insert(RangeOf("cat"), /*reverse=*/false, 5, RunOf("a"));
  cache.Erase(RangeOf("dog"), /*reverse=*/false);
  EXPECT_NE(cache.Find(RangeOf("cat"), /*reverse=*/false, 5), nullptr);
  cache.Erase(RangeOf("cat"), /*reverse=*/false);
  EXPECT_EQ(cache.Find(RangeOf("cat"), /*reverse=*/false, 5), nullptr);
}

TEST(RunCacheTest, MakesRoomForOthers) {
  RunCache cache;
  constexpr int kRanges = 20000;
  for (int i = 0; i < kRanges; i++)
    cache.Insert(RangeOf(std::to_string(i)), /*reverse=*/false, 1, RunOf("a"));
  int found = 0;
  for (int i = 0; i < kRanges; i++)
    found += cache.Find(RangeOf(std::to_string(i)), /*reverse=*/false, 1) != nullptr;
  EXPECT_GT(found, 500);
  EXPECT_LT(found, 2500);
  EXPECT_NE(cache.Find(RangeOf(std::to_string(kRanges - 1)), /*reverse=*/false, 1), nullptr);
}

// Through a view: what was looked up before, and then changed in all ways.
class CachedLookupTest : public EngineTest {
 protected:
  std::vector<std::string> Cats() { return Rows(*tags_, Equal("cat")); }

  void SetUp() override {
    Open();
    tags_ = CreateTags();
  }
  void TearDown() override { tags_.reset(); }

  std::shared_ptr<View> tags_;
};

TEST_F(CachedLookupTest, AnswersAsTheIndexDoesAfterEveryChange) {
  for (const std::string key : {"a", "b", "c"}) Put(key, R"({"tags":["cat"]})");
  for (int i = 0; i < 2; i++) {
    EXPECT_THAT(Cats(), ElementsAre("cat/NULL/a", "cat/NULL/b", "cat/NULL/c"));
  }
  Put("b", R"({"tags":["dog"]})");  // no new row for the key
  for (int i = 0; i < 2; i++) EXPECT_THAT(Cats(), ElementsAre("cat/NULL/a", "cat/NULL/c"));
  Put("b", R"({"tags":["cat"],"at":1})");
  for (int i = 0; i < 2; i++) {
    EXPECT_THAT(Cats(), ElementsAre("cat/NULL/a", "cat/1/b", "cat/NULL/c"));
  }
  Erase("a");
  ASSERT_OK(tags_->Optimize({}));
  for (int i = 0; i < 2; i++) EXPECT_THAT(Cats(), ElementsAre("cat/1/b", "cat/NULL/c"));
  Erase("b");
  Erase("c");
  for (int i = 0; i < 2; i++) EXPECT_THAT(Cats(), IsEmpty());
}

// A row that was superseded is told once, and not by everyone who finds it in memory.
TEST_F(CachedLookupTest, SupersededRowsAreMetOnce) {
  Put("a", R"({"tags":["cat"]})");
  Put("b", R"({"tags":["cat"]})");
  Cats();
  Put("b", R"({"tags":["dog"]})");
  for (int i = 0; i < 20; i++) EXPECT_THAT(Cats(), ElementsAre("cat/NULL/a"));
  ASSERT_OK(tags_->Optimize({}));
  const uint64_t met = tags_->GetStatus().superseded_met;
  EXPECT_LE(met, 2u);
  for (int i = 0; i < 20; i++) EXPECT_THAT(Cats(), ElementsAre("cat/NULL/a"));
  EXPECT_EQ(tags_->GetStatus().superseded_met, met);
}

TEST_F(CachedLookupTest, LongRangesGoOnBehindTheRun) {
  std::vector<std::string> expected;
  for (int i = 100; i < 400; i++) {
    Put(std::to_string(i), R"({"tags":["cat"]})");
    expected.push_back("cat/NULL/" + std::to_string(i));
  }
  for (int i = 0; i < 3; i++) EXPECT_EQ(Cats(), expected);
  // The last of the run, and all of it.
  for (int gone = 150; gone < 170; gone++) Erase(std::to_string(gone));
  std::erase_if(expected, [](const std::string& row) {
    return row >= "cat/NULL/150" && row < "cat/NULL/170";
  });
  for (int i = 0; i < 2; i++) EXPECT_EQ(Cats(), expected);
  for (int gone = 100; gone < 150; gone++) Erase(std::to_string(gone));
  expected.erase(expected.begin(), expected.begin() + 50);
  for (int i = 0; i < 2; i++) EXPECT_EQ(Cats(), expected);
}

TEST_F(CachedLookupTest, AnOldSnapshotKeepsItsRows) {
  Put("a", R"({"tags":["cat"]})");
  const auto old = Must(tags_->Read(engine_->Head(), {}));
  Erase("a");
  Put("b", R"({"tags":["cat"]})");
  EXPECT_THAT(Cats(), ElementsAre("cat/NULL/b"));
  for (int i = 0; i < 2; i++) EXPECT_THAT(RowsOf(*old, Equal("cat")), ElementsAre("cat/NULL/a"));
  EXPECT_THAT(Cats(), ElementsAre("cat/NULL/b"));
}

TEST_F(CachedLookupTest, OwnUncommittedRowsComeAndGo) {
  Put("a", R"({"tags":["cat"]})");
  EXPECT_THAT(Cats(), ElementsAre("cat/NULL/a"));
  const auto session = NewSession();
  Must(session->Append(Value::Text("a"), Value::Text(R"({"tags":["cat"],"at":2})"), {}));
  EXPECT_THAT(RowsSeenBy(*session, tags_, Equal("cat")), ElementsAre("cat/2/a"));
  EXPECT_THAT(Cats(), ElementsAre("cat/NULL/a"));
  ASSERT_OK(session->Rollback());
  EXPECT_THAT(Cats(), ElementsAre("cat/NULL/a"));
}

}  // namespace
}  // namespace streamview
