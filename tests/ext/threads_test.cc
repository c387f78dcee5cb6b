// Threads, each with its own connection to one database.

#include <functional>
#include <mutex>
#include <thread>

#include "tests/ext/testing/fixture.h"
#include "tests/ext/testing/model.h"
#include "tests/ext/testing/seed.h"

namespace streamview::testing {
namespace {

constexpr int kThreads = 6;

class ThreadsTest : public DatabaseTest {
 protected:
  ThreadsTest() { db_->Run("SELECT sv_consistency('latest')"); }

  // Runs `work(thread number, its connection)` in kThreads threads; what they throw fails the test.
  void RunThreads(const std::function<void(int, Database&)>& work) {
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        try {
          Database db(path_);
          sqlite3_busy_timeout(db.handle(), 60000);
          work(i, db);
        } catch (const std::exception& e) {
          ADD_FAILURE() << "thread " << i << ": " << e.what();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }

  // Runs `sql` again where it met BUSY: a busy timeout does not help a reader that turns writer.
  static void RunUntilNotBusy(Database& db, const std::string& sql, const Params& params) {
    while (true) {
      const Outcome outcome = db.Try(sql, params);
      if (outcome.code == SQLITE_OK) return;
      if (outcome.code != SQLITE_BUSY) throw SqlError(outcome, sql);
      std::this_thread::yield();
    }
  }

  void ExpectViewExact() {
    EXPECT_EQ(db_->Query("SELECT * FROM view_tags"),
              ToLines(ComputeView(*db_, "events", kTagsMap)));
  }
};

std::string Tags(const std::vector<std::string>& tags) {
  std::string json = "{\"tags\":[";
  for (const std::string& tag : tags) json += (json.back() == '[' ? "\"" : ",\"") + tag + "\"";
  return json + "]}";
}

TEST_F(ThreadsTest, EachThreadReadsItsOwnWrites) {
  CreateLogAndView();
  constexpr int kWrites = 40;
  RunThreads([](int thread, Database& db) {
    const std::string own = "thread" + std::to_string(thread);
    for (int i = 1; i <= kWrites; ++i) {
      RunUntilNotBusy(db, "INSERT INTO events(key, value) VALUES (?1, ?2)",
                      {own + "/" + std::to_string(i), Tags({own, "all"})});
      EXPECT_EQ(db.Integer("SELECT count(*) FROM view_tags WHERE key = ?", {own}), i);
      EXPECT_GE(db.Integer("SELECT count(*) FROM view_tags WHERE key = 'all'"), i);
      EXPECT_GE(db.Integer("SELECT sv_wait(sv_seq())"), i);
    }
  });
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM view_tags WHERE key = 'all'"), kThreads * kWrites);
  ExpectViewExact();
}

TEST_F(ThreadsTest, ThreadsThatWriteTheSameDocumentsSeeOneVersionOfEach) {
  CreateLogAndView();
  constexpr int kDocuments = 5;
  const uint64_t seed = TestSeed();
  RunThreads([seed](int thread, Database& db) {
    Random random(seed + thread);
    for (int i = 0; i < 40; ++i) {
      const SqlValue value = random.OneIn(5) ? kNull : SqlValue(Tags({"all", "x"}));
      RunUntilNotBusy(db, "INSERT INTO events(key, value) VALUES (?1, ?2)",
                      {random.Below(kDocuments), value});
      const auto rows = db.QueryRows("SELECT doc_id FROM view_tags WHERE key = 'all'");
      for (size_t k = 1; k < rows.size(); ++k) EXPECT_LT(rows[k - 1], rows[k]);
    }
  });
  ExpectViewExact();
}

TEST_F(ThreadsTest, TransactionsOfThreadsStayContiguous) {
  CreateLogAndView();
  RunThreads([](int thread, Database& db) {
    for (int i = 0; i < 15; ++i) {
      RunUntilNotBusy(db, "BEGIN IMMEDIATE", {});
      for (int k = 0; k < 5; ++k) db.Append("events", kNull, thread);
      if (i % 4 == 3) {
        db.Run("ROLLBACK");
      } else {
        RunUntilNotBusy(db, "COMMIT", {});
      }
    }
  });
  const auto rows = db_->QueryRows("SELECT seq, value FROM events");
  ASSERT_EQ(rows.size(), size_t{kThreads} * 12 * 5);
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i][0], SqlValue(static_cast<int64_t>(i + 1)));
    EXPECT_EQ(rows[i][1], rows[i - i % 5][1]);
  }
}

TEST_F(ThreadsTest, ViewsAreReadMadeRebuiltAndDroppedAtOnce) {
  CreateLogAndView();
  RunThreads([](int thread, Database& db) {
    const std::string own = "view" + std::to_string(thread);
    for (int i = 0; i < 5; ++i) {
      RunUntilNotBusy(
          db, "CREATE VIRTUAL TABLE " + own + " USING sv_view(log = events, emit = '$.tags[*]')",
          {});
      RunUntilNotBusy(db, "INSERT INTO events(key, value) VALUES (?1, ?2)",
                      {thread * 100 + i, Tags({own, "all"})});
      EXPECT_EQ(db.Integer("SELECT count(*) FROM " + own + " WHERE key = '" + own + "'"), i + 1);
      RunUntilNotBusy(db, "INSERT INTO view_tags(view_tags) VALUES ('rebuild')", {});
      EXPECT_EQ(db.Integer("SELECT count(*) FROM view_tags WHERE key = '" + own + "'"), i + 1);
      RunUntilNotBusy(db, "DROP TABLE " + own, {});
    }
  });
  ExpectViewExact();
}

// Connections come and go, so that the engine closes and opens again.
TEST_F(ThreadsTest, TheEngineClosesAndOpensUnderThreads) {
  CreateLogAndView();
  db_->Close();
  RunThreads([this](int thread, Database&) {
    for (int i = 0; i < 10; ++i) {
      Database db(path_);
      sqlite3_busy_timeout(db.handle(), 60000);
      RunUntilNotBusy(db, "INSERT INTO events(key, value) VALUES (?1, ?2)",
                      {thread * 100 + i, Tags({"all"})});
      EXPECT_GE(db.Integer("SELECT count(*) FROM view_tags WHERE key = 'all'"), i + 1);
      db.Close();
    }
  });
  db_ = Connect();
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM view_tags WHERE key = 'all'"), kThreads * 10);
  ExpectViewExact();
}

// A full-mutex connection may be used by several threads in turn.
TEST_F(ThreadsTest, OneConnectionMayBeUsedByThreadsInTurn) {
  CreateLogAndView();
  std::mutex mutex;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int k = 0; k < 20; ++k) {
        const std::lock_guard<std::mutex> lock(mutex);
        const auto outcome = db_->Try("INSERT INTO events(key, value) VALUES (?1, ?2)",
                                      {i * 100 + k, Tags({"all"})});
        EXPECT_THAT(outcome, Succeeds());
        EXPECT_THAT(db_->Try("SELECT count(*) FROM view_tags"), Succeeds());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM view_tags WHERE key = 'all'"), kThreads * 20);
}

}  // namespace
}  // namespace streamview::testing
