// Where a view by path and one by `->>` differ, and where they do not (docs/reference.md).

#include "tests/ext/testing/fixture.h"

namespace streamview::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class JsonDifferencesTest : public DatabaseTest {
 protected:
  JsonDifferencesTest() {
    CreateLog();
    db_->Run("CREATE VIRTUAL TABLE by_path USING sv_view(log = events, emit = '$.ab')");
    CreateView("by_select", "SELECT value ->> '$.ab' AS key FROM events");
  }

  // The keys of the only document.
  Lines KeysByPath(const std::string& document) {
    Append("d", document);
    return db_->Query("SELECT key FROM by_path");
  }
  Lines KeysBySelect() { return db_->Query("SELECT key FROM by_select"); }
  Lines Errors() { return db_->Query("SELECT view, message FROM sv_errors"); }
};

TEST_F(JsonDifferencesTest, InvalidUtf8AnywhereIsAnErrorOfAPath) {
  EXPECT_THAT(KeysByPath("{\"ab\":1,\"c\":\"\xff\"}"), IsEmpty());
  EXPECT_THAT(KeysBySelect(), ElementsAre("1"));
  EXPECT_THAT(Errors(),
              ElementsAre(HasSubstr("'by_path'|'not JSON: The input is not valid UTF-8'")));
  EXPECT_THAT(KeysByPath("{\"\xff\":1,\"ab\":2}"), IsEmpty());
  EXPECT_THAT(KeysBySelect(), ElementsAre("2"));
}

TEST_F(JsonDifferencesTest, WhatFollowsANulByteIsAnErrorOfAPath) {
  EXPECT_THAT(KeysByPath(std::string("{\"ab\":1}\0x", 10)), IsEmpty());
  EXPECT_THAT(KeysBySelect(), ElementsAre("1"));
  EXPECT_THAT(Errors(), ElementsAre(HasSubstr("'by_path'|'not JSON: ")));
}

TEST_F(JsonDifferencesTest, APathFindsNamesThatAreWrittenWithEscapes) {
  EXPECT_THAT(KeysByPath(R"({"a\u0062":1})"), ElementsAre("1"));
  if (sqlite3_libversion_number() < 3041000) {
    EXPECT_THAT(KeysBySelect(), ElementsAre("NULL"));
  }
  EXPECT_THAT(Errors(), IsEmpty());
}

TEST_F(JsonDifferencesTest, ArraysAndObjectsAreTheirTextInBoth) {
  for (const std::string text : {R"(["x",1])", R"({"y":[]})"}) {
    EXPECT_THAT(KeysByPath(R"({"ab":)" + text + "}"), ElementsAre("'" + text + "'"));
    EXPECT_THAT(KeysBySelect(), ElementsAre("'" + text + "'"));
    // As the reference says to find them.
    EXPECT_THAT(db_->Query("SELECT doc_id FROM by_path WHERE key GLOB '[[{]*'"),
                ElementsAre("'d'"));
  }
  EXPECT_THAT(Errors(), IsEmpty());
}

}  // namespace
}  // namespace streamview::testing
