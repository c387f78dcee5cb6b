// Cursors that go from one range of a view to the next give what a new cursor gives.

#include <algorithm>

#include "tests/core/engine_test_util.h"
#include "tests/ext/testing/seed.h"

namespace streamview {
namespace {

std::vector<std::string> Walk(ViewCursor& cursor, size_t most) {
  std::vector<std::string> rows;
  for (; cursor.Valid() && rows.size() < most; cursor.Next()) {
    rows.push_back(ToDisplay(cursor.column(0)) + ToDisplay(cursor.column(1)) +
                   ToDisplay(cursor.doc_id()) + "#" + std::to_string(cursor.seq()) + "/" +
                   std::to_string(cursor.row_id()));
  }
  EXPECT_OK(cursor.status());
  return rows;
}

// Nothing is asked of the rows.
size_t Count(ViewCursor& cursor) {
  size_t rows = 0;
  for (; cursor.Valid(); cursor.Next()) rows++;
  EXPECT_OK(cursor.status());
  return rows;
}

class CursorRestartTest : public EngineTest {
 protected:
  // Documents with some of few tags, put, put again and erased in any order.
  void AppendSome(int count) {
    for (int i = 0; i < count; i++) {
      const std::string key = "d" + std::to_string(random_.Below(150));
      if (random_.OneIn(8)) {
        Erase(key);
        continue;
      }
      std::string tags;
      for (const char* tag : {"a", "b", "c", "dd"}) {
        if (random_.OneIn(2)) tags += (tags.empty() ? "\"" : ",\"") + std::string(tag) + "\"";
      }
      Put(key, "{\"tags\":[" + tags + "],\"location\":\"l\"}");
    }
  }

  ViewRange RandomRange() {
    ViewRange range;
    const std::vector<std::string> tags = {"a", "b", "c", "dd", "none"};
    const auto document = [this] { return Value::Text("d" + std::to_string(random_.Below(160))); };
    if (!random_.OneIn(6)) range.equal.push_back(Value::Text(random_.Pick(tags)));
    const bool one_document = range.equal.size() == 1 && random_.OneIn(2);
    if (one_document) range.equal.push_back(document());
    if (!one_document && random_.OneIn(3)) range.lower = KeyBound{document(), random_.OneIn(2)};
    if (!one_document && random_.OneIn(3)) range.upper = KeyBound{document(), random_.OneIn(2)};
    range.reverse = random_.OneIn(4);
    return range;
  }
  // The look-ups of a join: one key, documents in ascending order, some of them twice.
  std::vector<ViewRange> RandomLookUps() {
    std::vector<ViewRange> ranges;
    const std::string key = random_.OneIn(2) ? "a" : "b";
    for (int at = random_.Below(40); at < 160; at += random_.Below(12)) {
      ViewRange range = Equal(key);
      range.equal.push_back(Value::Text("d" + std::to_string(at)));
      ranges.push_back(range);
    }
    std::sort(ranges.begin(), ranges.end(), [](const ViewRange& x, const ViewRange& y) {
      return Compare(x.equal[1], y.equal[1]) < 0;
    });
    return ranges;
  }

  void ExpectSame(const ViewSnapshot& snapshot, const std::vector<ViewRange>& ranges) {
    std::unique_ptr<ViewCursor> cursor;
    for (const ViewRange& range : ranges) {
      if (cursor == nullptr || !cursor->Restart(range)) cursor = snapshot.NewCursor(range);
      const size_t most = random_.OneIn(3) ? static_cast<size_t>(random_.Below(4)) : 1000;
      const std::vector<std::string> rows = Walk(*cursor, most);
      ASSERT_EQ(rows, Walk(*snapshot.NewCursor(range), most));
      if (most > rows.size()) {
        ASSERT_EQ(rows.size(), Count(*snapshot.NewCursor(range)));
      }
      rows_ += rows.size();
    }
  }

