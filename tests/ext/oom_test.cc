// SQLite's memory runs out, at each allocation in turn: the statement fails with SQLITE_NOMEM and
// has changed nothing, or it has succeeded; and with memory back, all goes on.

#include <map>

#include "tests/ext/testing/fault_sweep.h"
#include "tests/ext/testing/faulty_memory.h"
#include "tests/ext/testing/fixture.h"
#include "tests/ext/testing/model.h"

namespace streamview::testing {
namespace {

using ::testing::_;
using ::testing::AnyOf;
using ::testing::Each;

using Extent = MemoryFault::Extent;
using Threads = MemoryFault::Threads;

class OomTest : public DatabaseTest {
 protected:
  OomTest() {
    CreateLogAndView();
    db_->Run("CREATE VIRTUAL TABLE places USING sv_view(log = events, emit = '$.location')");
    db_->Run("CREATE VIRTUAL TABLE docs USING sv_docs(log = events)");
    db_->Run("CREATE TABLE plain(key, value)");
    for (int i = 0; i < 30; ++i) {
      const std::string location = i % 2 == 0 ? "hawaii" : "oahu";
      Append("asset/" + std::to_string(i % 20),
             i == 25 ? kNull
                     : SqlValue(R"({"location":")" + location + R"(","tags":["cat","tag)" +
                                std::to_string(i % 7) + R"("]})"));
    }
    db_->Run("INSERT INTO plain SELECT key, value FROM events");
  }

  // Runs `sql` again and again, out of memory later and later in it: for one allocation, and for
  // good. `after` is called with memory back.
  void Sweep(const std::string& name, const std::string& sql,
             const std::function<void(const Outcome&)>& after, int64_t max_runs = 400,
             Threads threads = Threads::kThisOne) {
    SweepWork(
        name, [&](Outcome* outcome) { *outcome = db_->Try(sql); }, after, max_runs, threads);
  }

  void SweepWork(const std::string& name, const std::function<void(Outcome*)>& work,
                 const std::function<void(const Outcome&)>& after, int64_t max_runs,
                 Threads threads = Threads::kThisOne) {
    for (const Extent extent : {Extent::kOnce, Extent::kFromThenOn}) {
      SweepFaults(
          name + (extent == Extent::kOnce ? " (one allocation)" : " (all from then on)"), max_runs,
          random_,
          [&](int64_t n, Outcome* outcome) {
            const MemoryFault fault(n, extent, threads);
            work(outcome);
            return fault.allocations();
          },
          [&](const Outcome& outcome) {
            EXPECT_THAT(outcome.code, AnyOf(SQLITE_OK, SQLITE_NOMEM)) << outcome;
            after(outcome);
          });
    }
  }

  // The log holds what the ordinary table does, and all is as it should be.
  void ExpectWhole() {
    EXPECT_EQ(db_->Query("SELECT key, value FROM events"),
              db_->Query("SELECT key, value FROM plain ORDER BY rowid"));
    ExpectSound();
  }

  void ExpectSound() {
    EXPECT_EQ(db_->Query("SELECT * FROM view_tags"),
              ToLines(ComputeView(*db_, "events", kTagsMap)));
    for (const char* table : {"events", "view_tags", "places"}) {
      EXPECT_THAT(db_->Try(std::string("INSERT INTO ") + table + "(" + table +
                           ") VALUES ('integrity-check')"),
                  Succeeds());
    }
    EXPECT_EQ(db_->Integer("SELECT count(*) FROM sv_errors"), 0);
  }

  // What has succeeded in spite of a fault has missed nothing.
  static void ExpectRows(const Outcome& outcome, const Lines& rows) {
    if (outcome.code != SQLITE_OK) return;
    EXPECT_EQ(ToLines(outcome.rows), rows);
  }

  bool InTransaction() const { return sqlite3_get_autocommit(db_->handle()) == 0; }

  Random random_{TestSeed()};
};

