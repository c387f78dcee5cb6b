// sv_tail: what comes, as it comes.

#include <chrono>
#include <future>
#include <map>
#include <memory>
#include <thread>

#include "tests/ext/testing/fixture.h"
#include "tests/ext/testing/seed.h"

namespace streamview::testing {
namespace {

using ::testing::_;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class TailTest : public DatabaseTest {
 protected:
  TailTest() {
    // A statement that goes on does not keep others from their COMMIT.
    db_->Run("PRAGMA journal_mode = WAL");
    CreateLogAndView();
  }

  // What is there past an entry.
  Lines Tail(const std::string& source, int64_t after = 0) {
    return db_->Query("SELECT seq, operation, key, value FROM sv_tail(?1, ?2, 0)", {source, after});
  }
  Lines Changes(const std::string& view, int64_t after = 0) {
    return db_->Query("SELECT seq, operation, row, doc_id FROM sv_tail(?1, ?2, 0)", {view, after});
  }

  // Runs `sql` on a connection of its own, in a thread; the threads end with the test.
  void InThread(std::function<void(Database&)> work) {
    threads_.emplace_back([this, work = std::move(work)] {
      try {
        Database db(path_);
        sqlite3_busy_timeout(db.handle(), 60000);
        work(db);
      } catch (const std::exception& e) {
        ADD_FAILURE() << e.what();
      }
    });
  }
  void JoinThreads() { threads_.clear(); }

  // A tail on another connection that has given one row, and waits for the next, or is about to.
  // `sql` begins with what is there. Returns how it ends.
  void RunWaiting(const std::string& sql, Outcome* outcome) {
    auto began = std::make_shared<std::promise<void>>();  // also kept where nothing begins
    std::future<void> begun = began->get_future();
    InThread([began = std::move(began), sql, outcome](Database& db) {
      Statement tail(db, sql);
      EXPECT_TRUE(tail.Step());
      began->set_value();
      try {
        while (tail.Step()) outcome->rows.push_back(tail.row());
      } catch (const SqlError& e) {
        outcome->code = e.code();
        outcome->message = e.what();
      }
    });
    begun.wait();
  }

 private:
  std::vector<std::jthread> threads_;
};

// --- of a log

TEST_F(TailTest, GivesTheEntriesPastOneInOrder) {
  Append("a", "1");
  Append(kNull, "happened");
  Append("a", kNull);
  EXPECT_THAT(Tail("events"),
              ElementsAre("1|'put'|'a'|'1'", "2|'event'|NULL|'happened'", "3|'delete'|'a'|NULL"));
  EXPECT_THAT(Tail("events", 2), ElementsAre("3|'delete'|'a'|NULL"));
  EXPECT_THAT(Tail("events", 3), IsEmpty());
  EXPECT_THAT(db_->Query("SELECT t.time = e.time, t.doc_id, t.row, t.rowid "
                         "FROM sv_tail('EVENTS', 0, 0) t JOIN events e USING (seq)"),
              ElementsAre("1|'a'|NULL|0", "1|2|NULL|1", "1|'a'|NULL|2"));
}

TEST_F(TailTest, LimitEndsATailWithoutTimeout) {
  for (int i = 0; i < 5; ++i) Append(i, "{}");
  EXPECT_THAT(db_->Query("SELECT seq FROM sv_tail('events', 1) LIMIT 3"),
              ElementsAre("2", "3", "4"));
}

TEST_F(TailTest, SeesWhatOthersAppendAsTheyCommitIt) {
  Lines seen;
  InThread([&seen](Database& db) {
    seen = db.Query("SELECT seq, key FROM sv_tail('events', 0) LIMIT 60");
  });
  const auto other = Connect();
  Lines expected;
  for (int i = 1; i <= 60; ++i) {
    if (i % 3 == 0) {
      other->Run("SELECT sv_append('events', ?, '{}')", {i});
    } else {
      other->Append("events", i, "{}");
    }
    expected.push_back(std::to_string(i) + "|" + std::to_string(i));
  }
  JoinThreads();
  EXPECT_EQ(seen, expected);
}

TEST_F(TailTest, EndsWhenItsTimeIsUp) {
  Append("a", "{}");
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THAT(db_->Query("SELECT seq FROM sv_tail('events', 0, 50)"), ElementsAre("1"));
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(50));
  EXPECT_THAT(db_->Query("SELECT seq FROM sv_tail('view_tags', 1, 50)"), IsEmpty());
}

TEST_F(TailTest, EndsAtAReset) {
  Append("a", "{}");
  Statement tail(*db_, "SELECT seq FROM sv_tail('events', 0)");
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(tail.Step());
    EXPECT_EQ(ToLine(tail.row()), "1");
    tail.Reset();
  }
}

