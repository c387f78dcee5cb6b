// The options of CREATE VIRTUAL TABLE, parsed without SQLite.

#include "ext/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace streamview {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

template <typename T>
std::string ErrorOf(const Result<T>& result) {
  EXPECT_FALSE(result.ok());
  EXPECT_EQ(result.status().code(), StatusCode::kInvalidArgument);
  return result.status().message();
}

Result<LogOptions> ParseLog(std::vector<const char*> arguments) {
  return ParseLogOptions(arguments);
}
Result<DocsOptions> ParseDocs(std::vector<const char*> arguments) {
  return ParseDocsOptions(arguments);
}
Result<ViewDefinition> ParseView(std::vector<const char*> arguments) {
  Result<ViewOptions> options = ParseViewOptions(arguments);
  if (!options.ok()) return options.status();
  return std::move(options->definition);
}

// The path that `argument` gives.
std::string PathOf(const char* argument) {
  const auto options = ParseLog({argument});
  EXPECT_TRUE(options.ok()) << options.status().message();
  return options.ok() ? options->path.value_or("") : "";
}

TEST(OptionsTest, LogWithoutArgumentsHasNoOptions) {
  const auto options = ParseLog({});
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->path, std::nullopt);
  EXPECT_EQ(options->sync, std::nullopt);
}

TEST(OptionsTest, SyncIsAKeywordInAnyCase) {
  EXPECT_EQ(ParseLog({"sync=full"})->sync, SyncMode::kFull);
  EXPECT_EQ(ParseLog({"SYNC = Normal"})->sync, SyncMode::kNormal);
  EXPECT_EQ(ParseLog({"sync='OFF'"})->sync, SyncMode::kOff);
}

TEST(OptionsTest, UnknownSyncIsRefusedWithTheChoices) {
  EXPECT_EQ(ErrorOf(ParseLog({"sync=always"})),
            "option sync is \"always\"; expected one of: full, normal, off");
}

TEST(OptionsTest, ValuesCanBeQuotedInAllOfSqlsWays) {
  EXPECT_EQ(PathOf("path=data/events-1.log"), "data/events-1.log");
  EXPECT_EQ(PathOf("path='it''s here'"), "it's here");
  EXPECT_EQ(PathOf("path=\"a \"\"b\"\"\""), "a \"b\"");
  EXPECT_EQ(PathOf("path=`a``b`"), "a`b");
  EXPECT_EQ(PathOf("path=[a b]"), "a b");
  EXPECT_EQ(PathOf("path='--x'"), "--x");
}

TEST(OptionsTest, WhiteSpaceAndCommentsStandAnywhereBetweenTheParts) {
  EXPECT_EQ(PathOf("\n\tpath /* where */ =\n -- on the big disk\n 'x' /* done */ -- really"), "x");
  EXPECT_EQ(PathOf("path=x--comment"), "x");
  EXPECT_EQ(PathOf("path=x/*comment"), "x");
}

TEST(OptionsTest, ParenthesesEndWhereTheyBalance) {
  const auto map_of = [](const char* argument) { return ParseView({"log=l", argument})->map; };
  EXPECT_EQ(map_of("map=( SELECT (1), ')' , \"(\" , [)] FROM l )"),
            "SELECT (1), ')' , \"(\" , [)] FROM l");
  EXPECT_EQ(map_of("map=(SELECT 1 -- )\n FROM l /* ) ' */)"), "SELECT 1 -- )\n FROM l /* ) ' */");
}

TEST(OptionsTest, MissingClosingQuoteOrParenthesisIsRefused) {
  EXPECT_EQ(ErrorOf(ParseLog({"path='x"})), "option path: the closing ' is missing");
  EXPECT_EQ(ErrorOf(ParseLog({"path='x''"})), "option path: the closing ' is missing");
  EXPECT_EQ(ErrorOf(ParseLog({"path=[x"})), "option path: the closing ] is missing");
  EXPECT_EQ(ErrorOf(ParseView({"map=(SELECT (1)"})), "option map: the closing ) is missing");
  EXPECT_EQ(ErrorOf(ParseView({"map=(SELECT ')"})), "option map: the closing ' is missing");
}

TEST(OptionsTest, TextAfterTheValueIsRefused) {
  EXPECT_EQ(ErrorOf(ParseLog({"path='x' 'y'"})), "option path: unexpected \"'y'\" after its value");
  EXPECT_THAT(ErrorOf(ParseView({"map=(SELECT 1) UNION (SELECT 2)"})), HasSubstr("UNION"));
}

TEST(OptionsTest, ArgumentThatIsNoOptionIsRefused) {
  EXPECT_THAT(ErrorOf(ParseLog({"path"})), AllOf(HasSubstr("\"path\""), HasSubstr("name = value")));
  EXPECT_THAT(ErrorOf(ParseLog({"= x"})), HasSubstr("name = value"));
  EXPECT_THAT(ErrorOf(ParseLog({""})), HasSubstr("name = value"));
  EXPECT_EQ(ErrorOf(ParseLog({"path="})), "option path has no value");
  EXPECT_EQ(ErrorOf(ParseLog({"path=''"})), "option path has no value");
  EXPECT_EQ(ErrorOf(ParseView({"log=l", "map=( )"})), "option map has no value");
}

