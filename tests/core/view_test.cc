#include <random>
#include <thread>

#include "core/map/json_path_mapper.h"
#include "tests/core/engine_test_util.h"

namespace streamview {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ViewTest : public EngineTest {
 protected:
  // A mapper that waits for nothing and fails on documents that hold the word "poison".
  static Result<std::unique_ptr<Mapper>> PoisonMapper(const ViewDefinition&) {
    class Poison final : public Mapper {
     public:
      Status Map(const Entry& entry, Emitter& emitter) override {
        const ValueView row[] = {ValueView::Text(entry.value.bytes()), ValueView::Null()};
        SV_RETURN_IF_ERROR(emitter.Emit(row));
        if (entry.value.bytes() == "poison") return Status::InvalidArgument("poisoned");
        return Status::Ok();
      }
    };
    return std::unique_ptr<Mapper>(new Poison);
  }
  ViewDefinition PoisonDefinition(OnError on_error) {
    ViewDefinition definition = TagsDefinition();
    definition.name = "words";
    definition.kind = MapKind::kSql;
    definition.on_error = on_error;
    return definition;
  }
  void OpenWithPoison(std::vector<std::string> ids = {}) {
    options_.mapper_factory = PoisonMapper;
    Open(std::move(ids));
  }
};

TEST_F(ViewTest, ShowsWhatTheMapEmitsInKeyOrder) {
  Open();
  const auto tags = CreateTags();
  Put("a", R"({"at":"oahu","tags":["cat","black"]})");
  Put("b", R"({"at":"maui","tags":["cat"]})");
  EXPECT_THAT(Rows(*tags), ElementsAre("black/oahu/a", "cat/oahu/a", "cat/maui/b"));
  EXPECT_THAT(Rows(*tags, Equal("cat")), ElementsAre("cat/oahu/a", "cat/maui/b"));
  EXPECT_THAT(Rows(*tags, Equal("dog")), IsEmpty());
}

TEST_F(ViewTest, RangesRespectTheirBoundsAndDescendingIsTheExactReverse) {
  Open();
  const auto tags = CreateTags();
  for (const char* key : {"a", "b", "c", "d"})
    Put(key, R"({"tags":[")" + std::string(key) + "\"]}");
  const auto range = [&](bool low_inclusive, bool high_inclusive, bool reverse) {
    ViewRange r;
    r.lower = KeyBound{Value::Text("b"), low_inclusive};
    r.upper = KeyBound{Value::Text("d"), high_inclusive};
    r.reverse = reverse;
    return Rows(*tags, r);
  };
  EXPECT_THAT(range(true, true, false), ElementsAre("b/NULL/b", "c/NULL/c", "d/NULL/d"));
  EXPECT_THAT(range(false, true, true), ElementsAre("d/NULL/d", "c/NULL/c"));
  EXPECT_THAT(range(true, false, false), ElementsAre("b/NULL/b", "c/NULL/c"));
  EXPECT_THAT(range(false, false, true), ElementsAre("c/NULL/c"));
  ViewRange crossed;
  crossed.lower = KeyBound{Value::Text("d"), true};
  crossed.upper = KeyBound{Value::Text("b"), true};
  EXPECT_THAT(Rows(*tags, crossed), IsEmpty());
}

TEST_F(ViewTest, DocIdIsTheNextIndexColumnAfterTheKey) {
  Open();
  const auto tags = CreateTags();
  for (const char* key : {"a", "b", "c"}) Put(key, R"({"tags":["x","y"]})");
  ViewRange point = Equal("x");
  point.equal.push_back(Value::Text("b"));
  EXPECT_THAT(Rows(*tags, point), ElementsAre("x/NULL/b"));
  ViewRange after = Equal("x");
  after.lower = KeyBound{Value::Text("a"), false};
  EXPECT_THAT(Rows(*tags, after), ElementsAre("x/NULL/b", "x/NULL/c"));
}

TEST_F(ViewTest, ANewVersionSupersedesTheOldOneAndATombstoneAll) {
  options_.background = false;  // nobody cleans up meanwhile
  Open();
  const auto tags = CreateTags();
  Put("a", R"({"tags":["x","y"]})");
  EXPECT_THAT(Rows(*tags), ElementsAre("x/NULL/a", "y/NULL/a"));
  Put("a", R"({"at":"new","tags":["y","z"]})");
  EXPECT_THAT(Rows(*tags), ElementsAre("y/new/a", "z/new/a"));
  EXPECT_EQ(tags->GetStatus().superseded_met, 1u);
  EXPECT_EQ(tags->GetStatus().entries, 3u);  // x of the old version is still there
  Erase("a");
  EXPECT_THAT(Rows(*tags), IsEmpty());
  Put("a", R"({"tags":["x"]})");
  EXPECT_THAT(Rows(*tags), ElementsAre("x/NULL/a"));
}

