// kill -9 of a process that builds views with reduce from large sorted files, while documents
// change: no change is lost, and none is applied twice.

#include <iostream>

#include "tests/ext/testing/child_process.h"
#include "tests/ext/testing/fixture.h"
#include "tests/ext/testing/seed.h"

namespace streamview::testing {
namespace {

constexpr int kRounds = 3;
// So many that a build writes more than core/storage/family_write.h puts into a batch.
constexpr int kDocuments = 30'000;
constexpr int kKeys = 12'000;

// Rebuilds the view of the database `args[0]` again and again, and changes documents meanwhile, by
// the seed `args[1]`. Prints a line for each round.
int RebuildAndChange(const std::vector<std::string>& args) {
  Database db(args[0]);
  Random random(std::stoull(args[1]));
  while (true) {
    db.Run("INSERT INTO totals(totals) VALUES ('rebuild')");
    for (int i = random.Below(5); i >= 0; --i) {
      const int first = random.Below(kDocuments);
      db.Run("DELETE FROM docs WHERE key BETWEEN ?1 AND ?1 + 3", {first});
      db.Run("UPDATE docs SET value = json_set(value, '$.v', ?2) WHERE key BETWEEN ?1 AND ?1 + 40",
             {first, random.Below(1000)});
      if (random.OneIn(3)) db.Run("SELECT sum FROM totals WHERE key = ?1", {first % kKeys});
      if (random.OneIn(6)) db.Run("INSERT INTO totals(totals) VALUES ('flush')");
    }
    std::cout << "changed" << std::endl;
  }
}
const ChildProgram kRebuildAndChange("rebuild-and-change", RebuildAndChange);

TEST_F(DatabaseTest, AReduceViewIsExactWhereverItsBuildWasKilled) {
  Random random(TestSeed());
  db_->Run(
      "PRAGMA synchronous = NORMAL; PRAGMA journal_mode = WAL;"
      "CREATE VIRTUAL TABLE events USING sv_log;"
      "CREATE VIRTUAL TABLE docs USING sv_docs(log = events);"
      "CREATE VIRTUAL TABLE totals USING sv_view(log = events, emit = '$.k', value = '$.v', "
      "reduce = 'stats');"
      "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < " +
      std::to_string(kDocuments) +
      ") INSERT INTO events(key, value) SELECT i, json_object('k', i % " + std::to_string(kKeys) +
      ", 'v', i) FROM n");
  db_->Close();
  for (int round = 0; round < kRounds && !HasFailure(); ++round) {
    ChildProcess child("rebuild-and-change", {path_, std::to_string(random.Below(1 << 30))});
    for (int i = random.Below(4); i > 0; --i) ASSERT_TRUE(child.ReadLine());
    // It may be anywhere in the next build, then.
    for (volatile int spin = random.Below(100'000'000); spin > 0;) spin = spin - 1;
    child.Kill();
    ASSERT_EQ(child.Wait(), -SIGKILL);

    db_ = Connect();
    EXPECT_EQ(db_->Query("SELECT * FROM totals"),
              db_->Query("SELECT k, count(*), sum(v), min(v), max(v), sum(v * v) FROM (SELECT "
                         "value ->> '$.k' AS k, value ->> '$.v' AS v FROM docs) GROUP BY k"));
    db_->Run("INSERT INTO totals(totals) VALUES ('integrity-check')");
    db_->Close();
  }
}

}  // namespace
}  // namespace streamview::testing
