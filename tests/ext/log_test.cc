// The log: appending, and reading back by sequence number.

#include <chrono>
#include <filesystem>

#include "tests/ext/testing/fixture.h"
#include "tests/ext/testing/steps.h"

namespace streamview::testing {
namespace {

using ::testing::_;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class LogTest : public DatabaseTest {
 protected:
  LogTest() { CreateLog(); }

  // Ten entries, one transaction each, with the values 10, 20, ... 100.
  void AppendTen() {
    for (int i = 1; i <= 10; ++i) Append(kNull, 10 * i);
  }
};

TEST_F(LogTest, EmptyLogHasNoRowsAndHeadZero) {
  EXPECT_THAT(db_->Query("SELECT * FROM events"), IsEmpty());
  EXPECT_THAT(db_->Query("SELECT sv_head(), sv_seq()"), ElementsAre("0|NULL"));
  EXPECT_THAT(db_->Query("SELECT max(seq) FROM events"), ElementsAre("NULL"));
}

TEST_F(LogTest, SequenceNumbersStartAtOneAndHaveNoGaps) {
  EXPECT_EQ(Append("a", "1"), 1);
  EXPECT_EQ(Append("b", "2"), 2);
  db_->Run("INSERT INTO events(key, value) VALUES ('c', 3), ('d', 4)");
  EXPECT_THAT(db_->Query("SELECT seq, key, value FROM events"),
              ElementsAre("1|'a'|'1'", "2|'b'|'2'", "3|'c'|3", "4|'d'|4"));
  EXPECT_THAT(db_->Query("SELECT sv_head(), sv_seq(), last_insert_rowid()"), ElementsAre("4|4|4"));
}

TEST_F(LogTest, ColumnsAreSeqTimeKeyValue) {
  EXPECT_THAT(db_->Query("SELECT name FROM pragma_table_info('events')"),
              ElementsAre("'seq'", "'time'", "'key'", "'value'"));
}

TEST_F(LogTest, SeqIsTheRowid) {
  AppendTen();
  EXPECT_THAT(db_->Query("SELECT rowid, seq, value FROM events WHERE rowid = 4"),
              ElementsAre("4|4|40"));
}

TEST_F(LogTest, EveryTypeOfKeyAndValueComesBackAsItWas) {
  const std::vector<SqlValue> values = {kNull,
                                        0,
                                        1,
                                        1.0,
                                        -0.5,
                                        INT64_MIN,
                                        INT64_MAX,
                                        1e308,
                                        "",
                                        "text",
                                        std::string("nul\0inside", 10),
                                        std::string("\0", 1),
                                        "\xf0\x9f\x90\x88",
                                        Blob{""},
                                        Blob{std::string("\0\xff\0", 3)}};
  for (const SqlValue& key : values) {
    for (const SqlValue& value : values) {
      const int64_t seq = Append(key, value);
      const auto rows = db_->QueryRows("SELECT key, value FROM events WHERE seq = ?", {seq});
      ASSERT_EQ(rows.size(), 1u);
      EXPECT_EQ(ToLine(rows[0]), ToLine({key, value}));
      EXPECT_EQ(rows[0], (Row{key, value}));
    }
  }
}

TEST_F(LogTest, AValueOfMegabytesComesBackAsItWas) {
  std::string value(5 << 20, 'x');
  for (size_t i = 0; i < value.size(); i += 97) value[i] = static_cast<char>('a' + i % 26);
  Append("big", value);
  EXPECT_TRUE(db_->QueryRows("SELECT value FROM events") == std::vector<Row>{{value}});
}

TEST_F(LogTest, TimeIsMillisecondsAndNeverDecreases) {
  const auto now = [] {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  };
  const int64_t before = now();
  AppendTen();
  const int64_t after = now();
  EXPECT_GE(db_->Integer("SELECT min(time) FROM events"), before);
  EXPECT_LE(db_->Integer("SELECT max(time) FROM events"), after);
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM events a JOIN events b ON b.seq = a.seq + 1 "
                         "WHERE b.time < a.time"),
            0);
}

TEST_F(LogTest, PointOnSeqFindsOneEntryOrNone) {
  AppendTen();
  EXPECT_THAT(db_->Query("SELECT value FROM events WHERE seq = 7"), ElementsAre("70"));
  for (const SqlValue& none : {SqlValue(0), SqlValue(11), SqlValue(-1), SqlValue(INT64_MAX),
                               SqlValue(INT64_MIN), SqlValue(7.5), SqlValue("x"), kNull}) {
    EXPECT_THAT(db_->Query("SELECT value FROM events WHERE seq = ?", {none}), IsEmpty())
        << ToLiteral(none);
  }
}