TEST_F(TailTest, GoesOnWhereAnotherHasEnded) {
  Append("a", "{}");
  Append("b", "{}");
  const int64_t last = db_->Integer("SELECT max(seq) FROM sv_tail('events', 0, 0)");
  Reopen();
  Append("c", "{}");
  EXPECT_THAT(db_->Query("SELECT key FROM sv_tail('events', ?) LIMIT 1", {last}),
              ElementsAre("'c'"));
}

TEST_F(TailTest, ToGoOnFromAnEntryThatIsNotThereIsAnError) {
  Append("a", "{}");
  for (const char* source : {"events", "view_tags"}) {
    EXPECT_THAT(db_->Try("SELECT * FROM sv_tail(?, 2)", {source}),
                Fails(SQLITE_ERROR, AllOf(HasSubstr(source), HasSubstr("no entry 2"),
                                          HasSubstr("head of the log is 1"))));
  }
}

TEST_F(TailTest, ShowsWhatIsCommittedOnly) {
  const auto other = Connect();
  other->Run("BEGIN");
  other->Append("events", "a", R"({"tags":["cat"]})");
  EXPECT_THAT(Tail("events"), IsEmpty());
  EXPECT_THAT(other->Query("SELECT seq FROM sv_tail('events', 0, 0)"), IsEmpty());
  EXPECT_THAT(other->Query("SELECT seq FROM sv_tail('view_tags', 0, 0)"), IsEmpty());
  other->Run("ROLLBACK");
  Append("b", "{}");
  EXPECT_THAT(Tail("events"), ElementsAre("1|'put'|'b'|'{}'"));
}

TEST_F(TailTest, WhatIsRolledBackNeverComes) {
  Lines seen;
  InThread(
      [&seen](Database& db) { seen = db.Query("SELECT key FROM sv_tail('events', 0) LIMIT 2"); });
  for (const char* sql : {"BEGIN; INSERT INTO events(key) VALUES ('no'); ROLLBACK",
                          "BEGIN; SAVEPOINT s; INSERT INTO events(key) VALUES ('no');"
                          "ROLLBACK TO s; INSERT INTO events(key) VALUES ('one'); COMMIT",
                          "INSERT INTO events(key) VALUES ('two')"}) {
    db_->Run(sql);
  }
  JoinThreads();
  EXPECT_THAT(seen, ElementsAre("'one'", "'two'"));
}

TEST_F(TailTest, DoesNotWaitForEntriesThatItsOwnTransactionHoldsUp) {
  Append("a", "{}");
  db_->Run("BEGIN");
  Append("b", "{}");
  EXPECT_THAT(Tail("events"), ElementsAre("1|'put'|'a'|'{}'"));
  for (const char* source : {"events", "view_tags"}) {
    EXPECT_THAT(db_->Try("SELECT * FROM sv_tail(?, 1)", {source}),
                Fails(SQLITE_MISUSE, HasSubstr("COMMIT first")));
  }
  db_->Run("COMMIT");
  EXPECT_THAT(Tail("events", 1), ElementsAre("2|'put'|'b'|'{}'"));
}

TEST_F(TailTest, WhatItHasShownLaterReadsShow) {
  const auto other = Connect();
  Append("a", R"({"tags":["cat"]})");
  EXPECT_THAT(other->Query("SELECT seq FROM sv_tail('events', 0) LIMIT 1"), ElementsAre("1"));
  EXPECT_THAT(other->Query("SELECT doc_id FROM view_tags"), ElementsAre("'a'"));
}

// --- what it holds up

