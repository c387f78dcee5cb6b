#include "core/map/json_path.h"

#include <gtest/gtest.h>

#include <string>

namespace streamview {
namespace {

using Kind = JsonPath::Step::Kind;

// The steps, one after the other: member <name>, element N, from end N, every element, every
// member.
std::string Parsed(std::string_view text) {
  const Result<JsonPath> path = JsonPath::Parse(text);
  if (!path.ok()) return path.status().message();
  std::string out;
  for (const JsonPath::Step& step : path->steps()) {
    if (!out.empty()) out += ", ";
    switch (step.kind) {
      case Kind::kMember:
        out += "member <" + step.name + ">";
        break;
      case Kind::kElement:
        out += "element " + std::to_string(step.index);
        break;
      case Kind::kElementFromEnd:
        out += "from end " + std::to_string(step.index);
        break;
      case Kind::kEveryElement:
        out += "every element";
        break;
      case Kind::kEveryMember:
        out += "every member";
        break;
    }
  }
  return out;
}

TEST(JsonPathTest, DollarIsTheDocument) { EXPECT_EQ(Parsed("$"), ""); }

TEST(JsonPathTest, NamesEndAtADotOrABracket) {
  EXPECT_EQ(Parsed("$.a.b c[0].d"), "member <a>, member <b c>, element 0, member <d>");
  EXPECT_EQ(Parsed("$.größe"), "member <größe>");
}

TEST(JsonPathTest, QuotedNamesMayHoldAnythingButAQuote) {
  EXPECT_EQ(Parsed("$.\"a.b[0]\".c"), "member <a.b[0]>, member <c>");
  EXPECT_EQ(Parsed("$.\"\"[1]"), "member <>, element 1");
  EXPECT_EQ(Parsed("$.\"*\""), "member <*>");
}

TEST(JsonPathTest, ElementsCountFromEitherEnd) {
  EXPECT_EQ(Parsed("$[17][#-1]"), "element 17, from end 1");
}

TEST(JsonPathTest, WildcardsAreOneStep) {
  EXPECT_EQ(Parsed("$.tags[*].*.name"),
            "member <tags>, every element, every member, member <name>");
  EXPECT_TRUE(JsonPath::Parse("$.a[*]")->has_wildcard());
  EXPECT_TRUE(JsonPath::Parse("$.*.a")->has_wildcard());
  EXPECT_FALSE(JsonPath::Parse("$.a[1].\"*\"")->has_wildcard());
}

TEST(JsonPathTest, ErrorsNameThePositionAndWhatWasExpected) {
  const auto error = [](std::string_view text, const std::string& rest) {
    const Result<JsonPath> path = JsonPath::Parse(text);
    ASSERT_FALSE(path.ok()) << text;
    EXPECT_EQ(path.status().code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(path.status().message(), "JSON path '" + std::string(text) + "', position " + rest);
  };
  error("", "1: expected '$', found the end");
  error("tags", "1: expected '$', found 'tags'");
  error("$tags", "2: expected '.', '[' or the end, found 'tags'");
  error("$.", "3: expected a name or '*', found the end");
  error("$.a..b", "5: expected a name or '*', found '.b'");
  error("$.*a", "4: expected '.', '[' or the end, found 'a'");
  error("$.\"a", "5: expected '\"' after the name, found the end");
  error("$.\"a\"b", "6: expected '.', '[' or the end, found 'b'");
  error("$[", "3: expected a number, '*' or '#-', found the end");
  error("$[x]", "3: expected a number, '*' or '#-', found 'x]'");
  error("$[-1]", "3: expected a number, '*' or '#-', found '-1]'");
  error("$[#]", "4: expected '-', found ']'");
  error("$[#-]", "5: expected a number, found ']'");
  error("$[1", "4: expected ']', found the end");
  error("$[99999999999999999999]", "3: expected a smaller number, found '99999999999999999999]'");
}

}  // namespace
}  // namespace streamview
