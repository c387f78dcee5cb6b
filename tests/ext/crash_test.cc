// kill -9 of a process that appends: nothing acknowledged is lost, transactions are whole, views
// exact.

#include <iostream>

#include "tests/ext/testing/child_process.h"
#include "tests/ext/testing/fixture.h"
#include "tests/ext/testing/model.h"
#include "tests/ext/testing/seed.h"

namespace streamview::testing {
namespace {

constexpr int kRounds = 6;
constexpr int kDocuments = 40;

const std::string kByNumber =
    "SELECT value ->> '$.n' AS key, value ->> '$.txn' AS value FROM events";

// A transaction is from 1 to 20 entries, each of which says which transaction it belongs to, how
// many entries that has, and which of them it is. A tombstone cannot; so a transaction never ends
// in one.
void AppendTransaction(Database& db, Random& random) {
  const int size = 1 + random.Below(20);
  const int64_t txn = db.Integer("SELECT sv_head()") + 1;
  db.Run("BEGIN");
  for (int i = 1; i <= size; ++i) {
    const SqlValue key =
        random.OneIn(4) ? kNull : SqlValue("doc" + std::to_string(random.Below(kDocuments)));
    if (key != kNull && i < size && random.OneIn(6)) {
      db.Append("events", key, kNull);
      continue;
    }
    db.Append("events", key,
              "{\"txn\":" + std::to_string(txn) + ",\"size\":" + std::to_string(size) +
                  ",\"i\":" + std::to_string(i) + ",\"n\":" + std::to_string(random.Below(10)) +
                  ",\"tags\":[\"t" + std::to_string(random.Below(5)) + "\",\"all\"]}");
  }
  db.Run("COMMIT");
}

// Appends to the database `args[0]` without end, by the seed `args[1]` and with `PRAGMA
// synchronous` `args[2]`; prints the head after each COMMIT.
int Ingest(const std::vector<std::string>& args) {
  Database db(args[0]);
  Random random(std::stoull(args[1]));
  db.Run("PRAGMA synchronous = " + args[2]);
  while (true) {
    AppendTransaction(db, random);
    std::cout << db.Integer("SELECT sv_seq()") << std::endl;
    if (random.OneIn(10)) db.Run("INSERT INTO view_tags(view_tags) VALUES ('flush')");
    if (random.OneIn(10)) db.Run("SELECT count(*) FROM by_number");
    if (random.OneIn(10)) db.Run("SELECT count(*) FROM stats_by_number");
    if (random.OneIn(10)) db.Run("INSERT INTO stats_by_number(stats_by_number) VALUES ('flush')");
    if (random.OneIn(40)) db.Run("INSERT INTO by_number(by_number) VALUES ('rebuild')");
    if (random.OneIn(40)) {
      db.Run("INSERT INTO stats_by_number(stats_by_number) VALUES ('rebuild')");
    }
  }
}
const ChildProgram kIngest("ingest", Ingest);

class CrashTest : public DatabaseTest {
 protected:
  CrashTest() {
    CreateLogAndView();
    CreateView("by_number", kByNumber);
    db_->Run(
        "CREATE VIRTUAL TABLE stats_by_number USING sv_view(log = events, reduce = 'stats', "
        "map = (" +
        kByNumber + "))");
    db_->Close();
  }

  // Lets a child append until it has acknowledged some transactions, and kills it. Returns the last
  // sequence number that it acknowledged.
  int64_t IngestAndKill(Random& random, const std::string& synchronous) {
    ChildProcess child("ingest", {path_, std::to_string(random.Below(1 << 30)), synchronous});
    int64_t acknowledged = 0;
    const int transactions = 1 + random.Below(60);
    for (int i = 0; i < transactions; ++i) {
      const auto line = child.ReadLine();
      if (!line) {
        ADD_FAILURE() << "the child ended by itself: " << child.Wait();
        return acknowledged;
      }
      acknowledged = std::stoll(*line);
    }
    // It may be anywhere after the last COMMIT that we know of; spin a while so that it gets
    // elsewhere.
    for (volatile int spin = random.Below(2'000'000); spin > 0;) spin = spin - 1;
    child.Kill();
    EXPECT_EQ(child.Wait(), -SIGKILL);
    while (const auto line = child.ReadLine()) acknowledged = std::stoll(*line);
    return acknowledged;
  }

  void ExpectWhole(int64_t acknowledged) {
    const int64_t head = db_->Integer("SELECT sv_head()");
    EXPECT_GE(head, acknowledged);
    EXPECT_EQ(db_->Query("SELECT min(seq), max(seq), count(*) FROM events"),
              (Lines{ToLine({1, head, head})}));
    EXPECT_EQ(db_->Query("SELECT seq, value FROM events WHERE value IS NOT NULL AND "
                         "seq <> (value ->> '$.txn') + (value ->> '$.i') - 1"),
              Lines());
    // The last transaction has all its entries, and what it leaves is the head.
    EXPECT_EQ(db_->Query("SELECT (value ->> '$.txn') + (value ->> '$.size') - 1 FROM events "
                         "ORDER BY seq DESC LIMIT 1"),
              (Lines{std::to_string(head)}));
  }

