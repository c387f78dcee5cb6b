// Interrupts, at each moment in turn and from other threads: the statement fails with
// SQLITE_INTERRUPT and has changed nothing, or it has succeeded; and the next one works.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

#include "tests/ext/testing/fault_sweep.h"
#include "tests/ext/testing/fixture.h"
#include "tests/ext/testing/model.h"

namespace streamview::testing {
namespace {

using ::testing::_;
using ::testing::AnyOf;

constexpr int kEntries = 300;

class InterruptTest : public DatabaseTest {
 protected:
  InterruptTest() {
    CreateLogAndView();
    db_->Run("CREATE VIRTUAL TABLE docs USING sv_docs(log = events)");
    db_->Run("CREATE TABLE plain(key, value)");
    db_->Run(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) "
        "INSERT INTO plain SELECT 'k' || (i % 200), json_object('location', i % 7, "
        "'tags', json_array('all', 't' || (i % 20))) FROM n",
        {kEntries});
    db_->Run("INSERT INTO events(key, value) SELECT key, value FROM plain ORDER BY rowid");
  }

  // How a statement is interrupted at one of its instructions, or of those that are run inside it:
  // by sqlite3_interrupt(), which also ends whatever is begun inside it later; or by a progress
  // handler, which says so once.
  enum class Kind { kInterrupt, kProgressHandler };

  // Runs `sql` again and again, interrupted later and later in it, in both ways.
  void Sweep(const std::string& sql, const std::function<void(const Outcome&)>& after,
             int64_t max_runs = 60) {
    for (const Kind kind : {Kind::kInterrupt, Kind::kProgressHandler}) {
      kind_ = kind;
      const auto work = [&](int64_t n, Outcome* outcome) {
        Countdown countdown{db_->handle(), kind, n};
        sqlite3_progress_handler(db_->handle(), 1, Countdown::Tick, &countdown);
        *outcome = db_->Try(sql);
        sqlite3_progress_handler(db_->handle(), 0, nullptr, nullptr);
        // SQLite makes SQLITE_ERROR of an interrupt that it meets while ALTER TABLE checks the
        // schema.
        const std::string& message = outcome->message;
        if (message.starts_with("error in table ") && message.ends_with(": interrupted")) {
          outcome->code = SQLITE_INTERRUPT;
        }
        return countdown.seen;
      };
      SweepFaults(sql, max_runs, random_, work, [&](const Outcome& outcome) {
        EXPECT_THAT(outcome.code, AnyOf(SQLITE_OK, SQLITE_INTERRUPT)) << outcome;
        after(outcome);
      });
    }
  }

  // Whether a swept statement has done its work, where it looks as if it had or had not. SQLite
  // asks its progress handler once more when a statement has ended, and may then call it
  // interrupted.
  bool IsDone(const Outcome& outcome, bool looks_done) const {
    const bool unclear = kind_ == Kind::kProgressHandler && outcome.code == SQLITE_INTERRUPT;
    return unclear ? looks_done : outcome.code == SQLITE_OK;
  }

  // Runs `sql` and interrupts it from another thread once it has come by `n` instructions, its own
  // or those by which a wait asks whether it is interrupted. Returns how long it then took.
  std::chrono::milliseconds Interrupt(const std::string& sql, int64_t n, Outcome* outcome) {
    using Clock = std::chrono::steady_clock;
    std::atomic<int64_t> seen = 0;
    sqlite3_progress_handler(
        db_->handle(), 1,
        [](void* counter) {
          auto* const count = static_cast<std::atomic<int64_t>*>(counter);
          ++*count;
          count->notify_all();
          return 0;
        },
        &seen);
    Clock::time_point interrupted;
    std::thread interrupter([&] {
      for (int64_t now = seen; now < n; now = seen) seen.wait(now);
      interrupted = Clock::now();
      sqlite3_interrupt(db_->handle());
    });
    *outcome = db_->Try(sql);
    const Clock::time_point ended = Clock::now();
    seen += n;  // should it have ended earlier
    seen.notify_all();
    interrupter.join();
    sqlite3_progress_handler(db_->handle(), 0, nullptr, nullptr);
    return std::chrono::duration_cast<std::chrono::milliseconds>(ended - interrupted);
  }

