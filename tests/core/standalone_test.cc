#include "core/standalone.h"

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "core/storage/log_directory.h"
#include "tests/core/engine_test_util.h"
#include "tests/core/remote_test_util.h"

namespace streamview {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// One row for each entry: its value, and where the row is from.
class ValueMapper final : public Mapper {
 public:
  Status Map(const Entry& entry, Emitter& emitter) override {
    const ValueView row[] = {entry.value, ValueView::Text("by C++")};
    return emitter.Emit(row);
  }
};

Result<std::unique_ptr<Mapper>> NewMapper(const ViewDefinition& definition) {
  if (definition.map == "value") return std::unique_ptr<Mapper>(new ValueMapper);
  return Status::InvalidArgument("no mapper is called " + definition.map);
}

class StandaloneTest : public EngineTest {
 protected:
  StandaloneTest() {
    standalone_.directory = directory();
    standalone_.mapper_factory = NewMapper;
  }

  void OpenAgain() {
    Close();
    engine_ = Must(OpenStandalone(standalone_));
  }

  // A view at entry 1, made by a process with the mapper. This one has none, and opens the log.
  std::string DefineElsewhere() {
    OpenAgain();
    auto view = Must(DefineView(engine_.get(), ByValue()));
    Put("a", "x");
    EXPECT_THAT(Rows(*view), ElementsAre("x/by C++/a"));
    EXPECT_OK(view->Flush());
    const std::string id = view->id();
    view.reset();
    standalone_.mapper_factory = nullptr;
    OpenAgain();
    return id;
  }

  static std::string CannotAdvance() {
    return "view by_value cannot be advanced by process " + std::to_string(getpid()) +
           ", which holds the log: ";
  }

  static ViewDefinition ByValue() {
    ViewDefinition definition;
    definition.name = "by_value";
    definition.kind = MapKind::kCustom;
    definition.map = "value";
    definition.columns = {"value", "source"};
    return definition;
  }

