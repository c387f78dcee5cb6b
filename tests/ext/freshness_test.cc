// How fresh a read is: read-your-writes, consistency modes, waiting.

#include <atomic>
#include <functional>
#include <thread>

#include "tests/ext/testing/fixture.h"

namespace streamview::testing {
namespace {

using ::testing::_;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class FreshnessTest : public DatabaseTest {
 protected:
  FreshnessTest() {
    // Readers that hold a statement open do not hold up those who commit.
    db_->Run("PRAGMA journal_mode = WAL");
    CreateLogAndView();
  }

  void AppendCat(Database& db, const std::string& key) {
    db.Append("events", key, R"({"tags":["cat"]})");
  }
  int64_t Cats(Database& db) {
    return db.Integer("SELECT count(*) FROM view_tags WHERE key = 'cat'");
  }
  // A view whose map takes milliseconds for each entry, and `entries` entries for it.
  void CreateSlowView(int entries = 0) {
    CreateView("slow",
               "SELECT 'x' AS key, (WITH RECURSIVE n(i) AS "
               "(VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT max(i) FROM n) "
               "AS value FROM events");
    AppendTogether(0, entries);
  }
  void AppendTogether(int first, int count) {
    db_->Run("BEGIN");
    for (int i = first; i < first + count; ++i) Append(i, "{}");
    db_->Run("COMMIT");
  }
  int64_t SlowRows(Database& db) { return db.Integer("SELECT count(*) FROM slow"); }
};

TEST_F(FreshnessTest, AReadSeesTheWriteBeforeIt) {
  for (int i = 1; i <= 300; ++i) {
    AppendCat(*db_, "doc" + std::to_string(i));
    ASSERT_EQ(Cats(*db_), i);
  }
}

TEST_F(FreshnessTest, ConsistencyIsSessionUnlessSaidOtherwise) {
  EXPECT_THAT(db_->Query("SELECT sv_consistency()"), ElementsAre("'session'"));
  EXPECT_THAT(db_->Query("SELECT sv_consistency('latest')"), ElementsAre("'latest'"));
  EXPECT_THAT(db_->Query("SELECT sv_consistency()"), ElementsAre("'latest'"));
  const auto other = Connect();
  EXPECT_THAT(other->Query("SELECT sv_consistency()"), ElementsAre("'session'"));
}

TEST_F(FreshnessTest, AnUnknownConsistencyIsRefusedAndChangesNothing) {
  EXPECT_THAT(db_->Try("SELECT sv_consistency('fresh')"),
              Fails(_, AllOf(HasSubstr("fresh"), HasSubstr("session"), HasSubstr("latest"),
                             HasSubstr("eventual"))));
  EXPECT_THAT(db_->Query("SELECT sv_consistency()"), ElementsAre("'session'"));
}

TEST_F(FreshnessTest, ASessionSeesWhatWasCommittedBeforeIt) {
  CreateSlowView(50);
  const auto other = Connect();
  EXPECT_EQ(SlowRows(*other), 50);
}

TEST_F(FreshnessTest, ASessionSeesAllThatItsOwnWriteFollows) {
  const auto other = Connect();
  EXPECT_EQ(Cats(*other), 0);
  for (int i = 0; i < 20; ++i) AppendCat(*db_, std::to_string(i));
  AppendCat(*other, "own");
  EXPECT_EQ(Cats(*other), 21);
}

TEST_F(FreshnessTest, ASessionNeverGoesBackInTime) {
  CreateSlowView();
  const auto other = Connect();
  EXPECT_EQ(SlowRows(*other), 0);
  for (int i = 0; i < 50; ++i) Append(i, R"({"tags":["cat"]})");
  // The log shows all 50 to `other`; from here on its views must, too.
  EXPECT_EQ(other->Integer("SELECT max(seq) FROM events"), 50);
  EXPECT_EQ(SlowRows(*other), 50);
}

TEST_F(FreshnessTest, AViewIsNoOlderThanAnotherViewThatWasRead) {
  CreateSlowView();
  const auto other = Connect();
  EXPECT_EQ(SlowRows(*other), 0);
  for (int i = 0; i < 50; ++i) Append(i, R"({"tags":["cat"]})");
  const int64_t seen = other->Integer("SELECT ifnull(max(seq), 0) FROM view_tags");
  EXPECT_GE(SlowRows(*other), seen);
}

TEST_F(FreshnessTest, LatestSeesWhatOthersHaveCommitted) {
  const auto other = Connect();
  other->Run("SELECT sv_consistency('latest')");
  for (int i = 1; i <= 100; ++i) {
    AppendCat(*db_, std::to_string(i));
    ASSERT_EQ(Cats(*other), i);
  }
}

TEST_F(FreshnessTest, EventualNeverWaitsAndIsCompleteLater) {
  db_->Run("SELECT sv_consistency('eventual')");
  CreateSlowView();
  int entries = 0;
  bool complete = true;
  // On a machine that is busy the view may be complete before the query begins: then once more.
  for (int attempt = 0; complete && attempt < 10; ++attempt) {
    AppendTogether(entries, 200);
    entries += 200;
    complete = SlowRows(*db_) == entries;
  }
  EXPECT_FALSE(complete) << "an eventual read has waited for the view";
  db_->Run("SELECT sv_wait(sv_seq())");
  EXPECT_EQ(SlowRows(*db_), entries);
}

// The rows of an eventual read are those of some state that the log has been in.
TEST_F(FreshnessTest, EventualShowsOneStateOfTheLog) {
  const auto other = Connect();
  other->Run("SELECT sv_consistency('eventual')");
  for (int i = 1; i <= 200; ++i) {
    AppendCat(*db_, "doc" + std::to_string(i % 7));
    const auto rows = other->QueryRows("SELECT seq FROM view_tags WHERE key = 'cat' ORDER BY seq");
    for (size_t k = 1; k < rows.size(); ++k) {
      ASSERT_EQ(std::get<int64_t>(rows[k][0]), std::get<int64_t>(rows[k - 1][0]) + 1)
          << "a version is missing or shown twice";
    }
    ASSERT_LE(rows.size(), 7u);
  }
}

TEST_F(FreshnessTest, AStatementSeesOneStateWhileDocumentsChange) {
  for (int i = 10; i < 60; ++i) AppendCat(*db_, std::to_string(i));
  const auto other = Connect();
  Statement scan(*db_, "SELECT doc_id, seq, doc FROM view_tags WHERE key = 'cat'");
  int64_t rows = 0;
  while (scan.Step()) {
    ++rows;
    EXPECT_EQ(ToLine(scan.row()), ToLine({std::to_string(9 + rows), rows, R"({"tags":["cat"]})"}));
    other->Append("events", "59", R"({"tags":["cat","dog"]})");
    other->Append("events", std::to_string(10 + rows), kNull);
    other->Append("events", std::to_string(100 + rows), R"({"tags":["cat"]})");
    ASSERT_LE(rows, 50);
  }
  EXPECT_EQ(rows, 50);
}

TEST_F(FreshnessTest, AStatementSeesOneStateWhileItsOwnConnectionAppends) {
  for (int i = 10; i < 30; ++i) AppendCat(*db_, std::to_string(i));
  Statement scan(*db_, "SELECT doc_id FROM view_tags WHERE key = 'cat'");
  int rows = 0;
  while (scan.Step()) {
    AppendCat(*db_, std::to_string(50 + ++rows));
    ASSERT_LE(rows, 20);
  }
  EXPECT_EQ(rows, 20);
  EXPECT_EQ(Cats(*db_), 40);
}

TEST_F(FreshnessTest, AStatementSeesOneStateWhileItsViewIsDropped) {
  for (int i = 10; i < 60; ++i) AppendCat(*db_, std::to_string(i));
  const auto other = Connect();
  Statement scan(*db_, "SELECT doc_id FROM view_tags WHERE key = 'cat'");
  ASSERT_TRUE(scan.Step());
  // A SQLite reader may hold the dropper up; then there is nothing to see.
  const Outcome dropped = other->Try("DROP TABLE view_tags");
  int rows = 1;
  while (scan.Step()) ++rows;
  EXPECT_EQ(rows, 50) << dropped;
}

TEST_F(FreshnessTest, AStatementSeesOneStateWhileItsViewIsRebuilt) {
  for (int i = 10; i < 60; ++i) AppendCat(*db_, std::to_string(i));
  const auto other = Connect();
  Statement scan(*db_, "SELECT doc_id FROM view_tags WHERE key = 'cat'");
  ASSERT_TRUE(scan.Step());
  other->Try("INSERT INTO view_tags(view_tags) VALUES ('rebuild')");
  other->Run("SELECT sv_wait(sv_head())");
  int rows = 1;
  while (scan.Step()) ++rows;
  EXPECT_EQ(rows, 50);
}

TEST_F(FreshnessTest, AnUnfinishedStatementDoesNotHoldBackLaterOnes) {
  AppendCat(*db_, "a");
  AppendCat(*db_, "b");
  const auto other = Connect();
  Statement unfinished(*db_, "SELECT doc_id FROM view_tags WHERE key = 'cat'");
  ASSERT_TRUE(unfinished.Step());
  AppendCat(*other, "c");
  db_->Run("SELECT sv_consistency('latest')");
  EXPECT_EQ(Cats(*db_), 3);
  AppendCat(*other, "d");
  db_->Run("SELECT sv_consistency('session')");
  db_->Run("SELECT sv_wait(sv_head())");
  EXPECT_EQ(Cats(*db_), 4);
  EXPECT_TRUE(unfinished.Step());
  EXPECT_FALSE(unfinished.Step());
}

TEST_F(FreshnessTest, AnUnfinishedStatementOnDocumentsDoesNotHoldBackLaterOnes) {
  db_->Run("CREATE VIRTUAL TABLE docs USING sv_docs(log = events)");
  AppendCat(*db_, "a");
  AppendCat(*db_, "b");
  const auto other = Connect();
  Statement unfinished(*db_, "SELECT key FROM docs");
  ASSERT_TRUE(unfinished.Step());
  AppendCat(*other, "c");
  db_->Run("SELECT sv_consistency('latest')");
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM docs"), 3);
  EXPECT_TRUE(unfinished.Step());
  EXPECT_FALSE(unfinished.Step());
}

// A correlated subquery opens its cursor anew for each row.
TEST_F(FreshnessTest, AllPartsOfAStatementSeeOneStateOfEachTable) {
  db_->Run("CREATE VIRTUAL TABLE docs USING sv_docs(log = events)");
  for (int i = 0; i < 5; ++i) AppendCat(*db_, std::to_string(i));
  const auto other = Connect();
  for (const std::string mode : {"latest", "session"}) {
    db_->Run("SELECT sv_consistency('" + mode + "')");
    for (const std::string table : {"events", "docs", "view_tags"}) {
      Statement statement(*db_, "SELECT (SELECT count(*) FROM " + table +
                                    " AS b WHERE b.seq >= 0 AND a.seq > 0) FROM " + table +
                                    " AS a");
      std::vector<std::string> counts;
      while (statement.Step()) {
        counts.push_back(ToLine(statement.row()));
        AppendCat(*other, "more" + std::to_string(counts.size()) + table + mode);
      }
      EXPECT_GE(counts.size(), 5u);
      EXPECT_THAT(counts, ::testing::Each(std::to_string(counts.size()))) << table << " " << mode;
    }
  }
}

// The rows are those of another table, so between two of its runs the subquery has nothing open.
TEST_F(FreshnessTest, ASubquerySeesOneStateForAllRowsOfAnotherTable) {
  db_->Run("CREATE VIRTUAL TABLE docs USING sv_docs(log = events)");
  db_->Run("CREATE TABLE plain(x); INSERT INTO plain VALUES (1), (2), (3)");
  const auto other = Connect();
  for (const std::string mode : {"latest", "session"}) {
    db_->Run("SELECT sv_consistency('" + mode + "')");
    for (const std::string table : {"events", "docs", "view_tags"}) {
      const int64_t before = db_->Integer("SELECT count(*) FROM " + table);
      Statement statement(
          *db_, "SELECT (SELECT count(*) FROM " + table + " WHERE seq >= x - x) FROM plain");
      for (int row = 1; row <= 3; ++row) {
        ASSERT_TRUE(statement.Step());
        EXPECT_EQ(ToLine(statement.row()), std::to_string(before)) << table << " " << mode;
        AppendCat(*other, std::to_string(row) + table + mode);
        AppendCat(*db_, std::to_string(row) + "own" + table + mode);
      }
      EXPECT_FALSE(statement.Step());
      EXPECT_EQ(db_->Integer("SELECT count(*) FROM " + table), before + 6) << table << " " << mode;
    }
  }
}

TEST_F(FreshnessTest, AJoinSeesOneStateWhileAnotherStatementIsUnfinished) {
  db_->Run("CREATE VIRTUAL TABLE docs USING sv_docs(log = events)");
  const auto other = Connect();
  std::function<void()> update_all = [&] {
    for (int i = 0; i < 5; ++i) AppendCat(*other, std::to_string(i));
  };
  sqlite3_create_function(
      db_->handle(), "update_all", 1, SQLITE_UTF8, &update_all,
      [](sqlite3_context* context, int, sqlite3_value**) {
        (*static_cast<std::function<void()>*>(sqlite3_user_data(context)))();
        sqlite3_result_int(context, 1);
      },
      nullptr, nullptr);
  update_all();
  db_->Run("SELECT sv_consistency('latest')");
  Statement unfinished(*db_, "VALUES (1), (2)");
  ASSERT_TRUE(unfinished.Step());
  for (const std::string table : {"events", "docs", "view_tags"}) {
    const std::string join = "SELECT a.key, a.seq, b.seq FROM " + table + " a CROSS JOIN " + table +
                             " b WHERE b.key = a.key AND b.seq = a.seq AND 1 = ";
    const Lines expected = db_->Query(join + "1");
    EXPECT_GE(expected.size(), 5u) << table;
    EXPECT_EQ(db_->Query(join + "update_all(a.seq)"), expected) << table;
  }
}

// Views and documents follow in batches, and show none of them before the transaction is whole.
TEST_F(FreshnessTest, OtherConnectionsNeverSeeAPartOfATransaction) {
  constexpr int kRows = 20'000;
  db_->Run("CREATE VIRTUAL TABLE docs USING sv_docs(log = events)");
  const auto other = Connect();
  for (const std::string mode : {"eventual", "session"}) {
    other->Run("SELECT sv_consistency('" + mode + "')");
    for (const std::string table : {"view_tags", "docs"}) {
      const std::string count = "SELECT count(*) FROM " + table;
      const int64_t before = db_->Integer(count);
      ASSERT_EQ(other->Integer("SELECT count(*) FROM events") * 0 + other->Integer(count), before);
      db_->Run("WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < " +
               std::to_string(kRows) + ") INSERT INTO events(key, value) SELECT '" + mode + table +
               "' || i, '{\"tags\":[\"cat\"]}' FROM n");
      int64_t seen = before;
      while (seen == before) seen = other->Integer(count);
      EXPECT_EQ(seen, before + kRows) << table << " " << mode;
    }
  }
}

TEST_F(FreshnessTest, WaitReturnsTheCheckpoint) {
  AppendCat(*db_, "a");
  AppendCat(*db_, "b");
  EXPECT_EQ(db_->Integer("SELECT sv_wait(sv_seq())"), 2);
  EXPECT_EQ(db_->Integer("SELECT sv_wait(1, 'view_tags')"), 2);
  EXPECT_EQ(db_->Integer("SELECT sv_wait(0)"), 2);
}

TEST_F(FreshnessTest, WaitOfNullIsNull) {
  EXPECT_THAT(db_->Query("SELECT sv_wait(NULL)"), ElementsAre("NULL"));
  EXPECT_THAT(db_->Query("SELECT sv_wait(sv_seq())"), ElementsAre("NULL"));
  EXPECT_THAT(db_->Query("SELECT sv_wait(NULL, 'view_tags', 10)"), ElementsAre("NULL"));
}

TEST_F(FreshnessTest, WaitCoversEveryView) {
  CreateSlowView(30);
  EXPECT_EQ(db_->Integer("SELECT sv_wait(sv_seq())"), 30);
  db_->Run("SELECT sv_consistency('eventual')");
  EXPECT_EQ(SlowRows(*db_), 30);
}

TEST_F(FreshnessTest, WaitPastTheHeadIsAnErrorAtOnce) {
  AppendCat(*db_, "a");
  EXPECT_THAT(db_->Try("SELECT sv_wait(2)"), Fails(_, HasSubstr("2")));
  EXPECT_THAT(db_->Try("SELECT sv_wait(2, 'view_tags')"), Fails(_, HasSubstr("2")));
}

TEST_F(FreshnessTest, WaitOfNoSequenceNumberIsAnError) {
  EXPECT_THAT(db_->Try("SELECT sv_wait('soon')"), Fails(_, HasSubstr("soon")));
  EXPECT_THAT(db_->Try("SELECT sv_wait(-1)"), Fails(_, HasSubstr("-1")));
}

// Some clients bind all numbers as REAL, others as TEXT.
TEST_F(FreshnessTest, WaitTakesRealsAndTextsThatAreIntegers) {
  AppendCat(*db_, "a");
  EXPECT_EQ(db_->Integer("SELECT sv_wait(1.0)"), 1);
  EXPECT_EQ(db_->Integer("SELECT sv_wait('1')"), 1);
  EXPECT_EQ(db_->Integer("SELECT sv_wait('1.0', 'view_tags', '60000')"), 1);
  for (const char* wrong : {"1.5", "'1.5'", "1e300", "9223372036854775808.0", "'1 a'", "x'31'"}) {
    EXPECT_THAT(db_->Try(std::string("SELECT sv_wait(") + wrong + ")"),
                Fails(SQLITE_ERROR, HasSubstr("seq must be an integer from 0 up")))
        << wrong;
  }
}

TEST_F(FreshnessTest, WaitForAnUnknownTableIsAnError) {
  EXPECT_THAT(db_->Try("SELECT sv_wait(0, 'view_nonesuch')"), Fails(_, HasSubstr("view_nonesuch")));
}

TEST_F(FreshnessTest, WaitPastItsTimeoutSaysWhoIsWhere) {
  AppendCat(*db_, "a");
  EXPECT_THAT(db_->Try("SELECT sv_wait(57, 'view_tags', 20)"),
              Fails(_, AllOf(HasSubstr("57"), HasSubstr("1"))));
}

TEST_F(FreshnessTest, WaitPastItsTimeoutOnASlowViewNamesIt) {
  CreateSlowView();
  db_->Run("SELECT sv_consistency('eventual')");
  db_->Run("BEGIN");
  for (int i = 0; i < 5000; ++i) Append(i, "{}");
  db_->Run("COMMIT");
  EXPECT_THAT(db_->Try("SELECT sv_wait(5000, 'slow', 20)"),
              Fails(_, AllOf(HasSubstr("slow is at "),
                             ContainsRegex("[(][0-9]+ %(, [0-9]+ entries a second)?"
                                           "(, [0-9]+ s left)?[)], waiting for 5000$"))));
}

TEST_F(FreshnessTest, WaitWithATimeoutWaitsForTheAppend) {
  const auto waiter = Connect();
  std::atomic<int64_t> reached = 0;
  std::jthread thread([&] { reached = waiter->Integer("SELECT sv_wait(3, 'view_tags', 60000)"); });
  for (int i = 0; i < 3; ++i) AppendCat(*db_, std::to_string(i));
  thread.join();
  EXPECT_EQ(reached, 3);
}

// Runs `sql` on `waiter` and interrupts it from the moment on when it calls the function running(),
// which gives 0, until it has ended; gives how it ended.
Outcome Interrupted(Database& waiter, const std::string& sql) {
  std::atomic<bool> running = false;
  sqlite3_create_function(
      waiter.handle(), "running", 0, SQLITE_UTF8, &running,
      [](sqlite3_context* context, int, sqlite3_value**) {
        *static_cast<std::atomic<bool>*>(sqlite3_user_data(context)) = true;
        sqlite3_result_int(context, 0);
      },
      nullptr, nullptr);
  std::atomic<bool> done = false;
  Outcome outcome;
  std::jthread thread([&] {
    outcome = waiter.Try(sql);
    done = true;
  });
  while (!done) {
    if (running) sqlite3_interrupt(waiter.handle());
    std::this_thread::yield();
  }
  thread.join();
  return outcome;
}

TEST_F(FreshnessTest, WaitForAnAppendCanBeInterrupted) {
  const auto waiter = Connect();
  EXPECT_THAT(Interrupted(*waiter, "SELECT sv_wait(3 + running(), 'view_tags', 600000)"),
              Fails(SQLITE_INTERRUPT, _));
  AppendCat(*db_, "a");
  EXPECT_EQ(waiter->Integer("SELECT sv_wait(1)"), 1);
}

TEST_F(FreshnessTest, WaitForAViewCanBeInterrupted) {
  CreateSlowView(20000);
  const auto waiter = Connect();
  EXPECT_THAT(Interrupted(*waiter, "SELECT sv_wait(sv_head() + running())"),
              Fails(SQLITE_INTERRUPT, _));
  EXPECT_EQ(waiter->Integer("SELECT count(*) FROM events"), 20000);
}

TEST_F(FreshnessTest, AReadThatWaitsCanBeInterrupted) {
  CreateSlowView(20000);
  const auto waiter = Connect();
  EXPECT_THAT(Interrupted(*waiter, "SELECT count(*) FROM slow WHERE key > running()"),
              Fails(SQLITE_INTERRUPT, _));
}

TEST_F(FreshnessTest, AProgressHandlerEndsAWaitHoweverSeldomItIsToBeCalled) {
  bool running = false;
  sqlite3_create_function(
      db_->handle(), "running", 0, SQLITE_UTF8, &running,
      [](sqlite3_context* context, int, sqlite3_value**) {
        *static_cast<bool*>(sqlite3_user_data(context)) = true;
        sqlite3_result_int(context, 0);
      },
      nullptr, nullptr);
  for (const int instructions : {1, 10, 1000, 10'000}) {
    running = false;
    sqlite3_progress_handler(
        db_->handle(), instructions,
        [](void* is_running) { return *static_cast<bool*>(is_running) ? 1 : 0; }, &running);
    EXPECT_THAT(db_->Try("SELECT sv_wait(3 + running(), 'view_tags', 600000)"),
                Fails(SQLITE_INTERRUPT, _))
        << instructions;
    sqlite3_progress_handler(db_->handle(), 0, nullptr, nullptr);
  }
}

TEST_F(FreshnessTest, SeqIsWhatThisConnectionAppended) {
  AppendCat(*db_, "a");
  const auto other = Connect();
  EXPECT_THAT(other->Query("SELECT sv_seq(), sv_head()"), ElementsAre("NULL|1"));
  AppendCat(*other, "b");
  EXPECT_THAT(other->Query("SELECT sv_seq(), sv_head()"), ElementsAre("2|2"));
  EXPECT_THAT(db_->Query("SELECT sv_seq(), sv_head()"), ElementsAre("1|2"));
}

TEST_F(FreshnessTest, FunctionsOnAnUnknownLogNameIt) {
  EXPECT_THAT(db_->Try("SELECT sv_seq('nonesuch')"), Fails(_, HasSubstr("nonesuch")));
  EXPECT_THAT(db_->Try("SELECT sv_head('nonesuch')"), Fails(_, HasSubstr("nonesuch")));
}

}  // namespace
}  // namespace streamview::testing