  void ExpectViewsExact() {
    EXPECT_EQ(db_->Query("SELECT * FROM view_tags"),
              ToLines(ComputeView(*db_, "events", kTagsMap)));
    EXPECT_EQ(db_->Query("SELECT * FROM by_number"),
              ToLines(ComputeView(*db_, "events", kByNumber)));
    EXPECT_EQ(db_->Query("SELECT * FROM stats_by_number"),
              ToLines(ReduceRows(ComputeView(*db_, "events", kByNumber), 1, "stats")));
  }
};

TEST_F(CrashTest, NothingAcknowledgedIsLostAndViewsAreExact) {
  Random random(TestSeed());
  int64_t before = 0;
  for (int round = 0; round < kRounds && !HasFailure(); ++round) {
    const int64_t acknowledged = IngestAndKill(random, round % 2 == 0 ? "FULL" : "NORMAL");
    EXPECT_GT(acknowledged, before);
    before = acknowledged;
    db_ = Connect();
    ExpectWhole(acknowledged);
    ExpectViewsExact();
    // And the database goes on.
    AppendTransaction(*db_, random);
    ExpectViewsExact();
    db_->Close();
  }
}

// Appends one transaction and prints, then another that it never commits, and waits for its end.
int LeaveOpen(const std::vector<std::string>& args) {
  Database db(args[0]);
  Random random(1);
  AppendTransaction(db, random);
  const int64_t head = db.Integer("SELECT sv_seq()");
  db.Run("BEGIN");
  for (int i = 0; i < 1000; ++i) db.Append("events", i, R"({"tags":["never"],"n":1})");
  db.Run("SELECT count(*) FROM view_tags");
  std::cout << head << std::endl;
  std::cin.get();
  return 0;
}
const ChildProgram kLeaveOpen("leave-open", LeaveOpen);

TEST_F(CrashTest, ATransactionThatWasOpenVanishes) {
  ChildProcess child("leave-open", {path_});
  const auto line = child.ReadLine();
  ASSERT_TRUE(line);
  child.Kill();
  EXPECT_EQ(child.Wait(), -SIGKILL);
  db_ = Connect();
  EXPECT_EQ(db_->Integer("SELECT sv_head()"), std::stoll(*line));
  ExpectWhole(std::stoll(*line));
  ExpectViewsExact();
  EXPECT_EQ(Append("next", R"({"tags":[]})"), std::stoll(*line) + 1);
}

// Makes and drops logs and views, committed or not, until it is killed.
int ChangeTables(const std::vector<std::string>& args) {
  Database db(args[0]);
  Random random(std::stoull(args[1]));
  for (int64_t i = 1;; ++i) {
    db.Run(
        "BEGIN; DROP TABLE view_tags; CREATE VIRTUAL TABLE view_tags USING sv_view("
        "log = events, map = (" +
        kTagsMap + "), version = " + std::to_string(i) + ")");
    db.Run("CREATE VIRTUAL TABLE IF NOT EXISTS audit USING sv_log");
    db.Append("audit", kNull, i);
    db.Run(random.OneIn(3) ? "ROLLBACK" : "COMMIT");
    if (random.OneIn(4)) db.Run("DROP TABLE IF EXISTS audit");
    std::cout << i << std::endl;
  }
}
const ChildProgram kChangeTables("change-tables", ChangeTables);

TEST_F(CrashTest, TablesAreWholeWhereverTheirChangeWasCut) {
  Random random(TestSeed());
  db_ = Connect();
  for (int i = 0; i < 20; ++i) AppendTransaction(*db_, random);
  db_->Close();
  for (int round = 0; round < kRounds && !HasFailure(); ++round) {
    ChildProcess child("change-tables", {path_, std::to_string(random.Below(1 << 30))});
    const int changes = 1 + random.Below(10);
    for (int i = 0; i < changes; ++i) ASSERT_TRUE(child.ReadLine());
    for (volatile int spin = random.Below(20'000'000); spin > 0;) spin = spin - 1;
    child.Kill();
    EXPECT_EQ(child.Wait(), -SIGKILL);
    db_ = Connect();
    ExpectViewsExact();
    if (db_->Integer("SELECT count(*) FROM sqlite_schema WHERE name = 'audit'") == 1) {
      EXPECT_EQ(db_->Integer("SELECT count(*) = sv_head('audit') FROM audit"), 1);
      db_->Append("audit", kNull, "after");
      db_->Run("DROP TABLE audit");
    }
    db_->Run("CREATE VIRTUAL TABLE audit USING sv_log");
    EXPECT_EQ(db_->Append("audit", kNull, "first"), 1);
    db_->Close();
  }
}

}  // namespace
}  // namespace streamview::testing