TEST_F(OomTest, ATransactionIsWholeOrNotThereAtAll) {
  const std::string sql =
      "BEGIN;"
      "INSERT INTO events(key, value) SELECT key, value FROM plain ORDER BY rowid LIMIT 10;"
      "SAVEPOINT a;"
      "INSERT INTO events(key, value) SELECT key, 2 FROM plain LIMIT 5;"
      "ROLLBACK TO a;"
      "INSERT INTO events(key, value) VALUES ('asset/1', '{\"tags\":[\"own\"]}');"
      "INSERT INTO plain SELECT key, value FROM plain ORDER BY rowid LIMIT 10;"
      "INSERT INTO plain VALUES ('asset/1', '{\"tags\":[\"own\"]}');"
      "RELEASE a;"
      "COMMIT";
  int64_t head = 30;
  Sweep("transaction", sql, [&](const Outcome& outcome) {
    if (InTransaction()) {
      // A failed statement has left nothing of itself.
      EXPECT_THAT(db_->Integer("SELECT count(*) FROM events") - head, AnyOf(0, 10, 15, 11));
      db_->Run("ROLLBACK");
    }
    if (outcome.code == SQLITE_OK) head += 11;
    EXPECT_EQ(db_->Integer("SELECT sv_head()"), head);
    EXPECT_EQ(db_->Integer("SELECT count(*) FROM plain"), head);
  });
  ExpectWhole();
}

TEST_F(OomTest, ATransactionThatOnlyAppendsIsWhole) {
  int64_t head = 30;
  Sweep("append",
        "INSERT INTO events(key, value) SELECT key, value FROM plain WHERE key < 'asset/3'",
        [&](const Outcome& outcome) {
          const int64_t now = db_->Integer("SELECT sv_head()");
          if (outcome.code == SQLITE_OK) {
            EXPECT_GT(now, head);
          } else {
            EXPECT_EQ(now, head);
          }
          head = now;
        });
  ExpectSound();
}

TEST_F(OomTest, SvAppendAppendsOrFails) {
  int64_t head = 30;
  Sweep("sv_append", "SELECT sv_append('events', 'asset/1', '{}')", [&](const Outcome& outcome) {
    ExpectRows(outcome, {std::to_string(head + 1)});
    head += outcome.code == SQLITE_OK;
    EXPECT_EQ(db_->Integer("SELECT sv_head()"), head);
  });
  ExpectSound();
}

TEST_F(OomTest, StatementsOnDocumentsAreWhole) {
  for (const std::string sql :
       {"UPDATE docs SET value = json_set(value, '$.location', 'maui') WHERE key < 'asset/5'",
        "UPDATE docs SET key = key || 'x' WHERE key GLOB 'asset/1*'",
        "DELETE FROM docs WHERE value ->> '$.location' = 'oahu'",
        "INSERT OR REPLACE INTO docs(key, value) VALUES ('asset/2', '{}'), ('new', '{}')",
        "INSERT OR IGNORE INTO docs(key, value) VALUES ('asset/2', '{}'), ('new', '{}')"}) {
    const Lines before = db_->Query("SELECT key, value, seq FROM docs");
    db_->Run("BEGIN; " + sql);
    const Lines changed = db_->Query("SELECT key, value, seq FROM docs");
    db_->Run("ROLLBACK");
    ASSERT_NE(before, changed);
    db_->Run("BEGIN");
    Sweep(sql, sql, [&](const Outcome& outcome) {
      const bool lost = !InTransaction();  // SQLite may roll all back where memory runs out
      EXPECT_EQ(db_->Query("SELECT key, value, seq FROM docs"),
                outcome.code == SQLITE_OK ? changed : before);
      if (!lost) db_->Run("ROLLBACK");
      EXPECT_EQ(db_->Query("SELECT key, value, seq FROM docs"), before);
      db_->Run("BEGIN");
    });
    db_->Run("ROLLBACK");
  }
  ExpectWhole();
}

const char* const kQueries[] = {
    "SELECT * FROM events WHERE seq BETWEEN 5 AND 12.5",
    "SELECT seq, key FROM events WHERE key = 'asset/3' ORDER BY seq DESC",
    "SELECT * FROM view_tags WHERE key = 'tag3'",
    "SELECT * FROM view_tags WHERE key IN ('tag1', 'cat', 'tag5') ORDER BY key DESC, doc_id DESC",
    "SELECT doc_id, doc FROM view_tags WHERE key GLOB 'tag[1-4]*' AND key > 'tag2'",
    "SELECT key, count(*) FROM view_tags GROUP BY key HAVING count(*) > 2",
    "SELECT v.doc_id, d.value FROM places v JOIN docs d ON d.key = v.doc_id WHERE v.key = 'oahu'",
    "SELECT key, value FROM docs WHERE key LIKE 'asset/1%'",
    "SELECT key, seq FROM docs WHERE as_of = 22 AND key >= 'asset/3' ORDER BY key DESC",
    "SELECT seq, operation, value FROM sv_history('events', 'asset/5')",
    "SELECT seq, operation, value FROM sv_tail('events', 20, 0)",
    "SELECT seq, operation, row FROM sv_tail('view_tags', 20, 0)",
    "SELECT name, kind, state, seq, lag, bar, definition FROM sv_status",
    "SELECT * FROM sv_errors",
    "SELECT sv_wait(30), sv_wait(30, 'view_tags', 1000), sv_head('events'), sv_seq()",
    "SELECT sv_consistency('session')",
};