TEST_F(ViewTest, EventsWithoutKeyAreNeverSupersededAndDoNotMeetDocumentsOfTheSameNumber) {
  Open();
  const auto tags = CreateTags();
  Append(Value(), Value::Text(R"({"tags":["x"]})"));
  Append(Value(), Value::Text(R"({"tags":["x"]})"));
  Append(Value::Integer(1), Value::Text(R"({"at":"doc","tags":["x"]})"));
  EXPECT_THAT(Rows(*tags), ElementsAre("x/doc/1", "x/NULL/1", "x/NULL/2"));
}

TEST_F(ViewTest, TheSameKeyEmittedTwiceByOneDocumentGivesBothRows) {
  Open();
  const auto tags = CreateTags();
  Put("a", R"({"tags":["x","x"]})");
  EXPECT_THAT(Rows(*tags), ElementsAre("x/NULL/a", "x/NULL/a"));
  Put("a", R"({"tags":["x"]})");
  EXPECT_THAT(Rows(*tags), ElementsAre("x/NULL/a"));
}

TEST_F(ViewTest, ASnapshotStaysAsItIsWhateverComesAfter) {
  Open();
  const auto tags = CreateTags();
  Put("a", R"({"tags":["x"]})");
  const auto snapshot = Must(tags->Read(1, {}));
  Put("a", R"({"tags":["y"]})");
  Put("b", R"({"tags":["x"]})");
  EXPECT_THAT(Rows(*tags), ElementsAre("x/NULL/b", "y/NULL/a"));
  EXPECT_THAT(RowsOf(*snapshot), ElementsAre("x/NULL/a"));
  EXPECT_EQ(snapshot->seq(), 1u);
}

TEST_F(ViewTest, OwnUncommittedEntriesAreMergedInAndSupersede) {
  Open();
  const auto tags = CreateTags();
  Put("a", R"({"at":"old","tags":["x","y"]})");
  Put("b", R"({"tags":["y"]})");
  auto own = NewSession();
  Must(own->Append(Value::Text("a"), Value::Text(R"({"at":"new","tags":["y","z"]})"), {}));
  Must(own->Append(Value::Text("b"), Value(), {}));
  EXPECT_THAT(RowsSeenBy(*own, tags), ElementsAre("y/new/a", "z/new/a"));
  ViewRange descending;
  descending.reverse = true;
  EXPECT_THAT(RowsSeenBy(*own, tags, descending), ElementsAre("z/new/a", "y/new/a"));
  EXPECT_THAT(Rows(*tags), ElementsAre("x/old/a", "y/old/a", "y/NULL/b"));

  Must(own->Append(Value::Text("a"), Value::Text(R"({"tags":["q"]})"), {}));
  EXPECT_THAT(RowsSeenBy(*own, tags), ElementsAre("q/NULL/a"));
  own->Truncate(1);
  EXPECT_THAT(RowsSeenBy(*own, tags), ElementsAre("y/new/a", "y/NULL/b", "z/new/a"));
  ASSERT_OK(own->Rollback());
  EXPECT_THAT(Rows(*tags), ElementsAre("x/old/a", "y/old/a", "y/NULL/b"));
}

TEST_F(ViewTest, AnOpenCursorOverOwnEntriesIsNotDisturbedByFurtherOnes) {
  Open();
  const auto tags = CreateTags();
  auto own = NewSession();
  Must(own->Append(Value::Text("a"), Value::Text(R"({"tags":["x","y"]})"), {}));
  const auto snapshot = Must(own->ReadView(tags, 0, {}));
  const auto cursor = snapshot->NewCursor({});
  Must(own->Append(Value::Text("a"), Value::Text(R"({"tags":["z"]})"), {}));
  EXPECT_THAT(RowsSeenBy(*own, tags), ElementsAre("z/NULL/a"));
  EXPECT_THAT(RowsOf(*snapshot), ElementsAre("x/NULL/a", "y/NULL/a"));
}