TEST_F(TailTest, KeepsNobodyFromWritingInWalMode) {
  Append("a", "{}");
  db_->Run("CREATE TABLE plain(x)");
  const auto other = Connect();
  Statement tail(*other, "SELECT seq FROM sv_tail('events', 0)");
  ASSERT_TRUE(tail.Step());
  Append("b", "{}");
  db_->Run("BEGIN; INSERT INTO plain VALUES (1); INSERT INTO events(key) VALUES ('c'); COMMIT");
  ASSERT_TRUE(tail.Step());
  ASSERT_TRUE(tail.Step());
  EXPECT_EQ(ToLine(tail.row()), "3");
}

// SQLite's rule for each statement that reads a database: sv_append() and sv_wait() are none.
TEST_F(TailTest, InOtherModesItIsAReaderAndKeepsWritersFromTheirCommit) {
  db_->Run("PRAGMA journal_mode = DELETE");
  Append("a", "{}");
  const auto other = Connect();
  {
    Statement tail(*other, "SELECT seq FROM sv_tail('events', 0)");
    ASSERT_TRUE(tail.Step());
    EXPECT_THAT(db_->Try("INSERT INTO events(key) VALUES ('b')"), Fails(SQLITE_BUSY, _));
    db_->Run("SELECT sv_append('events', 'c', '{}')");
    ASSERT_TRUE(tail.Step());
    EXPECT_EQ(ToLine(tail.row()), "2");
  }
  EXPECT_EQ(Append("b", "{}"), 3);
}

TEST_F(TailTest, NoticesThatItsLogIsDropped) {
  db_->Run("CREATE VIRTUAL TABLE brief USING sv_log");
  db_->Append("brief", "a", "{}");
  Outcome outcome;
  RunWaiting("SELECT seq FROM sv_tail('brief', 0)", &outcome);
  db_->Run("DROP TABLE brief");
  JoinThreads();
  EXPECT_THAT(outcome, Fails(SQLITE_ERROR, HasSubstr("brief was dropped")));
}

TEST_F(TailTest, NoticesThatItsViewIsDropped) {
  Append("a", R"({"tags":["cat"]})");
  Outcome outcome;
  RunWaiting("SELECT seq FROM sv_tail('view_tags', 0)", &outcome);
  db_->Run("DROP TABLE view_tags");
  JoinThreads();
  EXPECT_THAT(outcome, Fails(SQLITE_ERROR, HasSubstr("view_tags was dropped")));
}

TEST_F(TailTest, ManyAtOnceSeeTheSame) {
  static constexpr int kWriters = 2, kEach = 40, kEntries = kWriters * kEach;
  std::vector<Lines> of_log(3), of_view(3);
  for (Lines& seen : of_log) {
    InThread([&seen](Database& db) {
      seen = db.Query("SELECT seq, key FROM sv_tail('events', 0) LIMIT ?", {kEntries});
    });
  }
  for (Lines& seen : of_view) {
    InThread([&seen](Database& db) {
      seen = db.Query("SELECT seq, doc_id FROM sv_tail('view_tags', 0) LIMIT ?", {kEntries});
    });
  }
  for (int writer = 0; writer < kWriters; ++writer) {
    InThread([writer](Database& db) {
      for (int i = 0; i < kEach; ++i) {
        db.Run("SELECT sv_append('events', ?, '{\"tags\":[\"cat\"]}')", {writer * kEach + i});
      }
    });
  }
  JoinThreads();
  const Lines expected = db_->Query("SELECT seq, key FROM events");
  ASSERT_EQ(expected.size(), size_t{kEntries});
  for (const Lines& seen : of_log) EXPECT_EQ(seen, expected);
  for (const Lines& seen : of_view) EXPECT_EQ(seen, expected);
}

// --- of a view

TEST_F(TailTest, OfAViewGivesWhatIsEmittedAndWhatIsWithdrawn) {
  Append("a", R"({"location":"maui","tags":["cat","black"]})");
  Append("a", R"({"location":"oahu","tags":["cat"]})");
  Append("a", kNull);
  EXPECT_THAT(Tail("view_tags"),
              ElementsAre("1|'emit'|'black'|'maui'", "1|'emit'|'cat'|'maui'",  //
                          "2|'withdraw'|'black'|'maui'", "2|'withdraw'|'cat'|'maui'",
                          "2|'emit'|'cat'|'oahu'",  //
                          "3|'withdraw'|'cat'|'oahu'"));
  EXPECT_THAT(Changes("view_tags", 2),
              ElementsAre(R"(3|'withdraw'|'{"key":"cat","value":"oahu"}'|'a')"));
  EXPECT_THAT(db_->Query("SELECT t.time = e.time FROM sv_tail('view_tags', 2, 0) t "
                         "JOIN events e USING (seq)"),
              ElementsAre("1"));
}