TEST_F(OomTest, QueriesGiveAllTheirRowsOrAnError) {
  db_->Run("SELECT sv_wait(30)");
  for (const char* sql : kQueries) {
    const Lines rows = db_->Query(sql);
    Sweep(sql, sql, [&](const Outcome& outcome) { ExpectRows(outcome, rows); });
  }
  ExpectWhole();
}

TEST_F(OomTest, QueriesSeeAllOfTheirTransactionOrGiveAnError) {
  const std::string append =
      R"(BEGIN; INSERT INTO events(key, value) VALUES ('asset/5', '{"tags":["tag3"]}'), )"
      R"(('asset/6', NULL), (NULL, '{"tags":["tag3"],"location":"oahu"}'))";
  db_->Run(append);
  for (const char* sql : kQueries) {
    if (std::string(sql).find("as_of") != std::string::npos) continue;
    const Lines rows = db_->Query(sql);
    Sweep(sql, sql, [&](const Outcome& outcome) {
      ExpectRows(outcome, rows);
      if (!InTransaction()) db_->Run(append);
    });
  }
  db_->Run("ROLLBACK");
  ExpectWhole();
}

// The reading thread maps, or the background one: whoever runs out of memory, no document is to
// blame.
TEST_F(OomTest, NoDocumentIsBlamedForMemoryThatRanOut) {
  for (const Threads threads : {Threads::kThisOne, Threads::kAll}) {
    const std::string sql =
        R"(INSERT INTO events(key, value) VALUES ('asset/1', '{"tags":["a","b","c"]}');)"
        "SELECT count(*) FROM view_tags WHERE key IN ('a', 'b', 'c')";
    Sweep(
        "append and read", sql,
        [&](const Outcome& outcome) {
          ExpectRows(outcome, {"3"});
          EXPECT_EQ(db_->Integer("SELECT sv_wait(sv_head())"), db_->Integer("SELECT sv_head()"));
          EXPECT_EQ(db_->Integer("SELECT sum(errors) FROM sv_status"), 0);
        },
        /*max_runs=*/100, threads);
  }
  ExpectSound();
}

TEST_F(OomTest, CommandsFailOrDoTheirWork) {
  for (const char* table : {"events", "view_tags", "places"}) {
    for (const char* command : {"integrity-check", "optimize", "rebuild", "flush"}) {
      const bool for_views_only = command[0] == 'o' || command[0] == 'r';
      if (for_views_only && table == std::string("events")) continue;
      Sweep(
          std::string(table) + ": " + command,
          std::string("INSERT INTO ") + table + "(" + table + ") VALUES ('" + command + "')",
          [&](const Outcome&) {
            EXPECT_EQ(db_->Integer("SELECT count(*) FROM view_tags WHERE key = 'tag3'"), 3);
          },
          /*max_runs=*/25);
    }
  }
  ExpectWhole();
}

TEST_F(OomTest, TablesAreRenamedOrKeepTheirNames) {
  db_->Run(
      "CREATE VIRTUAL TABLE other USING sv_log; INSERT INTO other(key, value) VALUES ('a', 1)");
  for (const std::string table : {"view_tags", "docs", "other"}) {
    const int64_t rows = db_->Integer("SELECT count(*) FROM " + table);
    Sweep(
        "rename " + table, "ALTER TABLE " + table + " RENAME TO renamed",
        [&](const Outcome& outcome) {
          if (outcome.code == SQLITE_OK) {
            EXPECT_EQ(db_->Integer("SELECT count(*) FROM renamed"), rows);
            db_->Run("ALTER TABLE renamed RENAME TO " + table);
          }
          EXPECT_EQ(db_->Integer("SELECT count(*) FROM " + table), rows);
        },
        /*max_runs=*/100);
  }
  ExpectWhole();
}

