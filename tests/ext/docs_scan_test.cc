// All documents at once, where no order is asked for: they are read in that of the log. The answers
// must be those of an ordinary table.

#include <algorithm>

#include "tests/ext/testing/fixture.h"
#include "tests/ext/testing/seed.h"

namespace streamview::testing {
namespace {

constexpr int kDocuments = 1500;  // few are read by key

class DocsScanTest : public DatabaseTest {
 protected:
  DocsScanTest() {
    CreateLog();
    db_->Run("CREATE VIRTUAL TABLE docs USING sv_docs(log = events)");
    plain_.Run(
        "PRAGMA synchronous = OFF; CREATE TABLE docs(key PRIMARY KEY NOT NULL, value NOT NULL)");
    RunOnBoth(
        "INSERT INTO docs(key, value) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1"
        " FROM n WHERE i < " +
        std::to_string(kDocuments) + ") SELECT i * 7919 % " + std::to_string(kDocuments) +
        ", 'value ' || i FROM n");
  }

  void RunOnBoth(const std::string& sql) {
    db_->Run(sql);
    plain_.Run(sql);
  }
  static Lines Sorted(Lines lines) {
    std::sort(lines.begin(), lines.end());
    return lines;
  }
  void ExpectSame(Database& db) {
    const std::string all = "SELECT key, value FROM docs";
    EXPECT_EQ(Sorted(db.Query(all)), Sorted(plain_.Query(all)));
    EXPECT_EQ(db.Query(all + " ORDER BY key"), plain_.Query(all + " ORDER BY key"));
    for (const std::string sql :
         {"SELECT count(*) FROM docs", "SELECT count(*), total(length(value)) FROM docs",
          "SELECT count(*) FROM docs WHERE value LIKE '%7'", "SELECT max(value) FROM docs",
          "SELECT key FROM docs ORDER BY key DESC LIMIT 3",
          "SELECT substr(value, 1, 8), count(*) FROM docs GROUP BY 1",
          "SELECT count(*) FROM docs a JOIN docs b ON b.key = a.key + 1 WHERE b.value > a.value"}) {
      EXPECT_EQ(db.Query(sql), plain_.Query(sql)) << sql;
    }
  }

  Database plain_{dir_ / "plain.db"};
};

TEST_F(DocsScanTest, GivesThemInTheOrderOfTheLog) {
  db_->Run("UPDATE docs SET value = 'newest' WHERE key = 7");
  const std::string seqs = "SELECT seq, value FROM docs";
  EXPECT_EQ(db_->Query(seqs), db_->Query(seqs + " ORDER BY seq"));
  EXPECT_NE(db_->Query(seqs + " LIMIT 9"), db_->Query(seqs + " ORDER BY seq LIMIT 9"));
}

TEST_F(DocsScanTest, AnswersAsAnOrdinaryTableWhateverIsWritten) {
  Random random(TestSeed());
  const auto key = [&] { return std::to_string(random.Below(kDocuments * 11 / 10)); };
  for (int round = 0; round < 12 && !HasFailure(); round++) {
    SCOPED_TRACE("round " + std::to_string(round));
    const bool in_transaction = random.OneIn(2);
    if (in_transaction) RunOnBoth("BEGIN");
    for (int i = random.Below(5); i >= 0; i--) {
      RunOnBoth("INSERT OR REPLACE INTO docs(key, value) VALUES (" + key() + ", 'new " + key() +
                "')");
      RunOnBoth("UPDATE docs SET value = value || '!' WHERE key / 20 = " + key() + " / 20");
      RunOnBoth("DELETE FROM docs WHERE key = " + key());
    }
    ExpectSame(*db_);
    if (!in_transaction) continue;
    RunOnBoth("SAVEPOINT s; DELETE FROM docs WHERE key % 3 = " + std::to_string(round % 3));
    ExpectSame(*db_);
    RunOnBoth(random.OneIn(2) ? "ROLLBACK TO s" : "RELEASE s");
    ExpectSame(*db_);
    RunOnBoth(random.OneIn(3) ? "ROLLBACK" : "COMMIT");
    ExpectSame(*db_);
  }
  Reopen();
  ExpectSame(*db_);
  db_->Run("INSERT INTO events(events) VALUES ('integrity-check')");
}

TEST_F(DocsScanTest, AScanKeepsItsStateWhatIsWrittenMeanwhile) {
  sqlite3_stmt* scan = nullptr;
  ASSERT_EQ(sqlite3_prepare_v2(db_->handle(), "SELECT key, value FROM docs", -1, &scan, nullptr),
            SQLITE_OK);
  ASSERT_EQ(sqlite3_step(scan), SQLITE_ROW);
  db_->Run("UPDATE docs SET value = 'changed'; DELETE FROM docs WHERE key > 700");
  int rows = 1;
  for (; sqlite3_step(scan) == SQLITE_ROW; rows++) {
    EXPECT_STRNE(reinterpret_cast<const char*>(sqlite3_column_text(scan, 1)), "changed");
  }
  EXPECT_EQ(sqlite3_finalize(scan), SQLITE_OK);
  EXPECT_EQ(rows, kDocuments);
  plain_.Run("UPDATE docs SET value = 'changed'; DELETE FROM docs WHERE key > 700");
  ExpectSame(*db_);
}

// Where most of the log is superseded, each document is read at its place.
TEST_F(DocsScanTest, AnswersTheSameWhereMostOfTheLogIsSuperseded) {
  RunOnBoth("DELETE FROM docs WHERE key > 100");
  for (int i = 0; i < 20; i++) RunOnBoth("UPDATE docs SET value = value || 'u' WHERE key < 90");
  ExpectSame(*db_);
}

}  // namespace
}  // namespace streamview::testing
