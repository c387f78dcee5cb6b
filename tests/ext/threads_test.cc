// Threads, each with its own connection to one database.

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iterator>
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

// Ends the process, with what each thread was doing, where a test takes too long: a deadlock fails
// instead of hanging.
class Watchdog {
 public:
  static constexpr std::chrono::minutes kPatience{4};

  explicit Watchdog(size_t threads) : doing_(threads), thread_([this] { Watch(); }) {}
  ~Watchdog() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      ended_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  void Note(size_t thread, const std::string& what) {
    const std::lock_guard<std::mutex> lock(mutex_);
    doing_[thread] = what;
  }

 private:
  void Watch() {
    std::unique_lock<std::mutex> lock(mutex_);
    if (changed_.wait_for(lock, kPatience, [this] { return ended_; })) return;
    std::fprintf(stderr, "deadlock? The threads are at:\n");
    for (const std::string& what : doing_) std::fprintf(stderr, "  %s\n", what.c_str());
    std::abort();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> doing_;  // by thread
  bool ended_ = false;
  std::thread thread_;
};

// Eight threads of everything. All that is written to the log is written to an ordinary table in
// the same transaction, so that at the end one tells about the other.
class EverythingTest : public ThreadsTest, public ::testing::WithParamInterface<const char*> {
 protected:
  static constexpr int kRounds = 12;

  // One of the threads.
  struct Worker {
    EverythingTest& test;
    const size_t number;
    Random random;
    Watchdog& watchdog;
    std::unique_ptr<Database> db = test.Connected();

    void Run(const std::string& sql, const Params& params = {}) {
      watchdog.Note(number, sql);
      RunUntilNotBusy(*db, sql, params);
    }
    std::string Key() { return "key" + std::to_string(random.Below(20)); }
    std::string Value() { return Tags({"all", "t" + std::to_string(random.Below(10))}); }
    std::string Own(const std::string& name) const { return name + std::to_string(number); }
  };

  std::unique_ptr<Database> Connected() {
    auto db = Connect();
    sqlite3_busy_timeout(db->handle(), 60000);
    return db;
  }