TEST_F(ViewTest, AViewMadeLateHoldsTheWholeLog) {
  Open();
  for (int i = 0; i < 2500; i++) Put("doc" + std::to_string(i), R"({"tags":["t"]})");
  const auto tags = CreateTags();
  EXPECT_EQ(Rows(*tags).size(), 2500u);
  EXPECT_EQ(tags->GetStatus().state, ViewState::kLive);
}

TEST_F(ViewTest, ReopeningFindsTheViewWhereItWas) {
  Open();
  auto tags = CreateTags();
  Put("a", R"({"tags":["x"]})");
  Put("a", R"({"tags":["y"]})");
  EXPECT_THAT(Rows(*tags), ElementsAre("y/NULL/a"));
  ASSERT_OK(tags->Flush());
  const std::string id = tags->id();
  tags.reset();
  Close();
  Open({id});
  tags = Must(engine_->FindView(id));
  EXPECT_EQ(Must(tags->Read(0, {}))->seq(), 2u);
  EXPECT_THAT(Rows(*tags), ElementsAre("y/NULL/a"));
  EXPECT_EQ(tags->definition().emit_path, "$.tags[*]");
}

TEST_F(ViewTest, AViewThatTheDatabaseDoesNotKnowIsRemovedAtOpening) {
  Open();
  const std::string id = CreateTags()->id();
  Close();
  Open({});
  EXPECT_EQ(engine_->FindView(id).status().code(), StatusCode::kNotFound);
  Close();
  Open({id});
  EXPECT_EQ(engine_->FindView(id).status().code(), StatusCode::kNotFound);
}

TEST_F(ViewTest, ADroppedViewIsGoneButItsSnapshotsStayReadable) {
  Open();
  const auto tags = CreateTags();
  Put("a", R"({"tags":["x"]})");
  const auto snapshot = Must(tags->Read(1, {}));
  ASSERT_OK(engine_->DropView(tags->id()));
  EXPECT_THAT(RowsOf(*snapshot), ElementsAre("x/NULL/a"));
  EXPECT_EQ(engine_->FindView(tags->id()).status().code(), StatusCode::kNotFound);
  Put("b", R"({"tags":["x"]})");
  EXPECT_EQ(tags->Read(2, {}).status().code(), StatusCode::kNotFound);
}

TEST_F(ViewTest, ViewsOfTheSameNameLiveSideBySide) {
  Open();
  Put("a", R"({"tags":["x"]})");
  const auto first = CreateTags(), second = CreateTags();
  ASSERT_OK(engine_->DropView(first->id()));
  EXPECT_THAT(Rows(*second), ElementsAre("x/NULL/a"));
}

TEST_F(ViewTest, ADocumentThatCannotBeMappedIsRecordedUntilItIsSuperseded) {
  Open();
  const auto tags = CreateTags();
  Put("a", R"({"tags":["x"]})");
  Put("bad", "no json");
  Put("b", R"({"tags":["x"]})");
  EXPECT_THAT(Rows(*tags), ElementsAre("x/NULL/a", "x/NULL/b"));
  EXPECT_EQ(tags->GetStatus().errors, 1u);
  EXPECT_THAT(tags->GetStatus().last_error, HasSubstr("not JSON"));
  const std::vector<MapError> errors = Must(tags->ListErrors(0, 10));
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_EQ(errors[0].seq, 2u);
  EXPECT_EQ(errors[0].doc_id.view().bytes(), "bad");
  Put("bad", R"({"tags":["y"]})");
  EXPECT_THAT(Rows(*tags), ElementsAre("x/NULL/a", "x/NULL/b", "y/NULL/bad"));
  EXPECT_EQ(tags->GetStatus().errors, 0u);
  EXPECT_THAT(Must(tags->ListErrors(0, 10)), IsEmpty());
}

TEST_F(ViewTest, RowsEmittedBeforeAnErrorAreDropped) {
  OpenWithPoison();
  const auto words = Must(engine_->CreateView(PoisonDefinition(OnError::kSkip)));
  Put("a", "poison");
  Put("b", "fine");
  EXPECT_THAT(Rows(*words), ElementsAre("fine/NULL/b"));
}

