#include "core/standalone.h"

#include <filesystem>
#include <fstream>

#include "core/storage/log_directory.h"
#include "tests/core/engine_test_util.h"

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

  static ViewDefinition ByValue() {
    ViewDefinition definition;
    definition.name = "by_value";
    definition.kind = MapKind::kCustom;
    definition.map = "value";
    definition.columns = {"value", "source"};
    return definition;
  }

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
  EXPECT_EQ(DefineView(engine_.get(), unknown).status().message(), "no mapper is called unknown");
  EXPECT_EQ(Must(engine_->FindView(id))->id(), id);
}

TEST_F(StandaloneTest, AViewWithoutItsMapperIsAnErrorAndIsNotLost) {
  OpenAgain();
  const std::string id = Must(DefineView(engine_.get(), ByValue()))->id();
  Put("a", "x");
  standalone_.mapper_factory = nullptr;
  OpenAgain();
  EXPECT_EQ(engine_->FindView(id).status().message(),
            "view by_value: this program has no mapper for view by_value");
  EXPECT_THAT(Must(engine_->ListViews()), ElementsAre(::testing::Key(id)));
  EXPECT_EQ(Put("b", "y"), 2u);

  standalone_.mapper_factory = NewMapper;
  OpenAgain();
  EXPECT_THAT(Rows(*Must(engine_->FindView(id))), ElementsAre("x/by C++/a", "y/by C++/b"));
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