  testing::Random random_{testing::TestSeed()};
  size_t rows_ = 0;
};

TEST_F(CursorRestartTest, AnyRangesOneAfterTheOther) {
  Open();
  const std::shared_ptr<View> view = CreateTags();
  for (int round = 0; round < 20; round++) {
    AppendSome(60);
    if (random_.OneIn(4)) ASSERT_OK(view->Flush());
    if (random_.OneIn(6)) ASSERT_OK(view->Optimize({}));
    const auto snapshot = Must(view->Read(kLatest, {}));
    std::vector<ViewRange> ranges;
    for (int i = 0; i < 100; i++) ranges.push_back(RandomRange());
    ExpectSame(*snapshot, ranges);
    ExpectSame(*snapshot, RandomLookUps());
    AppendSome(20);  // the snapshot is of before, its rows may be removed
    ExpectSame(*snapshot, RandomLookUps());
  }
  EXPECT_GT(rows_, 1000u);
}

TEST_F(CursorRestartTest, AlsoOverUncommittedEntries) {
  Open();
  const std::shared_ptr<View> view = CreateTags();
  AppendSome(200);
  const std::unique_ptr<Session> session = NewSession();
  for (int i = 0; i < 40; i++) {
    Must(session->Append(Value::Text("d" + std::to_string(random_.Below(150))),
                         Value::Text(R"({"tags":["a","c"],"location":"own"})"), {}));
  }
  const auto snapshot = Must(session->ReadView(view, kLatest, {}));
  for (int round = 0; round < 10; round++) ExpectSame(*snapshot, RandomLookUps());
  EXPECT_GT(rows_, 20u);
}

// A range that was read to its end is known to have so many rows: the index is asked for one of
// which something is asked, wherever it is.
TEST_F(CursorRestartTest, RowsThatWereOnlyCountedCanBeAskedForAnything) {
  Open();
  const std::shared_ptr<View> view = CreateTags();
  for (int i = 100; i < 300; i++) Put("d" + std::to_string(i), R"({"tags":["a"],"location":"l"})");
  for (int i = 100; i < 300; i += 3) Erase("d" + std::to_string(i));
  for (const bool reverse : {false, true}) {
    for (const bool one_key : {false, true}) {
      ViewRange range = one_key ? Equal("a") : ViewRange();
      range.reverse = reverse;
      const auto snapshot = Must(view->Read(kLatest, {}));
      const std::vector<std::string> rows = Walk(*snapshot->NewCursor(range), 1000);
      ASSERT_EQ(rows.size(), 133u);
      for (const size_t at : {0u, 1u, 40u, 70u, 100u, 132u}) {
        const std::unique_ptr<ViewCursor> cursor = snapshot->NewCursor(range);
        for (size_t i = 0; i < at; i++) cursor->Next();
        ASSERT_TRUE(cursor->Valid());
        const std::vector<std::string> rest(rows.begin() + static_cast<ptrdiff_t>(at), rows.end());
        EXPECT_EQ(Walk(*cursor, 1000), rest) << at;
      }
      Put("e" + std::to_string(reverse * 2 + one_key), R"({"tags":["b"],"location":"l"})");
      Put("d101", R"({"tags":["b"],"location":"l"})");
      EXPECT_EQ(Count(*Must(view->Read(kLatest, {}))->NewCursor(Equal("a"))), 132u);
      Put("d101", R"({"tags":["a"],"location":"l"})");
      EXPECT_EQ(Count(*Must(view->Read(kLatest, {}))->NewCursor(Equal("a"))), 133u);
      for (int i = 0; i < 4; i++) Erase("e" + std::to_string(i));
      Erase("none");
    }
  }
}

// What a run of look-ups steps over must not be shown, and what it may look at not be missed.
TEST_F(CursorRestartTest, LookUpsAheadOfTheLastOneFindWhatThereIs) {
  Open();
  const std::shared_ptr<View> view = CreateTags();
  for (int i = 100; i < 200; i++) Put("d" + std::to_string(i), R"({"tags":["a"],"location":"l"})");
  const auto snapshot = Must(view->Read(kLatest, {}));
  std::vector<std::string> found;
  std::unique_ptr<ViewCursor> cursor;
  for (int i = 90; i < 210; i += 1 + i % 13) {
    ViewRange range = Equal("a");
    range.equal.push_back(
        Value::Text(i < 100 ? "d0" + std::to_string(i) : "d" + std::to_string(i)));
    if (cursor == nullptr || !cursor->Restart(range)) cursor = snapshot->NewCursor(range);
    EXPECT_EQ(cursor->Valid(), i >= 100 && i < 200) << i;
    if (cursor->Valid()) {
      EXPECT_EQ(ToDisplay(cursor->doc_id()), "'d" + std::to_string(i) + "'");
    }
  }
}

}  // namespace
}  // namespace streamview