TEST_F(ViewTest, OnErrorStopHaltsTheViewAndSaysWhyAtEveryRead) {
  OpenWithPoison();
  auto words = Must(engine_->CreateView(PoisonDefinition(OnError::kStop)));
  auto tags = CreateTags();
  Put("a", "fine");
  Put("b", "poison");
  Put("c", "fine");
  for (int i = 0; i < 2; i++) {
    const Status failed = words->Read(engine_->Head(), {}).status();
    EXPECT_EQ(failed.code(), StatusCode::kFailed);
    EXPECT_THAT(failed.message(), HasSubstr("poisoned"));
    EXPECT_THAT(failed.message(), HasSubstr("entry 2 ('b')"));
  }
  EXPECT_EQ(words->GetStatus().state, ViewState::kFailed);
  EXPECT_EQ(Must(tags->AdvanceTo(3, {})), 3u);

  // It is still failed after a restart, and a rebuild helps once the document is mended.
  const std::string id = words->id();
  words.reset();
  tags.reset();
  Close();
  OpenWithPoison({id});
  words = Must(engine_->FindView(id));
  EXPECT_EQ(words->Read(0, {}).status().code(), StatusCode::kFailed);
  Put("b", "fine too");
  ASSERT_OK(words->Rebuild({}));
  EXPECT_THAT(Rows(*words), ElementsAre("fine/NULL/a", "fine/NULL/c", "fine too/NULL/b"));
}

TEST_F(ViewTest, RebuildKeepsTheResultsAndDropsWhatWasSuperseded) {
  Open();
  const auto tags = CreateTags();
  for (int i = 0; i < 50; i++) Put("a", R"({"tags":["t)" + std::to_string(i) + "\"]}");
  Rows(*tags);
  const auto before = Must(tags->Read(50, {}));
  ASSERT_OK(tags->Rebuild({}));
  EXPECT_THAT(Rows(*tags), ElementsAre("t49/NULL/a"));
  EXPECT_THAT(RowsOf(*before), ElementsAre("t49/NULL/a"));
  // With nobody else to build it, the indexer lets the new index take over.
  while (tags->GetStatus().rebuilding) std::this_thread::yield();
  EXPECT_EQ(tags->GetStatus().entries, 1u);
  EXPECT_THAT(Rows(*tags), ElementsAre("t49/NULL/a"));
}

TEST_F(ViewTest, ARebuildGoesOnAfterReopening) {
  options_.background = true;
  Open();
  auto tags = CreateTags();
  for (int i = 0; i < 300; i++) Put("doc" + std::to_string(i % 7), R"({"tags":["x"]})");
  const std::string id = tags->id();
  ASSERT_OK(tags->Rebuild({}));
  tags.reset();
  Close();  // wherever the rebuild is
  Open({id});
  tags = Must(engine_->FindView(id));
  EXPECT_EQ(Rows(*tags).size(), 7u);
  while (tags->GetStatus().rebuilding) std::this_thread::yield();
  EXPECT_EQ(Rows(*tags).size(), 7u);
  EXPECT_OK(tags->CheckIntegrity({}));
}

TEST_F(ViewTest, ADefinitionWhoseColumnsDoNotFitIsRefused) {
  Open();
  ViewDefinition definition = TagsDefinition();
  definition.key_columns = 3;
  const Status status = engine_->CreateView(definition).status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "3 key columns among 2");
  EXPECT_TRUE(Must(engine_->ListViews()).empty());
}

TEST_F(ViewTest, AViewThatTheLogHasLostIsMadeAgainUnderItsId) {
  Open();
  Put("a", R"({"tags":["x"]})");
  const std::string id = CreateTags()->id();
  Close();
  Open({});  // by somebody who does not know of it
  const auto tags = Must(engine_->CreateView(TagsDefinition(), id));
  EXPECT_EQ(tags->id(), id);
  EXPECT_EQ(Must(engine_->CreateView(TagsDefinition(), id))->id(), id);
  EXPECT_EQ(Must(engine_->ListViews()).size(), 1u);
  EXPECT_THAT(Rows(*tags), ElementsAre("x/NULL/a"));
}