// Each comparison of seq with each of these bounds gives what an ordinary table gives.
TEST_F(LogTest, RangesOfSeqAnswerAsAnOrdinaryTable) {
  AppendTen();
  db_->Run(
      "CREATE TABLE plain(seq INTEGER PRIMARY KEY, value);"
      "INSERT INTO plain SELECT seq, value FROM events");
  const std::vector<SqlValue> bounds = {kNull,  -1,        0,         1,    3,    7,
                                        10,     11,        3.5,       9.99, -2.5, 1e300,
                                        -1e300, INT64_MAX, INT64_MIN, "5",  "x",  Blob{"5"}};
  for (const std::string order : {"ASC", "DESC"}) {
    for (const SqlValue& a : bounds) {
      for (const std::string condition :
           {"seq < ?1", "seq <= ?1", "seq > ?1", "seq >= ?1", "seq = ?1", "seq <> ?1"}) {
        const std::string rest = " WHERE " + condition + " ORDER BY seq " + order;
        EXPECT_EQ(db_->Query("SELECT seq, value FROM events" + rest, {a}),
                  db_->Query("SELECT seq, value FROM plain" + rest, {a}))
            << rest << " with " << ToLiteral(a);
      }
      for (const SqlValue& b : bounds) {
        const std::string rest = " WHERE seq > ?1 AND seq <= ?2 ORDER BY seq " + order;
        EXPECT_EQ(db_->Query("SELECT value FROM events" + rest, {a, b}),
                  db_->Query("SELECT value FROM plain" + rest, {a, b}))
            << rest << " with " << ToLine({a, b});
      }
    }
  }
}

TEST_F(LogTest, LimitAndOffsetCountInEitherDirection) {
  AppendTen();
  EXPECT_THAT(db_->Query("SELECT value FROM events ORDER BY seq LIMIT 2 OFFSET 3"),
              ElementsAre("40", "50"));
  EXPECT_THAT(db_->Query("SELECT value FROM events WHERE seq < 9 ORDER BY seq DESC LIMIT 2"),
              ElementsAre("80", "70"));
}

TEST_F(LogTest, OrderBySeqNeedsNoSorter) {
  EXPECT_THAT(db_->Plan("SELECT * FROM events ORDER BY seq"), Not(HasSubstr("ORDER BY")));
  EXPECT_THAT(db_->Plan("SELECT * FROM events ORDER BY seq DESC"), Not(HasSubstr("ORDER BY")));
  EXPECT_THAT(db_->Plan("SELECT * FROM events WHERE seq > 5 ORDER BY seq DESC"),
              Not(HasSubstr("ORDER BY")));
}

TEST_F(LogTest, TheFirstAndTheLastEntryAreFoundWithoutReadingTheOthers) {
  for (int i = 0; i < 300; ++i) Append("a", i);
  ASSERT_GE(StepsOf(*db_, "SELECT count(*) FROM events"), 300);
  const std::vector<std::pair<std::string, std::string>> answers = {
      {"SELECT min(seq) FROM events", "1"},
      {"SELECT max(seq) FROM events", "300"},
      {"SELECT min(rowid) FROM events", "1"},
      {"SELECT seq FROM events ORDER BY seq LIMIT 1", "1"},
      {"SELECT seq FROM events ORDER BY seq DESC LIMIT 1", "300"},
      {"SELECT min(seq) FROM events WHERE seq > 100", "101"},
      {"SELECT max(seq) FROM events WHERE seq < 200 AND key = 'a'", "199"},
      {"SELECT (SELECT min(seq) FROM events) + (SELECT max(seq) FROM events)", "301"}};
  for (const auto& [sql, answer] : answers) {
    EXPECT_THAT(db_->Query(sql), ElementsAre(answer)) << sql;
    EXPECT_LT(StepsOf(*db_, sql), 60) << sql;
  }
  EXPECT_THAT(db_->Query("SELECT min(seq), max(seq) FROM events WHERE seq > 300"),
              ElementsAre("NULL|NULL"));
}

TEST_F(LogTest, PointAndRangeOfSeqHavePlansOfTheirOwn) {
  const std::string all = db_->Plan("SELECT * FROM events");
  EXPECT_NE(db_->Plan("SELECT * FROM events WHERE seq = 5"), all);
  EXPECT_NE(db_->Plan("SELECT * FROM events WHERE seq > 5"), all);
}

TEST_F(LogTest, ConditionsOnOtherColumnsAreFiltered) {
  Append("a", 1);
  Append("b", 2);
  Append("a", 3);
  EXPECT_THAT(db_->Query("SELECT seq FROM events WHERE key = 'a'"), ElementsAre("1", "3"));
  EXPECT_THAT(db_->Query("SELECT seq FROM events WHERE value > 1 AND key = 'a'"), ElementsAre("3"));
}