  const std::string kNoMapper = CannotAdvance() + "this program has no mapper for view by_value";
  StandaloneOptions standalone_;
};

TEST_F(StandaloneTest, ALogIsMadeWhereThereIsNoneAndFoundAgain) {
  OpenAgain();
  Put("a", "1");
  const std::string id = engine_->id();
  OpenAgain();
  EXPECT_EQ(engine_->id(), id);
  EXPECT_EQ(engine_->Head(), 1u);
}

TEST_F(StandaloneTest, AnEmptyDirectoryIsMadeIntoALog) {
  std::filesystem::create_directory(directory());
  OpenAgain();
  EXPECT_EQ(Put("a", "1"), 1u);
}

TEST_F(StandaloneTest, OneProcessSharesOneEngine) {
  OpenAgain();
  EXPECT_EQ(Must(OpenStandalone(standalone_)), engine_);
}

TEST_F(StandaloneTest, ARelativeDirectoryIsTakenFromTheWorkingDirectory) {
  standalone_.directory = std::filesystem::relative(directory());
  OpenAgain();
  EXPECT_EQ(engine_->GetLogStatus().directory,
            std::filesystem::absolute(standalone_.directory).string());
}

TEST_F(StandaloneTest, WithoutADirectoryItIsANewLogInMemory) {
  standalone_.directory = "";
  OpenAgain();
  EXPECT_EQ(Put("a", "1"), 1u);
  OpenAgain();
  EXPECT_EQ(engine_->Head(), 0u);
}

TEST_F(StandaloneTest, AForeignDirectoryIsRefusedAndLeftAlone) {
  std::filesystem::create_directory(directory());
  std::ofstream(directory() + "/precious") << "data";
  const Status status = OpenStandalone(standalone_).status();
  EXPECT_EQ(status.code(), StatusCode::kCannotOpen);
  EXPECT_THAT(status.message(), HasSubstr("is not a streamview log directory"));
  EXPECT_TRUE(std::filesystem::exists(directory() + "/precious"));
}

TEST_F(StandaloneTest, TheLogOfADatabaseIsRefused) {
  options_.database = root() / "app.db";
  std::ofstream(options_.database) << "a database";
  Open();
  EXPECT_THAT(OpenStandalone(standalone_).status().message(), HasSubstr("app.db"));
  Close();
  const Status status = OpenStandalone(standalone_).status();
  EXPECT_EQ(status.code(), StatusCode::kCannotOpen);
  EXPECT_THAT(status.message(), HasSubstr("belongs to the database " + options_.database));
}

TEST_F(StandaloneTest, WhileItIsOpenADatabaseCannotUseIt) {
  OpenAgain();
  options_.log_id = engine_->id();
  options_.database = root() / "app.db";
  EXPECT_THAT(OpenEngine(options_).status().message(),
              HasSubstr("is open in this process without a database"));
}

TEST_F(StandaloneTest, AMakingThatWasCutShortGoesOn) {
  ASSERT_OK(MakeLogDirectory(directory(), NewLogId(), "").status());
  OpenAgain();
  EXPECT_EQ(Put("a", "1"), 1u);
  OpenAgain();
  EXPECT_EQ(engine_->Head(), 1u);
}

TEST_F(StandaloneTest, AMapperOfTheProgramMakesTheRows) {
  OpenAgain();
  const auto view = Must(DefineView(engine_.get(), ByValue()));
  Put("a", "x");
  Put("b", "y");
  Put("a", "z");
  EXPECT_THAT(Rows(*view), ElementsAre("y/by C++/b", "z/by C++/a"));
  EXPECT_EQ(view->definition().ToDisplay(), "log=\"\", mapper=value");
}

TEST_F(StandaloneTest, ARowOfAnotherViewsColumnsIsAMapError) {
  OpenAgain();
  for (const Reduce reduce : {Reduce::kNone, Reduce::kCount}) {
    ViewDefinition definition = ByValue();
    definition.name = "wide" + std::string(ReduceName(reduce));
    definition.columns = {"value", "source", "more"};
    definition.reduce = reduce;
    const auto view = Must(DefineView(engine_.get(), definition));
    Put("a", "x");
    ASSERT_OK(view->AdvanceTo(engine_->Head(), WaitOptions()).status());
    const std::vector<MapError> errors = Must(view->ListErrors(0, 1));
    ASSERT_EQ(errors.size(), 1u);
    EXPECT_THAT(errors.front().message, HasSubstr("a row of 2 columns, and the view has 3"));
  }
}

TEST_F(StandaloneTest, AViewIsFoundAgainWithItsRows) {
  OpenAgain();
  const std::string id = Must(DefineView(engine_.get(), ByValue()))->id();
  Put("a", "x");
  OpenAgain();
  const auto view = Must(DefineView(engine_.get(), ByValue()));
  EXPECT_EQ(view->id(), id);
  EXPECT_THAT(Rows(*view), ElementsAre("x/by C++/a"));
}

// However many columns its mapper gives.
TEST_F(StandaloneTest, AViewOfThreeColumnsIsFoundAgain) {
  ViewDefinition definition = ByValue();
  definition.columns = {"value", "source", "more"};
  definition.key_columns = 2;
  OpenAgain();
  const std::string id = Must(DefineView(engine_.get(), definition))->id();
  OpenAgain();
  EXPECT_THAT(Must(engine_->ListViews()), ElementsAre(::testing::Key(id)));
  EXPECT_EQ(Must(DefineView(engine_.get(), definition))->id(), id);
}

TEST_F(StandaloneTest, AViewIsReplacedWhereItsDefinitionChanged) {
  OpenAgain();
  const std::string id = Must(DefineView(engine_.get(), ByValue()))->id();
  Put("a", "x");
  ViewDefinition changed = ByValue();
  changed.version = 2;
  EXPECT_THAT(Rows(*Must(DefineView(engine_.get(), changed))), ElementsAre("x/by C++/a"));
  EXPECT_EQ(engine_->FindView(id).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(Must(engine_->ListViews()).size(), 1u);
}

TEST_F(StandaloneTest, AViewThatCannotBeMadeLeavesTheOldOne) {
  OpenAgain();
  const std::string id = Must(DefineView(engine_.get(), ByValue()))->id();
  ViewDefinition unknown = ByValue();
  unknown.map = "unknown";
  EXPECT_EQ(DefineView(engine_.get(), unknown).status().message(),
            CannotAdvance() + "no mapper is called unknown");
  EXPECT_EQ(Must(engine_->FindView(id))->id(), id);
}

// It is read as far as it is, and says why it goes no further.
TEST_F(StandaloneTest, AViewWithoutItsMapperIsReadAsItWasLeft) {
  const std::string id = DefineElsewhere();
  auto view = Must(engine_->FindView(id));
  EXPECT_EQ(view->GetStatus().state, ViewState::kLive);
  EXPECT_EQ(view->GetStatus().last_error, kNoMapper);
  EXPECT_THAT(Rows(*view), ElementsAre("x/by C++/a"));
  EXPECT_EQ(Must(DefineView(engine_.get(), ByValue()))->id(), id);

  EXPECT_EQ(Put("b", "y"), 2u);
  EXPECT_EQ(view->Read(kLatest, WaitOptions()).status().message(), kNoMapper);
  EXPECT_EQ(view->AdvanceTo(2, WaitOptions()).status().message(), kNoMapper);
  EXPECT_EQ(view->Rebuild(WaitOptions()).message(), kNoMapper);
  EXPECT_EQ(view->CheckIntegrity(WaitOptions()).message(), kNoMapper);
  EXPECT_EQ(view->NewChanges().status().message(), kNoMapper);
  EXPECT_THAT(RowsOf(*Must(view->Read(1, WaitOptions()))), ElementsAre("x/by C++/a"));
  EXPECT_EQ(view->GetStatus().state, ViewState::kFailed);
  EXPECT_EQ(view->GetStatus().seq, 1u);
  EXPECT_EQ(view->GetStatus().last_error, kNoMapper);
  ASSERT_OK(view->Flush());
  view.reset();

  standalone_.mapper_factory = NewMapper;
  OpenAgain();
  EXPECT_THAT(Rows(*Must(engine_->FindView(id))), ElementsAre("x/by C++/a", "y/by C++/b"));
}

// The indexer leaves it alone, and others go on.
TEST_F(StandaloneTest, AViewWithoutItsMapperDoesNotHoldUpOthers) {
  const std::string id = DefineElsewhere();
  const auto tags = Must(DefineView(engine_.get(), TagsDefinition()));
  Put("b", R"({"tags":["cat"],"at":"oahu"})");
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (tags->checkpoint() < 2) {
    ASSERT_LT(std::chrono::steady_clock::now(), limit);
    std::this_thread::yield();
  }
  EXPECT_EQ(Must(engine_->FindView(id))->checkpoint(), 1u);
}

// --- the program and the holder of the log are two processes

TEST_F(StandaloneTest, AHolderWithoutTheMapperLetsOthersReadOnly) {
  const std::string id = DefineElsewhere();
  Holder holder(engine_);
  const auto remote = holder.Connect(NewMapper);
  const auto view = Must(remote->FindView(id));
  EXPECT_THAT(Rows(*view), ElementsAre("x/by C++/a"));
  EXPECT_EQ(Must(DefineView(remote.get(), ByValue()))->id(), id);
  ViewDefinition changed = ByValue();
  changed.version = 2;
  EXPECT_EQ(DefineView(remote.get(), changed).status().message(), kNoMapper);
  EXPECT_THAT(Must(remote->ListViews()), ElementsAre(::testing::Key(id)));

  Put("b", "y");
  EXPECT_EQ(view->Read(kLatest, WaitOptions()).status().message(), kNoMapper);
  EXPECT_EQ(view->GetStatus().last_error, kNoMapper);
  EXPECT_OK(view->NewMapper().status());
}

TEST_F(StandaloneTest, AHolderWithTheMapperAdvancesTheViewForOthers) {
  OpenAgain();
  const std::string id = Must(DefineView(engine_.get(), ByValue()))->id();
  Holder holder(engine_);
  const auto remote = holder.Connect();
  const auto view = Must(remote->FindView(id));
  Put("a", "x");
  EXPECT_THAT(Rows(*view), ElementsAre("x/by C++/a"));
  EXPECT_EQ(Must(DefineView(remote.get(), ByValue()))->id(), id);
  ASSERT_OK(view->Rebuild(WaitOptions()));
  EXPECT_EQ(view->GetStatus().last_error, "");

  // Its own entries it would have to map by itself.
  Session session(remote);
  ASSERT_OK(session.TakeTurn(WaitOptions()));
  ASSERT_OK(session.Append(Value::Text("b"), Value::Text("y"), WaitOptions()).status());
  EXPECT_EQ(session.ReadView(view, 0, WaitOptions()).status().message(),
            "this process has no mapper for view by_value");
  ASSERT_OK(session.Prepare(SyncMode::kNormal));
  session.Commit();
  EXPECT_THAT(Rows(*view), ElementsAre("x/by C++/a", "y/by C++/b"));
}

TEST_F(StandaloneTest, ViewsByJsonPathNeedNoMapperOfTheProgram) {
  standalone_.mapper_factory = nullptr;
  OpenAgain();
  const auto view = Must(DefineView(engine_.get(), TagsDefinition()));
  Put("a", R"({"tags":["cat"],"at":"oahu"})");
  EXPECT_THAT(Rows(*view), ElementsAre("cat/oahu/a"));
}

TEST_F(StandaloneTest, AnEntryThatTheMapperRefusesIsListed) {
  standalone_.mapper_factory = [](const ViewDefinition&) -> Result<std::unique_ptr<Mapper>> {
    class Refusing final : public Mapper {
      Status Map(const Entry&, Emitter&) override { return Status::InvalidArgument("no asset"); }
    };
    return std::unique_ptr<Mapper>(new Refusing);
  };
  OpenAgain();
  const auto view = Must(DefineView(engine_.get(), ByValue()));
  Put("a", "x");
  EXPECT_THAT(Rows(*view), IsEmpty());
  const std::vector<MapError> errors = Must(view->ListErrors(0, 10));
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_EQ(errors[0].message, "no asset");
}

}  // namespace
}  // namespace streamview