  void ExpectWhole() {
    EXPECT_EQ(db_->Query("SELECT key, value FROM events"),
              db_->Query("SELECT key, value FROM plain ORDER BY rowid"));
    EXPECT_EQ(db_->Query("SELECT * FROM view_tags"),
              ToLines(ComputeView(*db_, "events", kTagsMap)));
    db_->Run("INSERT INTO events(events) VALUES ('integrity-check')");
    db_->Run("INSERT INTO view_tags(view_tags) VALUES ('integrity-check')");
    EXPECT_EQ(db_->Integer("SELECT count(*) FROM sv_errors"), 0);
  }

  bool HasTable(const std::string& name) {
    return db_->Integer("SELECT count(*) FROM sqlite_schema WHERE name = ?", {name}) == 1;
  }
  bool InTransaction() const { return sqlite3_get_autocommit(db_->handle()) == 0; }

  // That `sql`, interrupted after `n` instructions, ends within the 100 ms that are
  // promised. The machine may be busy, so the fastest of some runs must; and none takes seconds.
  void ExpectEndsPromptly(const std::string& sql, int64_t n) {
    constexpr std::chrono::milliseconds kPromise{100}, kEver{3000};
    auto fastest = std::chrono::milliseconds::max();
    for (int i = 0; i < 10 && fastest >= kPromise; ++i) {
      Outcome outcome;
      const std::chrono::milliseconds took = Interrupt(sql, n, &outcome);
      EXPECT_THAT(outcome, Fails(SQLITE_INTERRUPT, _)) << sql;
      EXPECT_LT(took, kEver) << sql;
      fastest = std::min(fastest, took);
    }
    EXPECT_LT(fastest, kPromise) << sql;
  }

  Random random_{TestSeed()};

 private:
  struct Countdown {
    sqlite3* const db;
    const Kind kind;
    const int64_t n;
    int64_t seen = 0;

    static int Tick(void* self) {
      auto* const countdown = static_cast<Countdown*>(self);
      if (++countdown->seen != countdown->n) return 0;
      if (countdown->kind == Kind::kProgressHandler) return 1;
      sqlite3_interrupt(countdown->db);
      return 0;
    }
  };