TEST_F(TailTest, RowsThatAreEmittedAgainAreNoChange) {
  Append("a", R"({"location":"maui","tags":["cat","black","x","x"]})");
  Append("a", R"({"location":"maui","tags":["white","cat","x"],"more":1})");
  EXPECT_THAT(Tail("view_tags", 1),
              ElementsAre("2|'withdraw'|'black'|'maui'", "2|'withdraw'|'x'|'maui'",
                          "2|'emit'|'white'|'maui'"));
}

TEST_F(TailTest, EventsAndDocumentsDeletedBeforeWithdrawNothing) {
  Append(kNull, R"({"tags":["x"]})");
  Append(kNull, R"({"tags":["x"]})");
  Append("a", kNull);
  Append("a", R"({"tags":["x"]})");
  EXPECT_THAT(db_->Query("SELECT seq, operation, doc_id FROM sv_tail('view_tags', 0, 0)"),
              ElementsAre("1|'emit'|1", "2|'emit'|2", "4|'emit'|'a'"));
}

TEST_F(TailTest, OfAViewByPathOrWithSeveralKeyColumns) {
  db_->Run(
      "CREATE VIRTUAL TABLE by_path USING sv_view(log = events, emit = '$.tags[*]');"
      "CREATE VIRTUAL TABLE wide USING sv_view(log = events, keys = 2,"
      "  map = (SELECT key AS k, 1.0 AS one, x'00ff' AS b, value AS \"the \"\"doc\"\"\", NULL AS n"
      "         FROM events));"
      "CREATE VIRTUAL TABLE bare USING sv_view(log = events, map = (SELECT key FROM events))");
  Append(7, "[\"\n\"]");
  Append("b", R"({"tags":["x"]})");
  EXPECT_THAT(Tail("by_path"), ElementsAre("2|'emit'|'x'|NULL"));
  EXPECT_THAT(Tail("wide"), ElementsAre("1|'emit'|7|x'00ff'", "2|'emit'|'b'|x'00ff'"));
  EXPECT_THAT(Tail("bare"), ElementsAre("1|'emit'|7|NULL", "2|'emit'|'b'|NULL"));
  const Outcome rows = db_->Try("SELECT row FROM sv_tail('wide', 0, 0) LIMIT 1");
  ASSERT_THAT(rows, Succeeds());
  EXPECT_EQ(std::get<std::string>(rows.rows.front().front()),
            R"({"k":7,"one":1.0,"b":"00FF","the \"doc\"":"[\"\u000A\"]","n":null})");
  EXPECT_THAT(db_->Query("SELECT typeof(j.value) FROM sv_tail('wide', 0, 0) t, json_each(t.row) j "
                         "WHERE t.seq = 1"),
              ElementsAre("'integer'", "'real'", "'text'", "'text'", "'null'"));
}

TEST_F(TailTest, ADocumentThatTheMapFailsOnHasNoRows) {
  Append("a", R"({"tags":["x"]})");
  Append("a", "no JSON");
  Append("a", R"({"tags":["x"]})");
  EXPECT_THAT(Tail("view_tags"),
              ElementsAre("1|'emit'|'x'|NULL", "2|'withdraw'|'x'|NULL", "3|'emit'|'x'|NULL"));
}