TEST_F(LogTest, SupersededEntriesAndTombstonesStayInTheLog) {
  Append("a", 1);
  Append("a", 2);
  Append("a", kNull);
  EXPECT_THAT(db_->Query("SELECT seq, key, value FROM events"),
              ElementsAre("1|'a'|1", "2|'a'|2", "3|'a'|NULL"));
}

TEST_F(LogTest, InsertFromTheLogItselfReadsWhatWasThereBefore) {
  AppendTen();
  db_->Run("INSERT INTO events(value) SELECT value + 1 FROM events ORDER BY seq");
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM events"), 20);
  EXPECT_EQ(db_->Integer("SELECT value FROM events WHERE seq = 20"), 101);
}

TEST_F(LogTest, AStatementSeesOneStateWhileAnotherConnectionAppends) {
  AppendTen();
  db_->Run("PRAGMA journal_mode = WAL");
  const auto other = Connect();
  Statement scan(*db_, "SELECT seq FROM events");
  int rows = 0;
  while (scan.Step()) {
    other->Append("events", kNull, ++rows);
    ASSERT_LE(rows, 10);
  }
  EXPECT_EQ(rows, 10);
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM events"), 20);
}

TEST_F(LogTest, AStatementSeesOneStateWhileItsOwnConnectionAppends) {
  AppendTen();
  Statement scan(*db_, "SELECT seq FROM events ORDER BY seq");
  int rows = 0;
  while (scan.Step()) {
    Append(kNull, ++rows);
    ASSERT_LE(rows, 10);
  }
  EXPECT_EQ(rows, 10);
}

TEST_F(LogTest, UpdateIsRefusedAndSaysWhatToUse) {
  Append("a", 1);
  EXPECT_THAT(db_->Try("UPDATE events SET value = 2"), Fails(_, HasSubstr("sv_docs")));
  EXPECT_THAT(db_->Query("SELECT value FROM events"), ElementsAre("1"));
}

TEST_F(LogTest, DeleteIsRefusedAndSaysWhatToUse) {
  Append("a", 1);
  EXPECT_THAT(db_->Try("DELETE FROM events"), Fails(_, HasSubstr("sv_docs")));
  EXPECT_THAT(db_->Query("SELECT value FROM events"), ElementsAre("1"));
}

TEST_F(LogTest, LogsOfOneDatabaseAreApart) {
  db_->Run("CREATE VIRTUAL TABLE audit USING sv_log");
  Append("a", 1);
  Append("b", 2);
  EXPECT_EQ(db_->Append("audit", "x", 9), 1);
  EXPECT_THAT(db_->Query("SELECT sv_head('events'), sv_head('audit')"), ElementsAre("2|1"));
  EXPECT_THAT(db_->Query("SELECT sv_seq('events'), sv_seq('audit')"), ElementsAre("2|1"));
  EXPECT_THAT(db_->Query("SELECT value FROM audit"), ElementsAre("9"));
}

TEST_F(LogTest, ALogIsKeptBesideItsDatabase) {
  EXPECT_TRUE(std::filesystem::is_directory(log_dir_));
}

TEST_F(LogTest, PathSaysWhereTheLogIsKept) {
  const std::string elsewhere = dir_ / "elsewhere";
  db_->Run("CREATE VIRTUAL TABLE audit USING sv_log(path = '" + elsewhere + "')");
  db_->Append("audit", "a", 1);
  EXPECT_TRUE(std::filesystem::is_directory(elsewhere));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "app.db-audit"));
  Reopen();
  EXPECT_THAT(db_->Query("SELECT value FROM audit"), ElementsAre("1"));
}

TEST_F(LogTest, ALogInAnAttachedDatabaseIsKeptBesideThatOne) {
  db_->Run("ATTACH '" + (dir_ / "other.db") +
           "' AS other;"
           "CREATE VIRTUAL TABLE other.audit USING sv_log");
  db_->Append("other.audit", "a", 1);
  EXPECT_TRUE(std::filesystem::is_directory(dir_ / "other.db-audit"));
  Database other(dir_ / "other.db");
  EXPECT_THAT(other.Query("SELECT value FROM audit"), ElementsAre("1"));
}

TEST_F(LogTest, LogsAndViewsOfTheSameNameInTwoDatabasesAreApart) {
  db_->Run("ATTACH '" + (dir_ / "other.db") +
           "' AS other;"
           "CREATE VIRTUAL TABLE other.events USING sv_log;"
           "CREATE VIRTUAL TABLE other.by_n USING sv_view(log = events, emit = '$.n');"
           "CREATE VIRTUAL TABLE main.by_n USING sv_view(log = events, emit = '$.n')");
  db_->Append("main.events", "m", R"({"n":"main"})");
  db_->Append("other.events", "o", R"({"n":"other"})");
  EXPECT_THAT(db_->Query("SELECT key, doc_id FROM main.by_n"), ElementsAre("'main'|'m'"));
  EXPECT_THAT(db_->Query("SELECT key, doc_id FROM other.by_n"), ElementsAre("'other'|'o'"));
}