  Kind kind_ = Kind::kInterrupt;  // of the present sweep
};

TEST_F(InterruptTest, ReadsGiveAllTheirRowsOrAnError) {
  db_->Run("SELECT sv_wait(sv_head())");
  for (const char* sql :
       {"SELECT count(*), sum(length(value)) FROM events",
        "SELECT seq FROM events WHERE seq > 280 ORDER BY seq DESC",
        "SELECT key, count(*) FROM view_tags GROUP BY key",
        "SELECT doc_id, doc FROM view_tags WHERE key IN ('t1', 't2') ORDER BY key DESC",
        "SELECT doc_id FROM view_tags WHERE key GLOB 't1*'",
        "SELECT count(*), max(value) FROM docs",
        "SELECT key, seq FROM docs WHERE as_of = 250 AND key < 'k15'",
        "SELECT seq, operation FROM sv_history('events', 'k7')",
        "SELECT seq, operation FROM sv_tail('events', 200, 0)",
        "SELECT seq, operation, row FROM sv_tail('view_tags', 200, 0)",
        "SELECT name, state, seq FROM sv_status", "SELECT * FROM sv_errors",
        "PRAGMA integrity_check",
        "SELECT sv_wait(300), sv_wait(300, 'view_tags', 1000), sv_head('events')"}) {
    const Lines rows = db_->Query(sql);
    Sweep(sql, [&](const Outcome& outcome) {
      if (outcome.code == SQLITE_OK) {
        EXPECT_EQ(ToLines(outcome.rows), rows);
      }
    });
  }
  ExpectWhole();
}

TEST_F(InterruptTest, WritesAreWholeOrNotThereAtAll) {
  const std::string select = " SELECT key, value FROM plain WHERE rowid <= 50 ORDER BY rowid;";
  int64_t head = kEntries;
  for (const std::string& sql :
       {"BEGIN; INSERT INTO events(key, value)" + select + "SAVEPOINT a;" +
            "INSERT INTO events(key, value) VALUES ('gone', 1); ROLLBACK TO a; INSERT INTO plain" +
            select + "COMMIT",
        "BEGIN; INSERT INTO plain" + select + "INSERT INTO events(key, value)" + select +
            "SELECT count(*) FROM view_tags; COMMIT"}) {
    Sweep(sql, [&](const Outcome& outcome) {
      if (InTransaction()) db_->Run("ROLLBACK");
      if (IsDone(outcome, db_->Integer("SELECT sv_head()") > head)) head += 50;
      EXPECT_EQ(db_->Integer("SELECT sv_head()"), head);
      EXPECT_EQ(db_->Integer("SELECT count(*) FROM plain"), head);
    });
  }
  ExpectWhole();
}

TEST_F(InterruptTest, StatementsOnDocumentsAreWhole) {
  const Lines before = db_->Query("SELECT key, value, seq FROM docs");
  for (const std::string sql :
       {"UPDATE docs SET value = json_set(value, '$.location', 9) WHERE key < 'k3'",
        "DELETE FROM docs WHERE value ->> '$.location' = 5",
        "INSERT OR REPLACE INTO docs(key, value) SELECT key, 1 FROM plain WHERE rowid < 30"}) {
    db_->Run("BEGIN; " + sql);
    const Lines changed = db_->Query("SELECT key, value, seq FROM docs");
    db_->Run("ROLLBACK; BEGIN");
    Sweep(sql, [&](const Outcome& outcome) {
      const Lines now = db_->Query("SELECT key, value, seq FROM docs");
      EXPECT_EQ(now, IsDone(outcome, now == changed) ? changed : before);
      // As with ordinary tables: what writes and is interrupted takes its transaction along.
      if (InTransaction()) db_->Run("ROLLBACK");
      EXPECT_EQ(db_->Query("SELECT key, value, seq FROM docs"), before);
      db_->Run("BEGIN");
    });
    db_->Run("ROLLBACK");
  }
  ExpectWhole();
}

TEST_F(InterruptTest, CommandsFailOrDoTheirWork) {
  for (const std::string table : {"events", "view_tags"}) {
    for (const std::string command : {"integrity-check", "optimize"}) {
      if (table == "events" && command == "optimize") continue;
      Sweep(
          "INSERT INTO " + table + "(" + table + ") VALUES ('" + command + "')",
          [&](const Outcome&) {
            EXPECT_EQ(db_->Integer("SELECT count(*) FROM view_tags WHERE key = 'all'"), 200);
          },
          /*max_runs=*/30);
    }
  }
  ExpectWhole();
}

TEST_F(InterruptTest, TablesComeAndGoWhole) {
  const Lines schema = db_->Query("SELECT name FROM sqlite_schema ORDER BY 1");
  const Lines status = db_->Query("SELECT name FROM sv_status ORDER BY 1");
  constexpr int64_t kRuns = 25;  // each makes a table, or drops one
  const auto expect_gone = [&] {
    EXPECT_EQ(db_->Query("SELECT name FROM sqlite_schema ORDER BY 1"), schema);
    EXPECT_EQ(db_->Query("SELECT name FROM sv_status ORDER BY 1"), status);
  };
  for (const std::string& module : {std::string("sv_log"), std::string("sv_docs(log = events)"),
                                    "sv_view(log = events, map = (" + kTagsMap + "))"}) {
    const std::string create = "CREATE VIRTUAL TABLE fresh USING " + module;
    Sweep(
        create,
        [&](const Outcome& outcome) {
          if (IsDone(outcome, HasTable("fresh"))) db_->Run("SELECT * FROM fresh; DROP TABLE fresh");
          expect_gone();
        },
        kRuns);
    db_->Run(create);
    Sweep(
        "ALTER TABLE fresh RENAME TO renamed",
        [&](const Outcome& outcome) {
          if (IsDone(outcome, HasTable("renamed"))) db_->Run("ALTER TABLE renamed RENAME TO fresh");
          EXPECT_THAT(db_->Try("SELECT * FROM fresh"), Succeeds());
        },
        kRuns);
    Sweep(
        "DROP TABLE fresh",
        [&](const Outcome& outcome) {
          if (IsDone(outcome, !HasTable("fresh"))) {
            expect_gone();
            db_->Run(create);
          }
          EXPECT_THAT(db_->Try("SELECT * FROM fresh"), Succeeds());
        },
        kRuns);
    db_->Run("DROP TABLE fresh");
  }
  Reopen();
  ExpectWhole();
}

TEST_F(InterruptTest, AWaitEndsPromptly) {
  const std::string head = std::to_string(kEntries);
  for (const std::string table : {"'events'", "'view_tags'"}) {
    for (const std::string& sql : {"SELECT sv_wait(1 + " + head + ", " + table + ", 600000)",
                                   "SELECT * FROM sv_tail(" + table + ", " + head + ", 600000)",
                                   "SELECT * FROM sv_tail(" + table + ", " + head + ")"}) {
      // Each poll of the wait is a few instructions: it is well under way.
      ExpectEndsPromptly(sql, 100);
    }
  }
  ExpectWhole();
}

// A view whose map takes its time with each document.
TEST_F(InterruptTest, AReadThatWaitsForAViewEndsPromptly) {
  CreateView("slow",
             "SELECT (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
             "WHERE i < 100000) SELECT max(i) FROM n) AS key, events.value AS value FROM events");
  for (const char* sql : {"SELECT count(*) FROM slow", "INSERT INTO slow(slow) VALUES ('optimize')",
                          "INSERT INTO slow(slow) VALUES ('integrity-check')"}) {
    db_->Run("SELECT sv_consistency('latest')");
    ExpectEndsPromptly(sql, 40);
  }
  db_->Run("DROP TABLE slow");
  ExpectWhole();
}

// At moments that nobody has chosen.
TEST_F(InterruptTest, AStormOfInterruptsLeavesWholeTransactions) {
  std::atomic<bool> ended = false;
  std::atomic<int> turns = 0;
  std::thread interrupter([&] {
    for (int turn = turns; !ended; turn = turns) {
      sqlite3_interrupt(db_->handle());
      turns.wait(turn);
    }
  });
  int64_t expected = kEntries;
  int interrupted = 0;
  for (int i = 0; i < 300; ++i) {
    ++turns;
    turns.notify_all();
    const Outcome outcome = db_->Try(
        "BEGIN; INSERT INTO events(key, value) SELECT key, value FROM plain LIMIT 20;"
        "INSERT INTO plain SELECT key, value FROM plain LIMIT 20;"
        "SELECT count(*) FROM view_tags WHERE key = 'all'; COMMIT");
    EXPECT_THAT(outcome.code, AnyOf(SQLITE_OK, SQLITE_INTERRUPT)) << outcome;
    if (InTransaction()) db_->Try("ROLLBACK");
    expected += outcome.code == SQLITE_OK ? 20 : 0;
    interrupted += outcome.code != SQLITE_OK;
  }
  ended = true;
  ++turns;
  turns.notify_all();
  interrupter.join();
  std::printf("%d of 300 transactions were interrupted\n", interrupted);
  EXPECT_GT(interrupted, 0);
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM events"), expected);
  ExpectWhole();
}

}  // namespace
}  // namespace streamview::testing
