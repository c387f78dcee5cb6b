// sv_history: the versions of one document.

#include "tests/ext/testing/fixture.h"

namespace streamview::testing {
namespace {

using ::testing::_;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class HistoryTest : public DatabaseTest {
 protected:
  HistoryTest() { CreateLog(); }

  Lines History(const SqlValue& key) {
    return db_->Query("SELECT seq, value FROM sv_history('events', ?1)", {key});
  }
};

TEST_F(HistoryTest, GivesTheVersionsNewestFirstTombstonesIncluded) {
  Append("a", "1");
  Append("b", "2");
  Append("a", kNull);
  Append(kNull, "an event");
  Append("a", "5");
  EXPECT_THAT(db_->Query("SELECT seq, key, value, operation FROM sv_history('events', 'a')"),
              ElementsAre("5|'a'|'5'|'put'", "3|'a'|NULL|'delete'", "1|'a'|'1'|'put'"));
  EXPECT_THAT(History("b"), ElementsAre("2|'2'"));
  EXPECT_THAT(History("c"), IsEmpty());
  EXPECT_THAT(History(kNull), IsEmpty());
}

TEST_F(HistoryTest, EachVersionHasTheTimeOfItsEntry) {
  Append("a", "1");
  Append("a", "2");
  EXPECT_THAT(db_->Query("SELECT h.rowid = h.seq, h.time = e.time FROM sv_history('events', 'a') h "
                         "JOIN events e ON e.seq = h.seq"),
              ElementsAre("1|1", "1|1"));
}

TEST_F(HistoryTest, KeysThatSqliteFindsEqualAreOneDocument) {
  Append(1, "integer");
  Append(1.0, "real");
  Append("1", "text");
  Append(Blob{"1"}, "blob");
  EXPECT_THAT(db_->Query("SELECT key, value FROM sv_history('events', 1)"),
              ElementsAre("1.0|'real'", "1|'integer'"));
  EXPECT_THAT(History("1"), ElementsAre("3|'text'"));
  EXPECT_THAT(History(Blob{"1"}), ElementsAre("4|'blob'"));
}

TEST_F(HistoryTest, OwnUncommittedVersionsComeFirst) {
  Append("a", "1");
  const auto other = Connect();
  db_->Run("BEGIN");
  Append("a", "2");
  Append("b", "3");
  Append("a", kNull);
  EXPECT_THAT(History("a"), ElementsAre("4|NULL", "2|'2'", "1|'1'"));
  EXPECT_THAT(other->Query("SELECT seq FROM sv_history('events', 'a')"), ElementsAre("1"));
  db_->Run("ROLLBACK");
  EXPECT_THAT(History("a"), ElementsAre("1|'1'"));
}

TEST_F(HistoryTest, AnOpenCursorOutlivesTheTransactionThatItReads) {
  Append("a", "1");
  db_->Run("BEGIN; SAVEPOINT s");
  Append("a", "2");
  Append("a", "3");
  Statement reader(*db_, "SELECT value FROM sv_history('events', 'a')");
  ASSERT_TRUE(reader.Step());
  db_->Run("ROLLBACK TO s; COMMIT");
  ASSERT_TRUE(reader.Step());
  EXPECT_EQ(ToLine(reader.row()), "'2'");
  ASSERT_TRUE(reader.Step());
  EXPECT_EQ(ToLine(reader.row()), "'1'");
  EXPECT_FALSE(reader.Step());
}

TEST_F(HistoryTest, SeesWhatOthersHaveCommittedWhateverTheConsistency) {
  db_->Run("SELECT sv_consistency('eventual')");
  const auto other = Connect();
  for (int64_t i = 1; i <= 50; ++i) {
    other->Append("events", "a", i);
    ASSERT_EQ(db_->Integer("SELECT max(seq) FROM sv_history('events', 'a')"), i);
  }
}

TEST_F(HistoryTest, NewestFirstIsAnOrderThatItHas) {
  Append("a", "1");
  Append("a", "2");
  const std::string from = " FROM sv_history('events', 'a') ORDER BY seq";
  EXPECT_THAT(db_->Plan("SELECT seq" + from + " DESC"), Not(HasSubstr("TEMP")));
  EXPECT_THAT(db_->Query("SELECT seq" + from + " DESC LIMIT 1"), ElementsAre("2"));
  EXPECT_THAT(db_->Plan("SELECT seq" + from), HasSubstr("TEMP B-TREE FOR ORDER BY"));
  EXPECT_THAT(db_->Query("SELECT seq" + from), ElementsAre("1", "2"));
}

TEST_F(HistoryTest, ArgumentsMayComeFromOtherTables) {
  db_->Run("CREATE VIRTUAL TABLE docs USING sv_docs(log = events)");
  Append("a", "1");
  Append("b", "2");
  Append("a", "3");
  EXPECT_THAT(db_->Query("SELECT d.key, count(*) FROM docs d, sv_history('events', d.key) "
                         "GROUP BY d.key"),
              ElementsAre("'a'|2", "'b'|1"));
  EXPECT_THAT(db_->Query("SELECT log, document, seq FROM sv_history "
                         "WHERE document = 'b' AND log = 'EVENTS'"),
              ElementsAre("'EVENTS'|'b'|2"));
  EXPECT_THAT(db_->Query("SELECT seq FROM sv_history(NULL, 'b')"), ElementsAre("2"));
}

TEST_F(HistoryTest, MissingOrWrongArgumentsAreAnError) {
  for (const char* from : {"sv_history", "sv_history('events')"}) {
    EXPECT_THAT(db_->Try(std::string("SELECT * FROM ") + from),
                Fails(SQLITE_ERROR, HasSubstr("sv_history('events', 'asset/1')")));
  }
  EXPECT_THAT(db_->Try("SELECT * FROM sv_history('nothing', 'a')"),
              Fails(SQLITE_ERROR, "no such log: nothing"));
  EXPECT_THAT(db_->Try("SELECT * FROM sv_history(x'61', 'a')"),
              Fails(SQLITE_ERROR, AllOf(HasSubstr("name of a log"), HasSubstr("x'61'"))));
  db_->Run("CREATE VIRTUAL TABLE more USING sv_log");
  EXPECT_THAT(db_->Try("SELECT * FROM sv_history(NULL, 'a')"),
              Fails(SQLITE_ERROR, HasSubstr("events, more")));
}

TEST_F(HistoryTest, CannotBeWrittenTo) {
  EXPECT_THAT(db_->Try("DELETE FROM sv_history"), Fails(SQLITE_ERROR, HasSubstr("modified")));
}

}  // namespace
}  // namespace streamview::testing
