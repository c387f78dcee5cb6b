// Names as people write them, and CREATE VIRTUAL TABLE as SQLite keeps it, both without a database.

#include "ext/written_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ext/create_statement.h"
#include "ext/options.h"

namespace streamview {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// "schema|table", or the table alone.
std::string Parts(const WrittenName& name) {
  return name.schema ? *name.schema + "|" + name.table : name.table;
}
std::string Parsed(const char* text) { return Parts(ParseName(text)); }

std::string LogOption(const char* argument) {
  const std::vector<const char*> arguments = {argument};
  const Result<DocsOptions> options = ParseDocsOptions(arguments);
  return options.ok() ? Parts(options->log) : options.status().message();
}

TEST(WrittenNameTest, AnArgumentMayHaveASchemaAndQuotes) {
  EXPECT_EQ(Parsed("events"), "events");
  EXPECT_EQ(Parsed("main.events"), "main|events");
  EXPECT_EQ(Parsed("main.my log"), "main|my log");
  EXPECT_EQ(Parsed("\"my log\""), "my log");
  EXPECT_EQ(Parsed("\"a.b\""), "a.b");
  EXPECT_EQ(Parsed("[a.b].`c\"d`"), "a.b|c\"d");
  EXPECT_EQ(Parsed("main.\"a \"\"b\"\"\""), "main|a \"b\"");
}

TEST(WrittenNameTest, WhatIsNotOfTheFormIsANameAsItStands) {
  for (const char* text : {"", ".", "a.", ".a", "a.b.c", "\"a", "\"a\"b", "'a'"}) {
    EXPECT_EQ(Parsed(text), text);
  }
}

TEST(WrittenNameTest, AnyReadingMayBeMeant) {
  const TableName dotted{"main", "a.b"};
  EXPECT_TRUE(Names("A.b", NameForm::kAsItStands, dotted));
  EXPECT_FALSE(Names("main.a.b", NameForm::kAsItStands, dotted));
  EXPECT_TRUE(Names("main.a.b", NameForm::kAsWritten, dotted));
  EXPECT_TRUE(Names("main.\"a.b\"", NameForm::kAsWritten, dotted));
  EXPECT_TRUE(Names("MAIN.Events", NameForm::kAsWritten, {"main", "events"}));
  EXPECT_FALSE(Names("temp.events", NameForm::kAsWritten, {"main", "events"}));
}

TEST(WrittenNameTest, TheOptionLogTakesThemToo) {
  EXPECT_EQ(LogOption("log = events"), "events");
  EXPECT_EQ(LogOption("log = main.events"), "main|events");
  EXPECT_EQ(LogOption("log = main . events -- that one"), "main|events");
  EXPECT_EQ(LogOption("log = \"a.b\""), "a.b");
  EXPECT_EQ(LogOption("log = [main].\"my log\""), "main|my log");
  EXPECT_EQ(LogOption("log = 'main.events'"), "main|events");
  EXPECT_EQ(LogOption("log = main."), "option log has no value");
  EXPECT_EQ(LogOption("log = .events"), "option log has no value");
  EXPECT_EQ(LogOption("log = \"a\" b"), "option log: unexpected \"b\" after its value");
}

TEST(CreateStatementTest, ModuleAndArgumentsAreFound) {
  const auto statement = ParseCreateVirtualTable(
      "CREATE VIRTUAL TABLE \"a )\" /* , */ USING sv_view(log = events, -- , )\n"
      " map = (SELECT ',' , \")\" FROM [a)]) ,keys=2)");
  ASSERT_TRUE(statement);
  EXPECT_EQ(statement->module, "sv_view");
  EXPECT_THAT(
      statement->arguments,
      ElementsAre("log = events", "-- , )\n map = (SELECT ',' , \")\" FROM [a)])", "keys=2"));
}

TEST(CreateStatementTest, ArgumentsMayBeMissing) {
  for (const char* sql : {"CREATE VIRTUAL TABLE a USING sv_log",
                          "create virtual table a using "
                          "'sv_log' ( )"}) {
    const auto statement = ParseCreateVirtualTable(sql);
    ASSERT_TRUE(statement) << sql;
    EXPECT_EQ(statement->module, "sv_log");
    EXPECT_THAT(statement->arguments, IsEmpty());
  }
}

TEST(CreateStatementTest, OtherStatementsAreNone) {
  for (const char* sql :
       {"", "CREATE TABLE sv_log(a)", "CREATE VIRTUAL TABLE a", "CREATE VIRTUAL TABLE a USING",
        "CREATE VIRTUAL TABLE a USING sv_log(", "CREATE VIRTUAL TABLE a USING sv_log('",
        "CREATE VIRTUAL TABLE \"a USING sv_log"}) {
    EXPECT_FALSE(ParseCreateVirtualTable(sql)) << sql;
  }
}

}  // namespace
}  // namespace streamview
