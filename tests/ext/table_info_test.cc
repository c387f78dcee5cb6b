// What a program that asks for the columns of a table learns (PRAGMA table_info).

#include "tests/ext/testing/fixture.h"

namespace streamview::testing {
namespace {

using ::testing::ElementsAre;

class TableInfoTest : public DatabaseTest {
 protected:
  TableInfoTest() {
    CreateLogAndView();
    db_->Run(
        "CREATE VIRTUAL TABLE docs USING sv_docs(log = events);"
        "CREATE VIRTUAL TABLE counts USING sv_view(log = events, emit = '$.n', reduce = count)");
  }

  Lines ColumnsOf(const std::string& table) {
    return db_->Query(R"(SELECT name, type, "notnull", pk FROM pragma_table_info(?1))", {table});
  }
};

TEST_F(TableInfoTest, ALogHasItsNumbersAsPrimaryKey) {
  EXPECT_THAT(ColumnsOf("events"), ElementsAre("'seq'|'INTEGER'|1|1", "'time'|'INTEGER'|1|0",
                                               "'key'|''|0|0", "'value'|''|0|0"));
}

// SQLite makes an index of any other PRIMARY KEY, and its integrity check looks for the pages.
TEST_F(TableInfoTest, DocumentsHaveNone) {
  EXPECT_THAT(ColumnsOf("docs"), ElementsAre("'key'|''|1|0", "'value'|''|1|0",
                                             "'seq'|'INTEGER'|1|0", "'time'|'INTEGER'|1|0"));
  EXPECT_EQ(CheckOrdinaryTables(*db_), Lines{"'ok'"});
  EXPECT_THAT(db_->Query("PRAGMA index_list(docs)"), ElementsAre());
}

TEST_F(TableInfoTest, ViewsHaveTheColumnsOfTheirMap) {
  EXPECT_THAT(ColumnsOf("view_tags"), ElementsAre("'key'|''|0|0", "'value'|''|0|0",
                                                  "'doc_id'|''|0|0", "'seq'|'INTEGER'|0|0"));
  EXPECT_THAT(ColumnsOf("counts"), ElementsAre("'key'|''|0|0", "'count'|''|0|0"));
}

// A declared type would make SQLite convert what they are compared with.
TEST_F(TableInfoTest, KeysAndValuesHaveNoTypeForTheyKeepTheirOwn) {
  Append(7, "7");
  Append("8", 8);
  for (const char* table : {"events", "docs"}) {
    const std::string count = "SELECT count(*) FROM " + std::string(table) + " WHERE ";
    EXPECT_EQ(db_->Integer(count + "key = '7' OR key = 8 OR value = 7 OR value = '8'"), 0);
    EXPECT_EQ(db_->Integer(count + "key = 7 OR key = '8'"), 2);
  }
}

}  // namespace
}  // namespace streamview::testing