TEST_F(ViewTest, SupersededEntriesThatAReaderMeetsAreRemovedInTheBackground) {
  Open();
  const auto tags = CreateTags();
  Put("a", R"({"tags":["p","q"]})");
  Put("b", R"({"tags":["q","r"]})");
  ASSERT_OK(tags->AdvanceTo(2, {}).status());
  Put("a", R"({"tags":["s"]})");
  Put("b", R"({"tags":["r","t"]})");
  ASSERT_OK(tags->AdvanceTo(4, {}).status());
  EXPECT_EQ(tags->GetStatus().entries, 6u);
  EXPECT_THAT(Rows(*tags), ElementsAre("r/NULL/b", "s/NULL/a", "t/NULL/b"));
  while (tags->GetStatus().entries > 3) std::this_thread::yield();
  EXPECT_EQ(tags->GetStatus().superseded_met, 3u);
  EXPECT_THAT(Rows(*tags), ElementsAre("r/NULL/b", "s/NULL/a", "t/NULL/b"));
}

TEST_F(ViewTest, ARepairSparesAnEntryThatTheDocumentHasEmittedAgain) {
  options_.background = false;
  Open();
  const auto tags = CreateTags();
  Put("a", R"({"tags":["x"]})");
  Erase("a");
  EXPECT_THAT(Rows(*tags), IsEmpty());  // tells of the entry of x
  Put("a", R"({"tags":["x"]})");
  EXPECT_THAT(Rows(*tags), ElementsAre("x/NULL/a"));
  ASSERT_OK(tags->Optimize({}));
  EXPECT_THAT(Rows(*tags), ElementsAre("x/NULL/a"));
}

TEST_F(ViewTest, OptimizeLeavesNoEntryOfDocumentsThatAreGone) {
  Open();
  const auto tags = CreateTags();
  for (int i = 0; i < 500; i++) Put("doc" + std::to_string(i), R"({"tags":["x","y"]})");
  ASSERT_OK(tags->AdvanceTo(500, {}).status());
  const auto before = Must(tags->Read(500, {}));
  for (int i = 0; i < 500; i++) Erase("doc" + std::to_string(i));
  ASSERT_OK(tags->Optimize({}));
  EXPECT_EQ(tags->GetStatus().entries, 0u);
  EXPECT_EQ(RowsOf(*before).size(), 1000u);  // an older snapshot keeps what it saw
}

TEST_F(ViewTest, WithoutABackgroundThreadReadsAdvanceTheView) {
  options_.background = false;
  Open();
  const auto tags = CreateTags();
  Put("a", R"({"tags":["x"]})");
  EXPECT_EQ(tags->GetStatus().seq, 0u);
  EXPECT_THAT(Rows(*tags), ElementsAre("x/NULL/a"));
  ASSERT_OK(tags->Rebuild({}));
  EXPECT_FALSE(tags->GetStatus().rebuilding);
  EXPECT_THAT(Rows(*tags), ElementsAre("x/NULL/a"));
}

TEST_F(ViewTest, AReadThatIsInterruptedOrLateSaysSoAndChangesNothing) {
  options_.background = false;
  Open();
  const auto tags = CreateTags();
  // More than one step: whether to go on is asked after each.
  const auto session = NewSession();
  for (int i = 0; i < 1500; i++) {
    Must(session->Append(Value::Text("a"), Value::Text(R"({"tags":["x"]})"), {}));
  }
  ASSERT_OK(session->Prepare(SyncMode::kOff));
  session->Commit();
  WaitOptions interrupted;
  interrupted.interrupted = [] { return true; };
  if (!IsRemote()) {  // which asks only as it waits for the answer
    EXPECT_EQ(tags->Read(1500, interrupted).status().code(), StatusCode::kInterrupted);
  }
  WaitOptions late;
  late.deadline = WaitOptions::Clock::now();
  const Status timed_out = tags->Read(1500, late).status();
  EXPECT_EQ(timed_out.code(), StatusCode::kTimedOut);
  EXPECT_THAT(timed_out.message(), HasSubstr("tags is at 0, waiting for 1500"));
  EXPECT_THAT(Rows(*tags), ElementsAre("x/NULL/a"));
}

TEST_F(ViewTest, ThreadsThatReadTheirOwnWritesAlwaysSeeThem) {
  Open();
  const auto tags = CreateTags();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 40; i++) {
        const std::string key = "t" + std::to_string(t) + "-" + std::to_string(i);
        const Seq seq = Put("doc" + std::to_string(t), R"({"tags":[")" + key + "\"]}");
        const auto snapshot = Must(tags->Read(seq, {}));
        EXPECT_EQ(RowsOf(*snapshot, Equal(key)).size(), 1u) << key;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Rows(*tags).size(), 4u);
}

}  // namespace
}  // namespace streamview
