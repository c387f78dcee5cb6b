// The tail of a log, and what entries change in a view.

#include "core/log_tail.h"

#include <thread>

#include "tests/core/engine_test_util.h"

namespace streamview {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class LogTailTest : public EngineTest {
 protected:
  LogTailTest() { Open(); }

  // The numbers of the entries at hand.
  static std::vector<Seq> AtHand(LogTail& tail) {
    std::vector<Seq> seqs;
    while (Must(tail.Next())) seqs.push_back(tail.entry().seq);
    return seqs;
  }
  static WaitOptions NoTime() {
    WaitOptions wait;
    wait.deadline = WaitOptions::Clock::time_point::min();
    return wait;
  }
};

TEST_F(LogTailTest, GivesWhatIsThereAndWhatComes) {
  Put("a", "{}");
  Put("b", "{}");
  LogTail tail(engine_, nullptr, 1);
  ASSERT_OK(tail.Begin(0, WaitOptions()));
  Put("c", "{}");  // not at hand yet
  EXPECT_THAT(AtHand(tail), ElementsAre(2));
  ASSERT_OK(tail.Await(NoTime()));
  EXPECT_THAT(AtHand(tail), ElementsAre(3));
  std::jthread writer([this] { Put("d", "{}"); });
  ASSERT_OK(tail.Await(WaitOptions()));
  EXPECT_THAT(AtHand(tail), ElementsAre(4));
}

TEST_F(LogTailTest, AWaitEndsAtItsDeadlineAndWhenItIsInterrupted) {
  Put("a", "{}");
  const std::shared_ptr<View> views[] = {nullptr, CreateTags()};
  for (const std::shared_ptr<View>& view : views) {
    LogTail tail(engine_, view, 1);
    ASSERT_OK(tail.Begin(1, WaitOptions()));
    EXPECT_THAT(AtHand(tail), IsEmpty());
    EXPECT_EQ(tail.Await(NoTime()).code(), StatusCode::kTimedOut);
    WaitOptions interrupted;
    interrupted.interrupted = [] { return true; };
    EXPECT_EQ(tail.Await(interrupted).code(), StatusCode::kInterrupted);
    EXPECT_THAT(AtHand(tail), IsEmpty());
  }
}

TEST_F(LogTailTest, CannotBeginPastTheEndOfTheLog) {
  Put("a", "{}");
  LogTail tail(engine_, nullptr, 2);
  const Status begun = tail.Begin(0, WaitOptions());
  EXPECT_EQ(begun.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(begun.message(), HasSubstr("no entry 2"));
}

// No indexer: the view moves only as it is asked to.
TEST_F(LogTailTest, WithAViewGivesWhatTheViewHasProcessed) {
  Close();
  options_.background = false;
  Open();
  const std::shared_ptr<View> view = CreateTags();
  for (int i = 0; i < 2500; ++i) Put("a", "{}");
  LogTail tail(engine_, view, 0);
  ASSERT_OK(tail.Begin(0, WaitOptions()));
  EXPECT_THAT(AtHand(tail), IsEmpty());
  Seq given = 0;
  while (given < 2500) {
    ASSERT_OK(tail.Await(WaitOptions()));
    const std::vector<Seq> seqs = AtHand(tail);
    ASSERT_FALSE(seqs.empty());
    EXPECT_EQ(seqs.front(), given + 1);
    given = seqs.back();
    EXPECT_LE(given, view->checkpoint());
  }
}

TEST_F(LogTailTest, ChangesAreTheDifferenceOfTwoVersions) {
  const std::shared_ptr<View> view = CreateTags();
  Put("a", R"({"tags":["x","y","y"],"at":1})");
  Put("a", R"({"tags":["y","z"],"at":1})");
  Put("a", "no JSON");
  Put("a", R"({"tags":["z"],"at":1.0})");
  Erase("a");
  Append(Value(), Value::Text(R"({"tags":["z"]})"));
  ASSERT_OK(view->AdvanceTo(6, WaitOptions()).status());

  const std::unique_ptr<ViewChanges> reader = Must(view->NewChanges());
  std::vector<std::string> lines;
  const std::unique_ptr<LogCursor> entries = engine_->ScanLog({});
  for (; entries->Valid(); entries->Next()) {
    std::vector<ViewChange> changes;
    ASSERT_OK(reader->Read(entries->entry(), &changes));
    for (const ViewChange& change : changes) {
      lines.push_back(std::to_string(entries->entry().seq) + (change.withdrawn ? " - " : " + ") +
                      ToDisplay(change.row[0]) + " " + ToDisplay(change.row[1]) + " " +
                      ToDisplay(change.doc_id));
    }
  }
  EXPECT_THAT(lines,
              ElementsAre("1 + 'x' 1 'a'", "1 + 'y' 1 'a'", "1 + 'y' 1 'a'", "2 - 'x' 1 'a'",
                          "2 - 'y' 1 'a'", "2 + 'z' 1 'a'", "3 - 'y' 1 'a'", "3 - 'z' 1 'a'",  //
                          "4 + 'z' 1.0 'a'", "5 - 'z' 1.0 'a'",                                //
                          "6 + 'z' NULL 6"));
}

}  // namespace
}  // namespace streamview