TEST_F(TailTest, OfAViewThatHasStoppedGivesWhatCameBeforeAndThenSaysWhy) {
  db_->Run(
      "CREATE VIRTUAL TABLE strict USING sv_view(log = events, emit = '$.tags[*]', "
      "on_error = stop)");
  Append("a", R"({"tags":["x"]})");
  Append("a", R"({"tags":["y"]})");
  Append("b", "no JSON");
  Append("c", R"({"tags":["z"]})");
  EXPECT_THAT(db_->Try("SELECT sv_wait(99, 'strict', 600000)"),
              Fails(SQLITE_ERROR, HasSubstr("has stopped")));
  const std::string columns = "SELECT seq, operation, key, doc_id FROM sv_tail('strict', ";
  // Whether it stops while it is waited for, or has stopped before.
  for (const char* state : {"any", "failed"}) {
    SCOPED_TRACE(state);
    for (const char* arguments : {"0)", "0, 0)", "0, 600000)"}) {
      EXPECT_THAT(db_->Query(columns + arguments),
                  ElementsAre("1|'emit'|'x'|'a'", "2|'withdraw'|'x'|'a'", "2|'emit'|'y'|'a'"))
          << arguments;
    }
    for (const char* arguments : {"2)", "2, 0)", "3, 600000)", "4)"}) {
      EXPECT_THAT(db_->Try(columns + arguments), Fails(SQLITE_ERROR, HasSubstr("has stopped")))
          << arguments;
    }
    db_->Run("SELECT sv_consistency('eventual')");
    ASSERT_TRUE(db_->Eventually("SELECT state FROM sv_status WHERE name = 'strict'", {"'failed'"}));
  }
}

TEST_F(TailTest, OfAViewThatReducesIsRefused) {
  db_->Run(
      "CREATE VIRTUAL TABLE counts USING sv_view(log = events, emit = '$.tags[*]', "
      "reduce = 'count')");
  EXPECT_THAT(db_->Try("SELECT * FROM sv_tail('counts', 0)"),
              Fails(SQLITE_ERROR, AllOf(HasSubstr("counts reduces"), HasSubstr("log, events"))));
}

TEST_F(TailTest, OfAViewIsNeverAheadOfTheView) {
  CreateView("slow",
             "SELECT key, (WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n "
             "WHERE i < 3000) SELECT max(i) FROM n) AS value FROM events");
  db_->Run("SELECT sv_consistency('eventual'); BEGIN");
  for (int i = 0; i < 200; ++i) Append(i, "{}");
  db_->Run("COMMIT");
  for (int i = 200; i < 210; ++i) Append(i, "{}");
  EXPECT_THAT(
      db_->Query("SELECT sum(ahead), count(*) FROM (SELECT seq > (SELECT s.seq FROM sv_status s "
                 "WHERE s.name = 'slow' AND t.seq > 0) AS ahead FROM sv_tail('slow', 0) t "
                 "LIMIT 210)"),
      ElementsAre("0|210"));
}

// The rows of a view by what the tail says of it: row and doc_id, how many there are.
class Follower {
 public:
  void Follow(Database& db, const std::string& view) {
    for (const Row& change :
         db.QueryRows("SELECT operation, row || '|' || quote(doc_id), seq FROM sv_tail(?1, ?2, 0)",
                      {view, seq_})) {
      int& count = rows_[std::get<std::string>(change[1])];
      count += std::get<std::string>(change[0]) == "emit" ? 1 : -1;
      EXPECT_GE(count, 0) << ToLine(change);
      seq_ = std::get<int64_t>(change[2]);
    }
  }
  Lines rows() const {
    Lines rows;
    for (const auto& [row, count] : rows_) {
      for (int i = 0; i < count; ++i) rows.push_back(ToLiteral(row));
    }
    return rows;
  }

 private:
  int64_t seq_ = 0;
  std::map<std::string, int> rows_;
};

