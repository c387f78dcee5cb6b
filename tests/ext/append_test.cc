// sv_append(log, key, value): one entry, committed at once, by many connections together.

#include <thread>

#include "tests/ext/testing/fixture.h"

namespace streamview::testing {
namespace {

using ::testing::_;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class AppendTest : public DatabaseTest {
 protected:
  AppendTest() { CreateLogAndView(); }
};

TEST_F(AppendTest, GivesTheEntryItsNumberAndIsReadAtOnce) {
  EXPECT_EQ(db_->Integer(R"(SELECT sv_append('events', 'a', '{"tags":["cat"]}'))"), 1);
  EXPECT_EQ(db_->Integer("SELECT sv_append(NULL, NULL, x'00')"), 2);
  EXPECT_EQ(db_->Integer("SELECT sv_seq()"), 2);
  EXPECT_THAT(db_->Query("SELECT doc_id FROM view_tags WHERE key = 'cat'"), ElementsAre("'a'"));
  EXPECT_EQ(db_->Integer("SELECT sv_append('events', 'a', NULL)"), 3);
  EXPECT_THAT(db_->Query("SELECT doc_id FROM view_tags"), ElementsAre());
  Reopen();
  EXPECT_THAT(db_->Query("SELECT seq, key, value FROM events"),
              ElementsAre(R"(1|'a'|'{"tags":["cat"]}')", "2|NULL|x'00'", "3|'a'|NULL"));
}

TEST_F(AppendTest, ATransactionIsRefusedAndGoesOn) {
  db_->Run("CREATE TABLE t(x)");
  for (const std::string begin : {"BEGIN", "BEGIN; INSERT INTO events(value) VALUES (1)"}) {
    db_->Run(begin);
    EXPECT_THAT(db_->Try("SELECT sv_append('events', 'a', 1)"),
                Fails(SQLITE_MISUSE, HasSubstr("use INSERT")));
    db_->Run("INSERT INTO events(value) VALUES (2); ROLLBACK");
  }
  // Within a statement that writes, too: its rows could be undone, and the entry not.
  EXPECT_THAT(db_->Try("INSERT INTO t SELECT sv_append('events', 'a', 1)"),
              Fails(SQLITE_MISUSE, _));
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM events"), 0);
}

TEST_F(AppendTest, WhatItCannotAppendIsAnError) {
  EXPECT_THAT(db_->Try("SELECT sv_append('nowhere', 'a', 1)"),
              Fails(SQLITE_ERROR, HasSubstr("no such log: nowhere")));
  EXPECT_THAT(db_->Try("SELECT sv_append('events', CAST(zeroblob(70000) AS TEXT), 1)"),
              Fails(SQLITE_CONSTRAINT, HasSubstr("70000 bytes")));
  db_->Run("CREATE VIEW v AS SELECT sv_append('events', 'a', 1)");
  EXPECT_THAT(db_->Try("SELECT * FROM v"), Fails(SQLITE_ERROR, HasSubstr("unsafe use")));
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM events"), 0);
}

TEST_F(AppendTest, AReadOnlyConnectionMayNotAppend) {
  const auto refused = Fails(SQLITE_READONLY, HasSubstr("readonly database"));
  db_->Run("PRAGMA query_only = 1");
  EXPECT_THAT(db_->Try("SELECT sv_append('events', 'a', 1)"), refused);
  db_->Run("PRAGMA query_only = 0");
  Database reader("file:" + path_ + "?mode=ro");
  EXPECT_THAT(reader.Try("SELECT sv_append('events', 'a', 1)"), refused);
  EXPECT_EQ(reader.Integer("SELECT count(*) FROM events"), 0);
}

// SQLite lets one connection write at a time; these do not wait for it, nor it for them.
TEST_F(AppendTest, DoesNotNeedTheDatabasesWriteLock) {
  db_->Run("CREATE TABLE t(x)");
  const auto other = Connect();
  db_->Run("BEGIN IMMEDIATE; INSERT INTO t VALUES (1)");
  EXPECT_EQ(other->Integer("SELECT sv_append('events', 'a', 1)"), 1);
  db_->Run("COMMIT");
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM events"), 1);
}

// But a transaction that has appended has the log until its end.
TEST_F(AppendTest, ATransactionOfTheLogIsWaitedForAsLongAsTheBusyTimeout) {
  const auto other = Connect();
  db_->Run("BEGIN; INSERT INTO events(value) VALUES (1)");
  other->Run("PRAGMA busy_timeout = 1");
  EXPECT_THAT(other->Try("SELECT sv_append('events', 'a', 1)"), Fails(SQLITE_BUSY, _));
  other->Run("PRAGMA busy_timeout = 60000");
  std::thread waiter([&] { EXPECT_EQ(other->Integer("SELECT sv_append('events', 'a', 1)"), 2); });
  // The waiter reads the schema for a moment, and COMMIT waits for readers.
  sqlite3_busy_timeout(db_->handle(), 60000);
  db_->Run("COMMIT");
  waiter.join();
}

TEST_F(AppendTest, ManyConnectionsAtOnce) {
  constexpr int kThreads = 8, kEach = 40;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      const auto db = Connect();
      db->Run("PRAGMA busy_timeout = 60000");
      for (int i = 0; i < kEach; ++i) {
        const std::string key = "t" + std::to_string(t) + "-" + std::to_string(i);
        const std::string document = R"('{"tags":["cat"],"location":1}')";
        if (t == 0) {
          db->Run("INSERT INTO events(key, value) VALUES ('" + key + "', " + document + ")");
        } else {
          db->Run("SELECT sv_append('events', '" + key + "', " + document + ")");
        }
        EXPECT_EQ(db->Integer("SELECT count(*) FROM view_tags WHERE key = 'cat' AND doc_id = '" +
                              key + "'"),
                  1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(db_->Integer("SELECT count(DISTINCT key) FROM events"), kThreads * kEach);
  EXPECT_EQ(db_->Integer("SELECT max(seq) FROM events"), kThreads * kEach);
  db_->Run("INSERT INTO events(events) VALUES ('integrity-check')");
}

}  // namespace
}  // namespace streamview::testing