TEST_F(LogTest, NamesThatNeedQuotingWork) {
  db_->Run(
      "CREATE VIRTUAL TABLE \"my 'log\" USING sv_log;"
      "CREATE VIRTUAL TABLE \"a-view\" USING sv_view(log = \"my 'log\", map = ("
      "SELECT \"my 'log\".value AS \"the key\" FROM \"my 'log\"))");
  db_->Append("\"my 'log\"", "a", "v");
  EXPECT_THAT(db_->Query("SELECT \"the key\", doc_id FROM \"a-view\""), ElementsAre("'v'|'a'"));
  EXPECT_EQ(db_->Integer("SELECT sv_wait(1, 'a-view')"), 1);
  Reopen();
  EXPECT_THAT(db_->Query("SELECT \"the key\" FROM \"a-view\" WHERE \"the key\" = 'v'"),
              ElementsAre("'v'"));
}

TEST_F(LogTest, TableNamesAreNotCaseSensitive) {
  db_->Run("CREATE VIRTUAL TABLE by_n USING sv_view(LOG = EVENTS, emit = '$.n')");
  db_->Append("Events", "a", R"({"n":1})");
  EXPECT_THAT(db_->Query("SELECT KEY, DOC_ID FROM BY_N WHERE Key = 1"), ElementsAre("1|'a'"));
  EXPECT_EQ(db_->Integer("SELECT sv_wait(1, 'BY_N')"), 1);
  EXPECT_EQ(db_->Integer("SELECT sv_head('EVENTS')"), 1);
}

TEST_F(LogTest, ADatabaseInUtf16Works) {
  Database wide(dir_ / "wide.db");
  wide.Run(
      "PRAGMA encoding = 'UTF-16';"
      "CREATE VIRTUAL TABLE events USING sv_log;"
      "CREATE VIRTUAL TABLE by_n USING sv_view(log = events, emit = '$.n');"
      "CREATE VIRTUAL TABLE by_sql USING sv_view("
      "log = events, map = (SELECT value ->> '$.n' AS key FROM events))");
  wide.Append("events", "schl\xc3\xbcssel", "{\"n\":\"\xf0\x9f\x90\x88\"}");
  for (const std::string view : {"by_n", "by_sql"}) {
    EXPECT_EQ(wide.Query("SELECT doc_id FROM " + view + " WHERE key = ?", {"\xf0\x9f\x90\x88"}),
              (Lines{"'schl\xc3\xbcssel'"}));
  }
}

TEST_F(LogTest, AReadOnlyConnectionReadsAndCannotAppend) {
  db_->Run("CREATE VIRTUAL TABLE by_n USING sv_view(log = events, emit = '$.n')");
  Append("a", R"({"n":1})");
  db_->Run("PRAGMA query_only = 1");
  EXPECT_THAT(db_->Query("SELECT key, doc_id FROM by_n"), ElementsAre("1|'a'"));
  EXPECT_THAT(db_->Query("SELECT seq FROM events"), ElementsAre("1"));
  EXPECT_THAT(db_->Try("INSERT INTO events(key, value) VALUES ('b', 1)"),
              Fails(SQLITE_READONLY, _));
  EXPECT_EQ(db_->Integer("SELECT sv_head()"), 1);
}

TEST_F(LogTest, VacuumLeavesTheLogAlone) {
  Append("a", 1);
  db_->Run("VACUUM");
  Append("b", 2);
  EXPECT_THAT(db_->Query("SELECT seq, key FROM events"), ElementsAre("1|'a'", "2|'b'"));
}

TEST_F(LogTest, EachSyncModeAppends) {
  for (const std::string mode : {"full", "normal", "off"}) {
    db_->Run("CREATE VIRTUAL TABLE log_" + mode + " USING sv_log(sync = '" + mode + "')");
    EXPECT_EQ(db_->Append("log_" + mode, "a", 1), 1);
  }
  Reopen();
  for (const std::string mode : {"full", "normal", "off"}) {
    EXPECT_THAT(db_->Query("SELECT value FROM log_" + mode), ElementsAre("1")) << mode;
  }
}

TEST_F(LogTest, HeadWithSeveralLogsAndNoNameAsksForTheName) {
  db_->Run("CREATE VIRTUAL TABLE audit USING sv_log");
  EXPECT_THAT(db_->Try("SELECT sv_wait(1)"), Fails(_, HasSubstr("name")));
}

TEST_F(LogTest, StatusHasARowForEachLog) {
  AppendTen();
  EXPECT_THAT(db_->Query("SELECT kind, seq, head FROM sv_status WHERE name = 'events'"),
              ElementsAre("'log'|10|10"));
}

}  // namespace
}  // namespace streamview::testing