// What a failed CREATE leaves must not be in the way of the next.
TEST_F(OomTest, TablesAreMadeWholeOrNotAtAll) {
  const std::map<std::string, std::string> tables = {
      {"log2", "sv_log"},
      {"docs2", "sv_docs(log = events)"},
      {"view2", "sv_view(log = events, map = (" + kTagsMap + "))"},
      {"view3", "sv_view(log = events, emit = '$.tags[*]', keys = 1)"},
  };
  for (const auto& entry : tables) {
    const std::string& table = entry.first;
    const std::string& module = entry.second;
    const Lines schema = db_->Query("SELECT name FROM sqlite_schema ORDER BY 1");
    const Lines status = db_->Query("SELECT name FROM sv_status");
    Sweep(
        "create " + table, "CREATE VIRTUAL TABLE " + table + " USING " + module,
        [&](const Outcome& outcome) {
          if (outcome.code == SQLITE_OK) {
            EXPECT_THAT(db_->Try("SELECT * FROM " + table), Succeeds());
            db_->Run("DROP TABLE " + table);
          }
          EXPECT_EQ(db_->Query("SELECT name FROM sqlite_schema ORDER BY 1"), schema);
          EXPECT_EQ(db_->Query("SELECT name FROM sv_status"), status);
        },
        /*max_runs=*/40);
  }
  ExpectWhole();
  Reopen();
  ExpectWhole();
}

TEST_F(OomTest, TablesAreDroppedOrStillThere) {
  const std::map<std::string, std::string> tables = {
      {"log2", "sv_log"},
      {"docs2", "sv_docs(log = events)"},
      {"view2", "sv_view(log = events, map = (" + kTagsMap + "))"},
  };
  for (const auto& entry : tables) {
    const std::string& table = entry.first;
    const std::string& module = entry.second;
    const std::string create = "CREATE VIRTUAL TABLE " + table + " USING " + module;
    const Lines schema = db_->Query("SELECT name FROM sqlite_schema ORDER BY 1");
    const Lines status = db_->Query("SELECT name FROM sv_status");
    db_->Run(create);
    Sweep(
        "drop " + table, "DROP TABLE " + table,
        [&](const Outcome& outcome) {
          if (outcome.code == SQLITE_OK) {
            EXPECT_EQ(db_->Query("SELECT name FROM sqlite_schema ORDER BY 1"), schema);
            EXPECT_EQ(db_->Query("SELECT name FROM sv_status"), status);
            db_->Run(create);
          }
          EXPECT_THAT(db_->Try("SELECT * FROM " + table), Succeeds());
        },
        /*max_runs=*/60);
    db_->Run("DROP TABLE " + table);
  }
  ExpectWhole();
}

// A fresh connection: the extension is loaded, the tables connect, the log is opened.
TEST_F(OomTest, ConnectionsOpenOrFail) {
  db_->Run("SELECT sv_wait(30)");
  for (const bool log_is_open : {true, false}) {
    if (!log_is_open) db_->Close();
    SweepWork(
        log_is_open ? "second connection" : "first connection",
        [&](Outcome* outcome) {
          try {
            Database db(path_);
            *outcome = db.Try(
                "SELECT count(*) FROM view_tags; SELECT count(*) FROM docs; SELECT sv_head()");
          } catch (const SqlError&) {
            // sqlite3_load_extension says SQLITE_ERROR, whatever the reason.
            outcome->code = SQLITE_NOMEM;
          }
        },
        [](const Outcome& outcome) {
          ExpectRows(outcome, {"38", "19", "30"});
        },
        /*max_runs=*/log_is_open ? 200 : 40);
  }
  db_ = Connect();
  ExpectWhole();
}

// What a connection met while memory was short must not stay with it.
TEST_F(OomTest, AConnectionRecoversFromAnyFailureToConnect) {
  db_->Run("SELECT sv_wait(30)");
  std::unique_ptr<Database> db = Connect();
  SweepWork(
      "connect tables",
      [&](Outcome* outcome) { *outcome = db->Try("SELECT value, doc_id FROM view_tags"); },
      [&](const Outcome&) {
        EXPECT_EQ(db->Query("SELECT key, value, doc_id FROM view_tags ORDER BY key LIMIT 1"),
                  Lines{"'cat'|'hawaii'|'asset/0'"});
        EXPECT_EQ(db->Plan("SELECT * FROM view_tags ORDER BY key").find("TEMP B-TREE"),
                  std::string::npos);
        db = Connect();
      },
      /*max_runs=*/200);
}

}  // namespace
}  // namespace streamview::testing
