// What a statement of a process costs whose log another one holds, in requests to that one.

#include <string>

#include "tests/ext/testing/fixture.h"
#include "tests/ext/testing/other_process.h"
#include "tests/ext/testing/sent_requests.h"

namespace streamview::testing {
namespace {

using ::testing::ElementsAre;

// `other_` holds the log, this process uses it.
class RoundTripsTest : public DatabaseTest {
 protected:
  RoundTripsTest() {
    other_.Run("CREATE VIRTUAL TABLE events USING sv_log");
    other_.Run(
        "CREATE VIRTUAL TABLE by_tag USING sv_view(log = events, emit = '$.tag', value = '$.n')");
    other_.Run(
        "CREATE VIRTUAL TABLE counts USING sv_view(log = events, reduce = count, emit = '$.tag')");
    other_.Run("CREATE VIRTUAL TABLE docs USING sv_docs(log = events)");
    other_.Run(
        "INSERT INTO events(key, value) WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
        "FROM c WHERE i < 40) SELECT 'k' || i, json_object('tag', 't' || (i % 4), 'n', i) FROM c");
    // From here on the session is there, and all tables have found their log and view.
    for (const char* table : {"events", "by_tag", "counts", "docs"}) {
      EXPECT_GT(db_->Query("SELECT * FROM " + std::string(table)).size(), 0);
    }
  }

  // How many requests the statement takes; `rows`: how many rows it must give.
  int64_t Requests(const std::string& sql, size_t rows) {
    const int64_t before = SentRequests();
    EXPECT_EQ(db_->Query(sql).size(), rows) << sql;
    return SentRequests() - before;
  }

  OtherProcess other_{path_};
};

TEST_F(RoundTripsTest, ALookUpTakesOneRequest) {
  for (const char* consistency : {"session", "latest", "eventual"}) {
    db_->Run("SELECT sv_consistency('" + std::string(consistency) + "')");
    EXPECT_EQ(Requests("SELECT key, value, doc_id, seq FROM by_tag WHERE key = 't1'", 10), 1);
    EXPECT_EQ(Requests("SELECT * FROM by_tag WHERE key = 'none'", 0), 1);
    EXPECT_EQ(Requests("SELECT * FROM counts WHERE key = 't1'", 1), 1);
    EXPECT_EQ(Requests("SELECT seq FROM docs WHERE key = 'k7'", 1), 1);
    EXPECT_EQ(Requests("SELECT * FROM events WHERE seq = 7", 1), 1);
    EXPECT_EQ(Requests("SELECT * FROM events WHERE seq = 41", 0), 1);
  }
}

TEST_F(RoundTripsTest, DocumentsComeAlongWithTheirRows) {
  EXPECT_EQ(Requests("SELECT doc FROM by_tag WHERE key = 't1'", 10), 1);
  EXPECT_EQ(Requests("SELECT key FROM by_tag WHERE key = 't1' AND doc ->> '$.n' = 5", 1), 1);
  EXPECT_EQ(Requests("SELECT * FROM docs WHERE key = 'k7'", 1), 1);
  EXPECT_EQ(Requests("SELECT key, time FROM docs", 40), 1);
}

TEST_F(RoundTripsTest, AShortScanTakesOneRequest) {
  EXPECT_EQ(Requests("SELECT key, value FROM by_tag", 40), 1);
  EXPECT_EQ(Requests("SELECT key FROM by_tag WHERE key >= 't2' ORDER BY key DESC", 20), 1);
  EXPECT_EQ(Requests("SELECT * FROM events", 40), 1);
  EXPECT_EQ(Requests("SELECT count(*) FROM events WHERE seq > 30", 1), 1);
}

TEST_F(RoundTripsTest, WhatTheHolderAppendsIsSeenWithoutAskingFirst) {
  db_->Run("SELECT sv_consistency('latest')");
  other_.Run("INSERT INTO events(key, value) VALUES ('new', '{\"tag\":\"t1\",\"n\":41}')");
  EXPECT_EQ(Requests("SELECT * FROM by_tag WHERE key = 't1'", 11), 1);
  EXPECT_EQ(Requests("SELECT * FROM events WHERE seq = 41", 1), 1);
}

TEST_F(RoundTripsTest, AllCursorsOfAStatementReadOneState) {
  // One for the outer scan with the state, and one for each look-up in it.
  EXPECT_EQ(Requests("SELECT 1 FROM counts AS c CROSS JOIN by_tag AS t ON t.key = c.key", 40), 5);
  const std::string twice = "SELECT a.seq FROM events AS a CROSS JOIN events AS b ON b.seq = a.seq";
  EXPECT_EQ(Requests(twice + " WHERE a.seq <= 3", 3), 4);
}

TEST_F(RoundTripsTest, AJoinReadsLookUpsThatFollowOneAnotherTogether) {
  other_.Run(
      "INSERT INTO events(key, value) WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
      "FROM c WHERE i < 2000) SELECT 'j' || i, json_object('tag', iif(i % 3, 'most', 'some'), 'n', "
      "i) "
      "FROM c");
  db_->Run("SELECT sv_consistency('latest')");
  db_->Run("CREATE TABLE some AS SELECT doc_id FROM by_tag WHERE key = 'some' ORDER BY doc_id");
  const std::string join = "SELECT s.doc_id, t.value FROM some s CROSS JOIN by_tag t ON t.key = ";
  EXPECT_LT(Requests(join + "'some' AND t.doc_id = s.doc_id", 666), 15);
  EXPECT_LT(Requests(join + "'most' AND t.doc_id = s.doc_id", 0), 25);
  // In no order: each for itself.
  EXPECT_GT(Requests("SELECT 1 FROM (SELECT doc_id FROM some ORDER BY doc_id DESC LIMIT 50) s "
                     "CROSS JOIN by_tag t ON t.key = 'some' AND t.doc_id = s.doc_id",
                     50),
            49);
}

TEST_F(RoundTripsTest, ATransactionTakesThreeRequestsHoweverManyRowsItHas) {
  const int64_t before = SentRequests();
  db_->Run("BEGIN");
  for (int i = 0; i < 100; i++) {
    db_->Run("INSERT INTO events(key, value) VALUES ('new', '{\"tag\":\"t1\"}')");
  }
  db_->Run("COMMIT");
  EXPECT_EQ(SentRequests() - before, 3);  // the turn, the entries, the commit
}

}  // namespace
}  // namespace streamview::testing