TEST(OptionsTest, UnknownOptionIsRefusedWithTheOnesThatExist) {
  EXPECT_EQ(ErrorOf(ParseLog({"dir='x'"})), "unknown option \"dir\": sv_log has path, sync");
  EXPECT_EQ(ErrorOf(ParseDocs({"path=x"})), "unknown option \"path\": sv_docs has log");
  EXPECT_EQ(
      ErrorOf(ParseView({"log=l", "key=2"})),
      "unknown option \"key\": sv_view has log, map, emit, value, keys, reduce, version, on_error");
}

TEST(OptionsTest, DuplicateOptionIsRefused) {
  EXPECT_EQ(ErrorOf(ParseLog({"sync=off", "Sync=off"})), "option sync is given twice");
}

TEST(OptionsTest, DocsNeedALog) {
  EXPECT_EQ(ParseDocs({"log = \"my log\""})->log.table, "my log");
  EXPECT_THAT(ErrorOf(ParseDocs({})), HasSubstr("option log is missing"));
}

TEST(OptionsTest, ViewWithMap) {
  const auto view =
      ParseView({"log = events", "map = (SELECT 1)", "keys = 2", "version=-3", "on_error='stop'"});
  ASSERT_TRUE(view.ok()) << view.status().message();
  EXPECT_EQ(view->log_name, "events");
  EXPECT_EQ(view->kind, MapKind::kSql);
  EXPECT_EQ(view->map, "SELECT 1");
  EXPECT_EQ(view->key_columns, 2u);
  EXPECT_EQ(view->version, -3);
  EXPECT_EQ(view->on_error, OnError::kStop);
}

TEST(OptionsTest, ViewWithPaths) {
  const auto view = ParseView({"log=events", "emit='$.tags[*]'", "value='$.location'"});
  ASSERT_TRUE(view.ok()) << view.status().message();
  EXPECT_EQ(view->kind, MapKind::kJsonPath);
  EXPECT_EQ(view->emit_path, "$.tags[*]");
  EXPECT_EQ(view->value_path, "$.location");
  EXPECT_EQ(view->key_columns, 1u);
  EXPECT_EQ(view->version, 0);
  EXPECT_EQ(view->on_error, OnError::kSkip);
}

TEST(OptionsTest, ViewNeedsALogAndOneKindOfMap) {
  EXPECT_THAT(ErrorOf(ParseView({"emit='$.a'"})), HasSubstr("option log is missing"));
  EXPECT_THAT(ErrorOf(ParseView({"log=l"})), HasSubstr("option map or emit is missing"));
  EXPECT_THAT(ErrorOf(ParseView({"log=l", "map=(SELECT 1)", "emit='$.a'"})),
              HasSubstr("map and emit exclude each other"));
  EXPECT_THAT(ErrorOf(ParseView({"log=l", "map=(SELECT 1)", "value='$.a'"})),
              HasSubstr("option value goes with emit"));
}

TEST(OptionsTest, KeysIsAnIntegerFrom1To62) {
  const auto keys = [](const char* argument) {
    return ParseView({"log=l", "emit='$.a'", argument});
  };
  EXPECT_EQ(keys("keys=62")->key_columns, 62u);
  EXPECT_EQ(keys("keys=+1")->key_columns, 1u);
  for (const char* bad : {"keys=0", "keys=63", "keys=-1", "keys=two", "keys=1.5", "keys=+-1",
                          "keys=99999999999999999999"}) {
    EXPECT_THAT(ErrorOf(keys(bad)),
                AllOf(HasSubstr("option keys is"), HasSubstr("it must be an integer from 1 to 62")))
        << bad;
  }
}

TEST(OptionsTest, VersionIsAnyInteger) {
  const auto version = [](const char* argument) {
    return ParseView({"log=l", "emit='$.a'", argument});
  };
  EXPECT_EQ(version("version=-9223372036854775808")->version, INT64_MIN);
  EXPECT_EQ(ErrorOf(version("version=v2")), "option version is \"v2\"; it must be an integer");
}

TEST(OptionsTest, MoreKeysThanColumnsAreRefused) {
  ViewDefinition definition = *ParseView({"log=l", "map=(SELECT 1)", "keys=3"});
  EXPECT_EQ(SetViewColumns({"a", "b"}, definition).message(),
            "option keys is 3, but the map gives only 2 columns: a, b");
  EXPECT_TRUE(SetViewColumns({"a", "b", "c"}, definition).ok());
  EXPECT_THAT(definition.columns, ::testing::ElementsAre("a", "b", "c"));
}

}  // namespace
}  // namespace streamview