TEST_F(TailTest, WhoFollowsAViewHasTheView) {
  Random random(TestSeed());
  db_->Run(
      "CREATE VIRTUAL TABLE by_path USING sv_view(log = events, emit = '$.tags[*]', "
      "value = '$.location')");
  Follower by_map, by_path;
  for (int round = 0; round < 12; ++round) {
    db_->Run("BEGIN");
    for (int i = random.Below(30); i >= 0; --i) {
      const int64_t document = random.Below(8);
      std::string tags;
      for (int t = random.Below(4); t > 0; --t) {
        tags += (tags.empty() ? "\"t" : ",\"t") + std::to_string(random.Below(5)) + "\"";
      }
      const std::string location = random.OneIn(3) ? "1" : "\"oahu\"";
      SqlValue value = "{\"location\":" + location + ",\"tags\":[" + tags + "]}";
      if (random.OneIn(6)) value = kNull;
      if (random.OneIn(10)) value = "no JSON";
      Append(random.OneIn(8) ? kNull : SqlValue(document), value);
    }
    db_->Run(random.OneIn(5) ? "ROLLBACK" : "COMMIT");
    if (random.OneIn(4)) Reopen();
    if (random.OneIn(4)) db_->Run("INSERT INTO view_tags(view_tags) VALUES ('rebuild')");
    by_map.Follow(*db_, "view_tags");
    by_path.Follow(*db_, "by_path");
    const std::string rows =
        "SELECT json_object('key', key, 'value', value) || '|' || quote(doc_id) AS row FROM ";
    EXPECT_EQ(by_map.rows(), db_->Query(rows + "view_tags ORDER BY row"));
    EXPECT_EQ(by_path.rows(), db_->Query(rows + "by_path ORDER BY row"));
  }
}

// --- arguments, plans

TEST_F(TailTest, ArgumentsThatAreMissingOrWrongAreAnError) {
  for (const char* from : {"sv_tail", "sv_tail('events')"}) {
    EXPECT_THAT(db_->Try(std::string("SELECT * FROM ") + from),
                Fails(SQLITE_ERROR, HasSubstr("sv_tail('events', 0)")));
  }
  EXPECT_THAT(db_->Try("SELECT * FROM sv_tail('nothing', 0)"),
              Fails(SQLITE_ERROR, "no log and no view is called nothing"));
  EXPECT_THAT(db_->Try("SELECT * FROM sv_tail(1, 0)"), Fails(SQLITE_ERROR, HasSubstr("source")));
  for (const char* after : {"NULL", "-1", "'a'", "1.5"}) {
    EXPECT_THAT(db_->Try(std::string("SELECT * FROM sv_tail('events', ") + after + ")"),
                Fails(SQLITE_ERROR, AllOf(HasSubstr("after_seq"), HasSubstr(after))));
  }
  EXPECT_THAT(db_->Try("SELECT * FROM sv_tail('events', 0, -1)"),
              Fails(SQLITE_ERROR, HasSubstr("timeout_ms")));
  EXPECT_THAT(db_->Query("SELECT * FROM sv_tail(NULL, 0, 0)"), IsEmpty());
}

TEST_F(TailTest, ATimeoutOfNullIsNone) {
  Append("a", "{}");
  EXPECT_THAT(db_->Query("SELECT seq, source, after_seq, timeout_ms "
                         "FROM sv_tail('events', 0, NULL) LIMIT 1"),
              ElementsAre("1|'events'|0|NULL"));
}

TEST_F(TailTest, InAJoinTheOthersAreLookedUp) {
  Append("a", "1");
  Append("b", "2");
  db_->Run("CREATE TABLE names(key, name); INSERT INTO names VALUES ('a', 'Ann'), ('b', 'Bob')");
  EXPECT_THAT(db_->Query("SELECT seq, name FROM names n JOIN sv_tail('events', 0) t "
                         "ON n.key = t.key LIMIT 2"),
              ElementsAre("1|'Ann'", "2|'Bob'"));
  // Its arguments may come from others all the same.
  EXPECT_THAT(
      db_->Query("SELECT n.name, t.seq FROM names n, sv_tail('events', length(n.name) - 2, 0) t"),
      ElementsAre("'Ann'|2", "'Bob'|2"));
}

TEST_F(TailTest, OrderBySeqIsTheOrderThatItHas) {
  const std::string from = "SELECT seq FROM sv_tail('events', 0, 0) ORDER BY seq";
  EXPECT_THAT(db_->Plan(from), Not(HasSubstr("TEMP")));
  EXPECT_THAT(db_->Plan(from + " DESC"), HasSubstr("TEMP B-TREE"));
}

TEST_F(TailTest, CannotBeUsedInATriggerOrAStoredView) {
  db_->Run("CREATE VIEW v AS SELECT * FROM sv_tail('events', 0, 0)");
  EXPECT_THAT(db_->Try("SELECT * FROM v"), Fails(SQLITE_ERROR, HasSubstr("unsafe use")));
  db_->Run("DROP VIEW v");
}

}  // namespace
}  // namespace streamview::testing
