// sv_docs: the live documents of a log, read and written as an ordinary table.

#include <atomic>
#include <thread>

#include "tests/ext/testing/fixture.h"
#include "tests/ext/testing/steps.h"

namespace streamview::testing {
namespace {

using ::testing::_;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class DocsTest : public DatabaseTest {
 protected:
  DocsTest() {
    CreateLog();
    db_->Run("CREATE VIRTUAL TABLE assets USING sv_docs(log = events)");
  }

  void Put(const SqlValue& key, const SqlValue& value) {
    db_->Run("INSERT INTO assets(key, value) VALUES (?1, ?2)", {key, value});
  }
  Lines Documents() { return Documents(*db_); }
  static Lines Documents(Database& db) { return db.Query("SELECT key, value FROM assets"); }
  // The whole log, as key and value.
  Lines Log() { return db_->Query("SELECT key, value FROM events"); }
  int64_t Head() { return db_->Integer("SELECT count(*) FROM events"); }
  int64_t Changes() { return db_->Integer("SELECT changes()"); }
};

// --- reading

TEST_F(DocsTest, ShowsTheLatestDocumentOfEachKeyInOrderOfKeys) {
  Append("b", "1");
  Append(Blob{"b"}, "2");
  Append(kNull, "an event");
  Append("a", "3");
  Append(2.5, "4");
  Append("b", "5");
  Append(-1, "6");
  EXPECT_THAT(db_->Query("SELECT key, value, seq FROM assets"),
              ElementsAre("-1|'6'|7", "2.5|'4'|5", "'a'|'3'|4", "'b'|'5'|6", "x'62'|'2'|2"));
  EXPECT_THAT(db_->Query("SELECT key FROM assets ORDER BY key DESC"),
              ElementsAre("x'62'", "'b'", "'a'", "2.5", "-1"));
}

TEST_F(DocsTest, DocumentsAreCountedWithoutALookAtThem) {
  for (int i = 0; i < 9; i++) Append(i, "1");
  Append(3, kNull);
  Append(4, "2");
  Append(kNull, "an event");
  const std::string count = "SELECT count(*) FROM assets";
  EXPECT_EQ(db_->Integer(count), 8);
  EXPECT_EQ(db_->Integer(count + " WHERE as_of = 9"), 9);
  db_->Run(
      "BEGIN; DELETE FROM assets WHERE key < 2; INSERT INTO assets(key, value) VALUES (3, 'x')");
  db_->Run("UPDATE assets SET value = 'y' WHERE key = 8; SAVEPOINT s; DELETE FROM assets");
  EXPECT_EQ(db_->Integer(count), 0);
  db_->Run("ROLLBACK TO s");
  EXPECT_EQ(db_->Integer(count), 7);
  db_->Run("COMMIT");
  EXPECT_EQ(db_->Integer(count), 7);
  Reopen();
  EXPECT_EQ(db_->Integer(count), 7);
}

// SQLite does not say that it will ask for them.
TEST_F(DocsTest, WhatIsCountedHasRowidsAllTheSame) {
  for (int i = 0; i < 4; i++) Append(i, "1");
  EXPECT_THAT(db_->Query("SELECT rowid FROM assets"), ElementsAre("1", "2", "3", "4"));
  EXPECT_EQ(db_->Integer("SELECT sum(rowid) FROM assets"), 10);
  EXPECT_EQ(db_->Integer("SELECT rowid FROM assets LIMIT 1 OFFSET 2"), 3);
  db_->Run("DELETE FROM assets");
  EXPECT_EQ(Changes(), 4);
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM assets"), 0);
}

TEST_F(DocsTest, DeletedDocumentsAreGone) {
  Append("a", "1");
  Append("b", "2");
  Append("a", kNull);
  EXPECT_THAT(Documents(), ElementsAre("'b'|'2'"));
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM assets"), 1);
}

TEST_F(DocsTest, SeqAndTimeAreThoseOfTheEntryAndTheRowidIsTheSeq) {
  Append("a", "1");
  Append("a", "2");
  EXPECT_THAT(db_->Query("SELECT a.seq, a.rowid, a.time = e.time FROM assets a "
                         "JOIN events e ON e.seq = a.seq"),
              ElementsAre("2|2|1"));
}

TEST_F(DocsTest, ValuesOfAllTypesComeBackAsTheyWere) {
  const std::vector<SqlValue> values = {
      0, -1, 1.5, "", "text", std::string("a\0b", 3), Blob{""}, Blob{std::string("\0\xff", 2)}};
  for (size_t i = 0; i < values.size(); ++i) Put(static_cast<int64_t>(i), values[i]);
  const std::vector<Row> rows = db_->QueryRows("SELECT value FROM assets ORDER BY key");
  ASSERT_EQ(rows.size(), values.size());
  for (size_t i = 0; i < values.size(); ++i) EXPECT_EQ(rows[i][0], values[i]);
}

TEST_F(DocsTest, KeysThatSqliteFindsEqualAreOneDocument) {
  Append(1, "integer");
  Append(1.0, "real");
  Append("1", "text");
  EXPECT_THAT(Documents(), ElementsAre("1.0|'real'", "'1'|'text'"));
  EXPECT_THAT(db_->Query("SELECT value FROM assets WHERE key = 1"), ElementsAre("'real'"));
  EXPECT_THAT(db_->Try("INSERT INTO assets(key, value) VALUES (1, 'x')"),
              Fails(SQLITE_CONSTRAINT, "UNIQUE constraint failed: assets.key"));
}

TEST_F(DocsTest, UnusualKeysAreKeysLikeAnyOther) {
  const std::vector<SqlValue> keys = {
      "constructor",          "__proto__", "",       std::string("\0", 1),
      std::string("a\0b", 3), "a",         Blob{""}, std::string(64 << 10, 'k')};
  for (const SqlValue& key : keys) Put(key, "v");
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM assets"), static_cast<int64_t>(keys.size()));
  for (const SqlValue& key : keys) {
    EXPECT_EQ(db_->QueryRows("SELECT key FROM assets WHERE key = ?1", {key}).at(0).at(0), key);
    db_->Run("DELETE FROM assets WHERE key = ?1", {key});
  }
  EXPECT_THAT(Documents(), IsEmpty());
}

TEST_F(DocsTest, AKeyPastTheLimitIsAnErrorAndChangesNothing) {
  Put("a", "1");
  const SqlValue key = std::string((64 << 10) + 1, 'k');
  EXPECT_THAT(db_->Try("INSERT INTO assets(key, value) VALUES (?1, 1)", {key}),
              Fails(SQLITE_CONSTRAINT, HasSubstr("65536")));
  EXPECT_THAT(db_->Try("UPDATE assets SET key = ?1", {key}),
              Fails(SQLITE_CONSTRAINT, HasSubstr("65536")));
  db_->Run("UPDATE OR IGNORE assets SET key = ?1", {key});
  EXPECT_THAT(Documents(), ElementsAre("'a'|'1'"));
  EXPECT_EQ(Head(), 1);
}

TEST_F(DocsTest, KeysAreLookedUpInTheIndex) {
  for (const char* key : {"ape", "cat", "catfish", "cow", "dog"}) Put(key, "v");
  Put(12, "v");
  const auto keys = [&](const std::string& where) {
    return db_->Query("SELECT key FROM assets WHERE " + where);
  };
  const auto plan = [&](const std::string& where) {
    return db_->Plan("SELECT key FROM assets WHERE " + where);
  };
  EXPECT_THAT(plan("key = 'cat'"), HasSubstr("INDEX 0:key=?"));
  EXPECT_THAT(keys("key = 'cat'"), ElementsAre("'cat'"));
  EXPECT_THAT(plan("key > 'cat' AND key <= 'dog'"), HasSubstr("INDEX 0:key>? AND key<=?"));
  EXPECT_THAT(keys("key > 'cat' AND key <= 'dog'"), ElementsAre("'catfish'", "'cow'", "'dog'"));
  EXPECT_THAT(plan("key GLOB 'ca*'"), HasSubstr("INDEX 0:key GLOB ?"));
  EXPECT_THAT(keys("key GLOB 'ca*'"), ElementsAre("'cat'", "'catfish'"));
  EXPECT_THAT(plan("key LIKE 'CA%'"), HasSubstr("INDEX 0:key LIKE ?"));
  EXPECT_THAT(keys("key LIKE 'CA%'"), ElementsAre("'cat'", "'catfish'"));
  EXPECT_THAT(keys("key GLOB '1*'"), ElementsAre("12"));
  EXPECT_THAT(plan("key IN ('dog', 'ape') ORDER BY key DESC"),
              AllOf(HasSubstr("INDEX 0:key IN (?) DESC"), Not(HasSubstr("TEMP"))));
  EXPECT_THAT(keys("key IN ('dog', 'ape') ORDER BY key DESC"), ElementsAre("'dog'", "'ape'"));
  // An UPDATE may ask for the columns that it leaves as they are.
  EXPECT_THAT(db_->Plan("UPDATE assets SET value = 1 WHERE key = 'cat'"),
              HasSubstr("INDEX 1:key=?"));
  EXPECT_THAT(db_->Plan("SELECT 0 FROM events e JOIN assets a ON a.key = e.value"),
              HasSubstr("SCAN a VIRTUAL TABLE INDEX 0:key=?"));
}

TEST_F(DocsTest, SeqIsLookedUpInTheLog) {
  Append("a", "1");
  Append("b", "2");
  Append("a", "3");
  Append("c", "4");
  Append("c", kNull);
  Append(kNull, "an event");
  db_->Run("CREATE TABLE plain AS SELECT * FROM assets");
  db_->Run("BEGIN");
  Append("d", "7");
  db_->Run("INSERT INTO plain(key, value, seq) VALUES ('d', '7', 7)");
  const std::vector<SqlValue> numbers = {
      0,      1,         2,         3,      4,
      5,      6,         7,         8,      -3,
      2.0,    2.5,       "3",       " 3 ",  "x",
      "3.0",  kNull,     1e300,     -1e300, INT64_MAX,
      9.3e18, INT64_MIN, Blob{"3"}, "3.5",  std::string("3\0", 2)};
  for (const SqlValue& number : numbers) {
    for (const std::string where :
         {"seq = ?1", "seq = ?1 AND key > 'a'", "seq = ?1 OR key = 'b' ORDER BY key",
          "seq IN (?1, 2) ORDER BY key", "seq = +?1 ORDER BY value DESC",
          "key = 'a' AND seq = ?1"}) {
      EXPECT_EQ(db_->Query("SELECT key, value, seq FROM assets WHERE " + where, {number}),
                db_->Query("SELECT key, value, seq FROM plain WHERE " + where, {number}))
          << where << " with " << ToLiteral(number);
    }
    EXPECT_EQ(db_->Query("SELECT key FROM assets WHERE rowid = CAST(?1 AS INTEGER)", {number}),
              db_->Query("SELECT key FROM plain WHERE seq = CAST(?1 AS INTEGER)", {number}))
        << ToLiteral(number);
  }
  db_->Run("ROLLBACK");
  EXPECT_THAT(db_->Query("SELECT key FROM assets WHERE seq = 7"), IsEmpty());
  EXPECT_THAT(db_->Query("SELECT e.seq, a.key FROM events e JOIN assets a ON a.seq = e.seq "
                         "WHERE e.seq > 2 ORDER BY e.seq"),
              ElementsAre("3|'a'"));
}

TEST_F(DocsTest, SeqIsLookedUpInThePastToo) {
  Append("a", "1");
  Append("b", "2");
  Append("a", "3");
  const auto find = [&](const std::string& where) {
    return db_->Query("SELECT value, seq, rowid FROM assets WHERE " + where);
  };
  EXPECT_THAT(find("as_of = 2 AND seq = 1"), ElementsAre("'1'|1|-1"));
  EXPECT_THAT(find("as_of = 2 AND seq = 3"), IsEmpty());
  EXPECT_THAT(find("as_of = 3 AND seq = 1"), IsEmpty());
  EXPECT_THAT(find("as_of = 2 AND rowid = -1"), ElementsAre("'1'|1|-1"));
  EXPECT_THAT(find("as_of = 2 AND rowid = 1"), IsEmpty());
  EXPECT_THAT(find("as_of IS NULL AND rowid = 3"), ElementsAre("'3'|3|3"));
  EXPECT_THAT(db_->Plan("SELECT 0 FROM assets WHERE as_of = 2 AND seq = 1"),
              HasSubstr("INDEX 0:as_of=? AND seq=?;"));
}

TEST_F(DocsTest, ADocumentIsFoundBySeqWithoutReadingTheOthers) {
  for (int i = 0; i < 300; ++i) Put(i, "v");
  ASSERT_GE(StepsOf(*db_, "SELECT 0 FROM assets WHERE +seq = 5"), 300);
  for (const char* sql :
       {"SELECT * FROM assets WHERE seq = 5", "SELECT * FROM assets WHERE rowid = 5",
        "SELECT * FROM assets WHERE seq IN (5, 7)",
        "SELECT min(key), max(key) FROM assets WHERE seq = 5", "SELECT min(key) FROM assets",
        "SELECT max(key) FROM assets", "UPDATE assets SET value = 'w' WHERE seq = 5",
        "DELETE FROM assets WHERE seq = 7"}) {
    EXPECT_LT(StepsOf(*db_, sql), 60) << sql;
  }
  EXPECT_THAT(db_->Query("SELECT key, value FROM assets WHERE seq IN (5, 7, 301)"),
              ElementsAre("4|'w'"));
}

TEST_F(DocsTest, ThirteenEditsWithDeleteAndUndelete) {
  Put("doc", "1");
  for (int i = 2; i <= 13; ++i) {
    const std::string text = std::to_string(i);
    if (i == 5 || i == 9) {
      db_->Run("DELETE FROM assets WHERE key = 'doc'");
      EXPECT_THAT(Documents(), IsEmpty());
      Put("doc", text);
    } else {
      db_->Run("UPDATE assets SET value = ?1 WHERE key = 'doc'", {text});
    }
    EXPECT_THAT(Documents(), ElementsAre("'doc'|'" + text + "'"));
  }
  EXPECT_EQ(Head(), 15);
}

// --- the documents as they were

TEST_F(DocsTest, AsOfGivesTheDocumentsAsTheyWere) {
  Put("a", "1");
  Put("b", "2");
  db_->Run("UPDATE assets SET value = '3' WHERE key = 'a'");
  db_->Run("DELETE FROM assets WHERE key = 'b'");
  Put("b", "5");
  const auto at = [&](const SqlValue& seq) {
    return db_->Query("SELECT key, value FROM assets WHERE as_of = ?1", {seq});
  };
  EXPECT_THAT(at(0), IsEmpty());
  EXPECT_THAT(at(1), ElementsAre("'a'|'1'"));
  EXPECT_THAT(at(2), ElementsAre("'a'|'1'", "'b'|'2'"));
  EXPECT_THAT(at(3), ElementsAre("'a'|'3'", "'b'|'2'"));
  EXPECT_THAT(at(4), ElementsAre("'a'|'3'"));
  EXPECT_THAT(at(5), ElementsAre("'a'|'3'", "'b'|'5'"));
  EXPECT_THAT(at(kNull), ElementsAre("'a'|'3'", "'b'|'5'"));
  EXPECT_THAT(at(1.0), ElementsAre("'a'|'1'"));
  EXPECT_THAT(at("1"), ElementsAre("'a'|'1'"));
  EXPECT_THAT(db_->Query("SELECT as_of, value FROM assets WHERE key = 'b' AND as_of = 3"),
              ElementsAre("3|'2'"));
  EXPECT_THAT(db_->Query("SELECT as_of FROM assets"), ElementsAre("NULL", "NULL"));
  EXPECT_THAT(db_->Query("SELECT e.seq, count(a.key) FROM events e LEFT JOIN assets a "
                         "ON a.as_of = e.seq GROUP BY e.seq"),
              ElementsAre("1|1", "2|2", "3|2", "4|1", "5|2"));
  EXPECT_THAT(db_->Query("SELECT DISTINCT key FROM assets WHERE as_of IN (1, 2) ORDER BY key"),
              ElementsAre("'a'", "'b'"));
}

TEST_F(DocsTest, AsOfIsNoColumnToCompareWith) {
  for (const char* where : {"as_of < 2", "as_of BETWEEN 1 AND 2", "1 <= as_of"}) {
    EXPECT_THAT(db_->Try(std::string("SELECT * FROM assets WHERE ") + where),
                Fails(SQLITE_ERROR, HasSubstr("takes = only")));
  }
}

TEST_F(DocsTest, AsOfMustBeACommittedEntry) {
  Put("a", "1");
  EXPECT_THAT(db_->Try("SELECT * FROM assets WHERE as_of = 2"),
              Fails(SQLITE_ERROR, AllOf(HasSubstr("as_of is 2"), HasSubstr("is 1"))));
  for (const char* wrong : {"-1", "'x'", "1.5", "x''"}) {
    EXPECT_THAT(db_->Try(std::string("SELECT * FROM assets WHERE as_of = ") + wrong),
                Fails(SQLITE_ERROR, HasSubstr("sequence number")));
  }
  db_->Run("BEGIN");
  Put("b", "2");
  EXPECT_THAT(db_->Try("SELECT * FROM assets WHERE as_of = 2"), Fails(SQLITE_ERROR, _));
  EXPECT_THAT(db_->Query("SELECT key FROM assets WHERE as_of = 1"), ElementsAre("'a'"));
}

TEST_F(DocsTest, ThePastCannotBeChanged) {
  Put("a", "1");
  Put("a2", "2");
  for (const char* sql : {"UPDATE assets SET value = 3 WHERE as_of = 1",
                          "DELETE FROM assets WHERE as_of = 1", "UPDATE assets SET as_of = 1",
                          "INSERT INTO assets(key, value, as_of) VALUES ('c', 1, 1)"}) {
    EXPECT_THAT(db_->Try(sql), Fails(SQLITE_READONLY, HasSubstr("as_of is for reading"))) << sql;
  }
  EXPECT_EQ(Head(), 2);
}

// --- INSERT

TEST_F(DocsTest, InsertAppendsAndTellsItsNumber) {
  Append(kNull, "an event");
  Put("a", "1");
  EXPECT_THAT(db_->Query("SELECT last_insert_rowid(), sv_seq(), changes()"), ElementsAre("2|2|1"));
}

TEST_F(DocsTest, InsertingALiveKeyIsAUniqueConstraint) {
  Put("a", "1");
  EXPECT_THAT(db_->Try("INSERT INTO assets(key, value) VALUES ('b', 2), ('a', 3)"),
              Fails(SQLITE_CONSTRAINT, "UNIQUE constraint failed: assets.key"));
  EXPECT_EQ(sqlite3_extended_errcode(db_->handle()), SQLITE_CONSTRAINT_PRIMARYKEY);
  EXPECT_THAT(Documents(), ElementsAre("'a'|'1'"));
  EXPECT_EQ(Head(), 1);
}

TEST_F(DocsTest, InsertOrIgnoreSkipsLiveKeys) {
  Put("a", "1");
  db_->Run("INSERT OR IGNORE INTO assets(key, value) VALUES ('b', 2), ('a', 3), ('c', 4)");
  EXPECT_EQ(Changes(), 2);
  EXPECT_THAT(Documents(), ElementsAre("'a'|'1'", "'b'|2", "'c'|4"));
}

TEST_F(DocsTest, InsertOrReplaceReplaces) {
  Put("a", "1");
  db_->Run("REPLACE INTO assets(key, value) VALUES ('a', 2), ('b', 3)");
  EXPECT_EQ(Changes(), 2);
  EXPECT_THAT(Documents(), ElementsAre("'a'|2", "'b'|3"));
  EXPECT_EQ(Head(), 3);
}

TEST_F(DocsTest, InsertOrFailKeepsTheRowsBefore) {
  Put("a", "1");
  EXPECT_THAT(
      db_->Try("INSERT OR FAIL INTO assets(key, value) VALUES ('b', 2), ('a', 3), ('c', 4)"),
      Fails(SQLITE_CONSTRAINT, _));
  EXPECT_THAT(Documents(), ElementsAre("'a'|'1'", "'b'|2"));
}

TEST_F(DocsTest, InsertOrRollbackEndsTheTransaction) {
  Put("a", "1");
  db_->Run("BEGIN");
  Put("b", "2");
  EXPECT_THAT(db_->Try("INSERT OR ROLLBACK INTO assets(key, value) VALUES ('a', 3)"),
              Fails(SQLITE_CONSTRAINT, _));
  EXPECT_NE(sqlite3_get_autocommit(db_->handle()), 0);
  EXPECT_THAT(Documents(), ElementsAre("'a'|'1'"));
}

TEST_F(DocsTest, ADeletedKeyCanBeInsertedAgain) {
  Put("a", "1");
  db_->Run("BEGIN; DELETE FROM assets WHERE key = 'a'");
  Put("a", "2");
  EXPECT_THAT(db_->Try("INSERT INTO assets(key, value) VALUES ('a', 3)"),
              Fails(SQLITE_CONSTRAINT, _));
  db_->Run("COMMIT");
  EXPECT_THAT(Documents(), ElementsAre("'a'|'2'"));
}

TEST_F(DocsTest, NeitherKeyNorValueMayBeNull) {
  EXPECT_THAT(db_->Try("INSERT INTO assets(value) VALUES (1)"),
              Fails(SQLITE_CONSTRAINT, "NOT NULL constraint failed: assets.key"));
  EXPECT_EQ(sqlite3_extended_errcode(db_->handle()), SQLITE_CONSTRAINT_NOTNULL);
  EXPECT_THAT(db_->Try("INSERT OR REPLACE INTO assets(key) VALUES (1)"),
              Fails(SQLITE_CONSTRAINT, AllOf(HasSubstr("NOT NULL constraint failed: assets.value"),
                                             HasSubstr("deleted"))));
  db_->Run("INSERT OR IGNORE INTO assets(key, value) VALUES (NULL, 1), (1, NULL)");
  Put("a", "1");
  EXPECT_THAT(db_->Try("UPDATE assets SET value = NULL"), Fails(SQLITE_CONSTRAINT, _));
  EXPECT_THAT(db_->Try("UPDATE assets SET key = NULL"), Fails(SQLITE_CONSTRAINT, _));
  EXPECT_EQ(Head(), 1);
}

TEST_F(DocsTest, SeqAndTimeAreTheLogsToGive) {
  Put("a", "1");
  for (const char* sql :
       {"INSERT INTO assets(key, value, seq) VALUES ('b', 1, 9)",
        "INSERT INTO assets(key, value, time) VALUES ('b', 1, 9)",
        "INSERT INTO assets(rowid, key, value) VALUES (9, 'b', 1)", "UPDATE assets SET seq = 9",
        "UPDATE assets SET time = NULL", "UPDATE assets SET rowid = 9"}) {
    EXPECT_THAT(db_->Try(sql), Fails(SQLITE_CONSTRAINT, HasSubstr("given by the log"))) << sql;
  }
  db_->Run(
      "INSERT INTO assets(key, value, seq, time) VALUES ('b', 1, NULL, NULL);"
      "UPDATE assets SET seq = seq, time = time, rowid = rowid WHERE key = 'b'");
  EXPECT_EQ(Head(), 3);
}

TEST_F(DocsTest, ReturningGivesWhatWasInserted) {
  EXPECT_THAT(db_->Query("INSERT INTO assets(key, value) VALUES ('a', 1), ('b', 2) "
                         "RETURNING key, value"),
              ElementsAre("'a'|1", "'b'|2"));
}

// --- UPDATE and DELETE

TEST_F(DocsTest, UpdateAppendsANewVersion) {
  Put("a", R"({"n":1})");
  Put("b", R"({"n":1})");
  db_->Run("UPDATE assets SET value = json_set(value, '$.n', 2) WHERE key = 'a'");
  EXPECT_EQ(Changes(), 1);
  EXPECT_THAT(Documents(), ElementsAre(R"('a'|'{"n":2}')", R"('b'|'{"n":1}')"));
  EXPECT_EQ(Head(), 3);
}

TEST_F(DocsTest, UpdateOfTheKeyMovesTheDocument) {
  Put("a", "1");
  db_->Run("UPDATE assets SET key = 'b'");
  EXPECT_THAT(Documents(), ElementsAre("'b'|'1'"));
  EXPECT_THAT(Log(), ElementsAre("'a'|'1'", "'b'|'1'", "'a'|NULL"));
  db_->Run("UPDATE assets SET key = 'c', value = value || '2'");
  EXPECT_THAT(Documents(), ElementsAre("'c'|'12'"));
}

TEST_F(DocsTest, UpdateToAnEqualKeyIsNoMove) {
  Put(1, "x");
  db_->Run("UPDATE assets SET key = 1.0");
  EXPECT_THAT(Log(), ElementsAre("1|'x'", "1.0|'x'"));
  EXPECT_THAT(Documents(), ElementsAre("1.0|'x'"));
}

TEST_F(DocsTest, UpdateToALiveKeyIsAConflict) {
  Put("a", "1");
  Put("b", "2");
  EXPECT_THAT(db_->Try("UPDATE assets SET key = 'b' WHERE key = 'a'"),
              Fails(SQLITE_CONSTRAINT, "UNIQUE constraint failed: assets.key"));
  db_->Run("UPDATE OR IGNORE assets SET key = 'b' WHERE key = 'a'");
  EXPECT_EQ(Changes(), 0);
  EXPECT_EQ(Head(), 2);
  db_->Run("UPDATE OR REPLACE assets SET key = 'b' WHERE key = 'a'");
  EXPECT_EQ(Changes(), 1);
  EXPECT_THAT(Documents(), ElementsAre("'b'|'1'"));
}

TEST_F(DocsTest, ARowThatTheStatementReplacedIsNotUpdatedItself) {
  for (int key = 1; key <= 3; ++key) Put(key, key);
  db_->Run("UPDATE OR REPLACE assets SET key = key + 1");
  // 1 becomes 2 and replaces it; 3 becomes 4.
  EXPECT_THAT(Documents(), ElementsAre("2|1", "4|3"));
}

TEST_F(DocsTest, UpdateFromTakesOneMatchOfEachDocument) {
  Put("a", "1");
  db_->Run("CREATE TABLE news(key, value); INSERT INTO news VALUES ('a', 2), ('a', 3)");
  db_->Run("UPDATE assets SET value = news.value FROM news WHERE news.key = assets.key");
  EXPECT_EQ(Head(), 2);
  EXPECT_EQ(db_->Integer("SELECT value IN (2, 3) FROM assets"), 1);
}

TEST_F(DocsTest, DeleteAppendsATombstone) {
  Put("a", "1");
  Put("b", "2");
  db_->Run("DELETE FROM assets WHERE key = 'a'");
  EXPECT_EQ(Changes(), 1);
  EXPECT_THAT(Log(), ElementsAre("'a'|'1'", "'b'|'2'", "'a'|NULL"));
  db_->Run("DELETE FROM assets");
  EXPECT_THAT(Documents(), IsEmpty());
}

TEST_F(DocsTest, WhatMatchesNothingAppendsNothing) {
  Put("a", "1");
  db_->Run(
      "DELETE FROM assets WHERE key = 'x'; UPDATE assets SET value = 2 WHERE key = 'x';"
      "INSERT INTO assets(key, value) SELECT key, value FROM assets WHERE key = 'x'");
  EXPECT_EQ(Head(), 1);
}

TEST_F(DocsTest, TheSeqIsAnOptimisticLock) {
  Put("a", "1");
  const auto other = Connect();
  const int64_t seen = other->Integer("SELECT seq FROM assets WHERE key = 'a'");
  db_->Run("UPDATE assets SET value = '2' WHERE key = 'a' AND seq = ?1", {seen});
  EXPECT_EQ(Changes(), 1);
  other->Run("UPDATE assets SET value = '3' WHERE key = 'a' AND seq = ?1", {seen});
  EXPECT_EQ(other->Integer("SELECT changes()"), 0);
  other->Run("DELETE FROM assets WHERE key = 'a' AND seq = ?1", {seen});
  EXPECT_EQ(other->Integer("SELECT changes()"), 0);
  EXPECT_THAT(Documents(), ElementsAre("'a'|'2'"));
}

// A statement must not meet the rows that it writes itself.
TEST_F(DocsTest, AStatementReadsTheStateThatItBeganWith) {
  for (int key = 1; key <= 3; ++key) Put(key, key * 10);
  db_->Run("INSERT INTO assets(key, value) SELECT key + 3, value FROM assets");
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM assets"), 6);
  db_->Run("UPDATE assets SET key = key + 10");
  EXPECT_THAT(db_->Query("SELECT key FROM assets"),
              ElementsAre("11", "12", "13", "14", "15", "16"));
  db_->Run("UPDATE assets SET value = (SELECT sum(value) FROM assets)");
  EXPECT_THAT(db_->Query("SELECT DISTINCT value FROM assets"), ElementsAre("120"));
  db_->Run("INSERT INTO events(key, value) SELECT key + 1, 'x' FROM assets");
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM assets WHERE value = 'x'"), 6);
}

// --- transactions

TEST_F(DocsTest, UncommittedDocumentsAreSeenByTheirConnectionOnly) {
  Put("a", "1");
  Put("b", "2");
  const auto other = Connect();
  db_->Run(
      "BEGIN; UPDATE assets SET value = '3' WHERE key = 'a'; DELETE FROM assets WHERE key='b'");
  Put("c", "4");
  EXPECT_THAT(Documents(), ElementsAre("'a'|'3'", "'c'|'4'"));
  EXPECT_THAT(Documents(*other), ElementsAre("'a'|'1'", "'b'|'2'"));
  db_->Run("COMMIT");
  other->Run("SELECT sv_consistency('latest')");
  EXPECT_THAT(Documents(*other), ElementsAre("'a'|'3'", "'c'|'4'"));
}

TEST_F(DocsTest, RollbackAndSavepointsTakeDocumentsBack) {
  Put("a", "1");
  db_->Run("BEGIN");
  Put("b", "2");
  db_->Run("SAVEPOINT s; UPDATE assets SET value = '3'; DELETE FROM assets WHERE key = 'a'");
  EXPECT_THAT(Documents(), ElementsAre("'b'|'3'"));
  db_->Run("ROLLBACK TO s");
  EXPECT_THAT(Documents(), ElementsAre("'a'|'1'", "'b'|'2'"));
  Put("c", "4");
  db_->Run("RELEASE s; ROLLBACK");
  EXPECT_THAT(Documents(), ElementsAre("'a'|'1'"));
}

TEST_F(DocsTest, AFailingStatementTakesBackItsOwnRowsOnly) {
  Put("c", "1");
  db_->Run("BEGIN");
  Put("x", "2");
  EXPECT_THAT(db_->Try("INSERT INTO assets(key, value) VALUES ('a', 1), ('b', 2), ('c', 3)"),
              Fails(SQLITE_CONSTRAINT, _));
  EXPECT_THAT(db_->Try("UPDATE assets SET key = 'y'"), Fails(SQLITE_CONSTRAINT, _));
  db_->Run("COMMIT");
  EXPECT_THAT(Documents(), ElementsAre("'c'|'1'", "'x'|'2'"));
  EXPECT_EQ(Head(), 2);
}

TEST_F(DocsTest, ATableMadeInATransactionIsTakenBackWithItsDocuments) {
  db_->Run(
      "BEGIN; SAVEPOINT s; CREATE VIRTUAL TABLE more USING sv_docs(log = events);"
      "INSERT INTO more(key, value) VALUES ('a', 1); ROLLBACK TO s");
  EXPECT_THAT(Documents(), IsEmpty());
  db_->Run("COMMIT");
  EXPECT_EQ(Head(), 0);
}

TEST_F(DocsTest, AnOpenCursorKeepsItsStateThroughCommit) {
  for (int key = 1; key <= 3; ++key) Put(key, "old");
  db_->Run("BEGIN; UPDATE assets SET value = 'own' WHERE key > 1");
  Statement reader(*db_, "SELECT key, value FROM assets");
  ASSERT_TRUE(reader.Step());
  db_->Run("COMMIT; UPDATE assets SET value = 'new'");
  ASSERT_TRUE(reader.Step());
  EXPECT_EQ(ToLine(reader.row()), "2|'own'");
  db_->Run("DELETE FROM assets");
  ASSERT_TRUE(reader.Step());
  EXPECT_EQ(ToLine(reader.row()), "3|'own'");
  EXPECT_FALSE(reader.Step());
}

TEST_F(DocsTest, AnOpenCursorKeepsItsStateThroughRollbackTo) {
  Put(1, "old");
  db_->Run("BEGIN; SAVEPOINT s");
  Put(2, "own");
  Put(3, "own");
  Statement reader(*db_, "SELECT key, value FROM assets");
  ASSERT_TRUE(reader.Step());
  db_->Run("ROLLBACK TO s");
  Put(4, "later");
  ASSERT_TRUE(reader.Step());
  EXPECT_EQ(ToLine(reader.row()), "2|'own'");
  ASSERT_TRUE(reader.Step());
  EXPECT_FALSE(reader.Step());
  reader.Reset();
  db_->Run("ROLLBACK");
  EXPECT_THAT(Documents(), ElementsAre("1|'old'"));
}

TEST_F(DocsTest, WritingWhileReadingChangesEachRowOnce) {
  for (int key = 0; key < 50; ++key) Put(key, 0);
  Statement reader(*db_, "SELECT key FROM assets");
  while (reader.Step()) {
    db_->Run("UPDATE assets SET value = value + 1, key = key + 1000 WHERE key = ?1", reader.row());
  }
  EXPECT_THAT(db_->Query("SELECT count(*), min(key), min(value), max(value) FROM assets"),
              ElementsAre("50|1000|1|1"));
}

// --- freshness and concurrency

TEST_F(DocsTest, AReadSeesTheWriteBeforeIt) {
  for (int i = 1; i <= 200; ++i) {
    Append("doc" + std::to_string(i), "v");
    ASSERT_EQ(db_->Integer("SELECT count(*) FROM assets"), i);
  }
}

TEST_F(DocsTest, LatestSeesWhatOthersHaveCommitted) {
  const auto other = Connect();
  other->Run("SELECT sv_consistency('latest')");
  for (int i = 1; i <= 100; ++i) {
    Put(i, i);
    ASSERT_EQ(other->Integer("SELECT count(*) FROM assets"), i);
  }
}

TEST_F(DocsTest, WritesAreNeverBasedOnAnOldState) {
  db_->Run("SELECT sv_consistency('eventual')");
  const auto other = Connect();
  for (int i = 1; i <= 100; ++i) {
    other->Append("events", "doc", i);
    db_->Run("UPDATE assets SET value = value + 1000 WHERE key = 'doc' AND value = ?1", {i});
    ASSERT_EQ(Changes(), 1) << i;
    other->Append("events", i, "taken");
    ASSERT_THAT(db_->Try("INSERT INTO assets(key, value) VALUES (?1, 1)", {i}),
                Fails(SQLITE_CONSTRAINT, _));
    db_->Run("DELETE FROM assets WHERE key = ?1", {i});
    ASSERT_EQ(Changes(), 1) << i;
  }
}

TEST_F(DocsTest, AStatementThatWritesIgnoresTheOldStateThatAnotherStillReads) {
  db_->Run("PRAGMA journal_mode = WAL");
  Put("a", "1");
  Put("b", "1");
  const auto other = Connect();
  Statement reader(*db_, "SELECT key FROM assets");
  ASSERT_TRUE(reader.Step());
  other->Run("UPDATE assets SET value = '2'");
  db_->Run("UPDATE assets SET value = value || '!'");
  other->Run("SELECT sv_consistency('latest')");
  EXPECT_THAT(Documents(*other), ElementsAre("'a'|'2!'", "'b'|'2!'"));
}

TEST_F(DocsTest, ASecondWriterIsBusyUntilTheFirstHasCommitted) {
  Put("a", "1");
  const auto other = Connect();
  db_->Run("BEGIN; UPDATE assets SET value = '2'");
  EXPECT_THAT(other->Try("UPDATE assets SET value = '3'"), Fails(SQLITE_BUSY, _));
  EXPECT_THAT(other->Try("DELETE FROM assets"), Fails(SQLITE_BUSY, _));
  db_->Run("COMMIT");
  other->Run("UPDATE assets SET value = value || '3'");
  EXPECT_THAT(Documents(*other), ElementsAre("'a'|'23'"));
}

TEST_F(DocsTest, NoUpdateIsLostAmongThreads) {
  db_->Run("PRAGMA journal_mode = WAL");
  Put("counter", 0);
  constexpr int kThreads = 4, kUpdates = 100;
  std::atomic<int> inserted = 0;
  const auto work = [&] {
    const auto db = Connect();
    db->Run("PRAGMA busy_timeout = 60000; PRAGMA synchronous = OFF");
    for (int i = 0; i < kUpdates; ++i) {
      db->Run("UPDATE assets SET value = value + 1 WHERE key = 'counter'");
      inserted += db->Try("INSERT INTO assets(key, value) VALUES (?1, 1)", {i}).code == SQLITE_OK;
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  db_->Run("SELECT sv_consistency('latest')");
  EXPECT_EQ(db_->Integer("SELECT value FROM assets WHERE key = 'counter'"), kThreads * kUpdates);
  EXPECT_EQ(inserted, kUpdates);
}

// --- the table itself

TEST_F(DocsTest, ALogMayHaveSeveralDocsTables) {
  db_->Run("CREATE VIRTUAL TABLE docs USING sv_docs(log = 'EVENTS')");
  db_->Run("BEGIN");
  Put("a", "1");
  db_->Run(
      "UPDATE docs SET value = '2'; INSERT INTO docs(key, value) SELECT key || 'b', value "
      "FROM assets; COMMIT");
  EXPECT_THAT(Documents(), ElementsAre("'a'|'2'", "'ab'|'2'"));
}

TEST_F(DocsTest, DroppingAndRenamingTheTableLosesNothing) {
  Put("a", "1");
  db_->Run("ALTER TABLE assets RENAME TO things");
  EXPECT_THAT(db_->Try("INSERT INTO things(key, value) VALUES ('a', 1)"),
              Fails(SQLITE_CONSTRAINT, "UNIQUE constraint failed: things.key"));
  db_->Run("DROP TABLE things; CREATE VIRTUAL TABLE assets USING sv_docs(log = events)");
  EXPECT_THAT(Documents(), ElementsAre("'a'|'1'"));
  Reopen();
  EXPECT_THAT(Documents(), ElementsAre("'a'|'1'"));
}

// SQLite looks for an index of a table that declares a PRIMARY KEY.
TEST_F(DocsTest, MaintenanceOfTheDatabaseLeavesItAlone) {
  Put("a", "1");
  EXPECT_THAT(db_->Query("PRAGMA integrity_check"), ElementsAre("'ok'"));
  EXPECT_THAT(db_->Query("PRAGMA quick_check(assets)"), ElementsAre("'ok'"));
  db_->Run("REINDEX; ANALYZE; VACUUM");
  EXPECT_THAT(Documents(), ElementsAre("'a'|'1'"));
  EXPECT_THAT(db_->Query("SELECT name, \"notnull\" FROM pragma_table_info('assets')"),
              ElementsAre("'key'|1", "'value'|1", "'seq'|1", "'time'|1"));
}

TEST_F(DocsTest, ATableWithoutItsLogSaysSo) {
  EXPECT_THAT(db_->Try("CREATE VIRTUAL TABLE d USING sv_docs(log = nothing)"),
              Fails(SQLITE_ERROR, HasSubstr("no such log: main.nothing")));
  EXPECT_THAT(db_->Try("CREATE VIRTUAL TABLE d USING sv_docs"),
              Fails(SQLITE_ERROR, HasSubstr("log")));
  EXPECT_THAT(db_->Try("CREATE VIRTUAL TABLE d USING sv_docs(log = events, keys = 2)"),
              Fails(SQLITE_ERROR, HasSubstr("keys")));
  db_->Run("DROP TABLE events");
  EXPECT_THAT(db_->Try("SELECT * FROM assets"), Fails(SQLITE_ERROR, HasSubstr("no such log")));
  EXPECT_THAT(db_->Try("INSERT INTO assets(key, value) VALUES (1, 1)"),
              Fails(SQLITE_ERROR, HasSubstr("no such log")));
  db_->Run("DROP TABLE assets");
}

TEST_F(DocsTest, ServesDatabasesInUtf16) {
  Database db(dir_ / "wide.db");
  db.Run(
      "PRAGMA encoding = 'UTF-16le'; CREATE VIRTUAL TABLE log USING sv_log;"
      "CREATE VIRTUAL TABLE docs USING sv_docs(log = log);"
      "INSERT INTO docs(key, value) VALUES ('\uffee', 1), ('\U0001f600', 2), ('aé', 3)");
  // By their UTF-16 bytes, which is not the order of the index.
  EXPECT_EQ(db.Query("SELECT key FROM docs ORDER BY key"),
            db.Query("SELECT key FROM (SELECT key || '' AS key FROM docs) ORDER BY key"));
  EXPECT_THAT(db.Query("SELECT value FROM docs WHERE key = 'aé'"), ElementsAre("3"));
  EXPECT_THAT(db.Query("SELECT value FROM docs WHERE key GLOB 'a*'"), ElementsAre("3"));
  EXPECT_EQ(db.Query("SELECT value FROM docs WHERE key > 'b'"),
            db.Query("SELECT value FROM docs WHERE key || '' > 'b'"));
}

}  // namespace
}  // namespace streamview::testing