  static void AppendAndTakeBack(Worker& w) {
    w.Run("BEGIN IMMEDIATE");
    const auto append = [&] {
      const Params row = {w.random.OneIn(5) ? kNull : SqlValue(w.Key()), w.Value()};
      w.Run("INSERT INTO events(key, value) VALUES (?1, ?2)", row);
      w.Run("INSERT INTO plain VALUES (?1, ?2)", row);
    };
    append();
    w.Run("SAVEPOINT a");
    append();
    w.Run("SELECT count(*) FROM view_tags WHERE key = 'all'");
    if (w.random.OneIn(2)) w.Run("ROLLBACK TO a");
    append();
    w.Run(w.random.OneIn(4) ? "ROLLBACK" : "COMMIT");
  }
  static void AppendOnly(Worker& w) {
    const Params row = {w.Key(), w.Value()};
    w.Run("BEGIN IMMEDIATE; INSERT INTO plain VALUES (?1, ?2)", row);
    w.Run(
        "INSERT INTO events(key, value) SELECT key, value FROM plain ORDER BY rowid DESC LIMIT 1");
    w.Run("COMMIT");
    w.Run("SELECT sv_wait(sv_seq('events'), 'view_tags')");
  }
  static void ChangeDocuments(Worker& w) {
    const Params row = {w.Key(), w.Value()};
    w.Run("BEGIN IMMEDIATE");
    w.Run("INSERT OR REPLACE INTO docs(key, value) VALUES (?1, ?2)", row);
    w.Run("INSERT INTO plain VALUES (?1, ?2)", row);
    const std::string gone = w.Key();
    w.Run("DELETE FROM docs WHERE key = ?1", {gone});
    w.Run("INSERT INTO plain SELECT ?1, NULL WHERE changes() > 0", {gone});
    w.Run("COMMIT");
  }
  static void Read(Worker& w) {
    w.Run("SELECT * FROM events WHERE seq > 10 ORDER BY seq DESC LIMIT 50");
    w.Run("SELECT doc_id, doc FROM view_tags WHERE key IN ('t1', 't2') ORDER BY key");
    w.Run("SELECT * FROM docs WHERE key > 'key15'");
    w.Run("SELECT * FROM docs WHERE as_of = sv_head('events') / 2");
    w.Run("SELECT * FROM sv_history('events', ?1)", {w.Key()});
    w.Run("SELECT * FROM sv_status");
    w.Run("SELECT * FROM plain JOIN docs USING (key) LIMIT 20");
  }
  static void Maintain(Worker& w) {
    static const std::vector<std::string> kCommands = {"rebuild", "optimize", "flush",
                                                       "integrity-check"};
    w.Run("INSERT INTO view_tags(view_tags) VALUES (?1)", {w.random.Pick(kCommands)});
    if (w.random.OneIn(3)) w.Run("INSERT INTO events(events) VALUES ('integrity-check')");
  }
  static void MakeAndDropViews(Worker& w) {
    const std::string view = w.Own("view");
    w.Run("CREATE VIRTUAL TABLE " + view + " USING sv_view(log = events, emit = '$.tags[*]')");
    w.Run("SELECT count(*) FROM " + view + " WHERE key = 'all'");
    w.Run("ALTER TABLE " + view + " RENAME TO " + view + "x");
    w.Run("DROP TABLE " + view + "x");
  }
  static void MakeAndDropLogs(Worker& w) {
    const std::string log = w.Own("log");
    w.Run("CREATE VIRTUAL TABLE " + log + " USING sv_log");
    w.Run("CREATE VIRTUAL TABLE " + log + "v USING sv_view(log = " + log + ", emit = '$.tags[*]')");
    w.Run("INSERT INTO " + log + "(key, value) VALUES (1, ?1)", {w.Value()});
    w.Run("SELECT sv_append(?1, 2, ?2)", {log, w.Value()});
    EXPECT_EQ(w.db->Integer("SELECT count(*) FROM " + log + "v"), 4);
    w.Run("DROP TABLE " + log + "v");
    w.Run("DROP TABLE " + log);
  }
  static void OpenAndClose(Worker& w) {
    w.watchdog.Note(w.number, "open and close");
    w.db->Close();
    w.db = w.test.Connected();
    AppendOnly(w);
  }
};

TEST_P(EverythingTest, AtOnceByEightThreads) {
  CreateLogAndView();
  db_->Run("CREATE VIRTUAL TABLE docs USING sv_docs(log = events); CREATE TABLE plain(key, value)");
  db_->Run(std::string("PRAGMA journal_mode = ") + GetParam());
  void (*const works[])(Worker&) = {
      AppendAndTakeBack, AppendOnly,       ChangeDocuments, Read,
      Maintain,          MakeAndDropViews, MakeAndDropLogs, OpenAndClose};
  const uint64_t seed = TestSeed();
  {
    Watchdog watchdog(std::size(works));
    std::vector<std::thread> threads;
    for (size_t i = 0; i < std::size(works); ++i) {
      threads.emplace_back([&, i] {
        try {
          Worker worker{*this, i, Random(seed + i), watchdog};
          for (int round = 0; round < kRounds; ++round) works[i](worker);
          watchdog.Note(i, "done");
        } catch (const std::exception& e) {
          ADD_FAILURE() << "thread " << i << ": " << e.what();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_EQ(db_->Query("SELECT key, value FROM events"),
            db_->Query("SELECT key, value FROM plain ORDER BY rowid"));
  ExpectViewExact();
  db_->Run("INSERT INTO events(events) VALUES ('integrity-check')");
  db_->Run("INSERT INTO view_tags(view_tags) VALUES ('integrity-check')");
  EXPECT_THAT(db_->Query("SELECT name FROM sv_status"), ::testing::SizeIs(2));
}

INSTANTIATE_TEST_SUITE_P(JournalModes, EverythingTest, ::testing::Values("DELETE", "WAL"));

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
