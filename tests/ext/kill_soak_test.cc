// kill -9 again and again, on one database, in the middle of everything that streamview does: what
// was acknowledged is there, transactions are whole in all tables, views are exact. The kills hit
// recovery, too.
//
// STREAMVIEW_KILLS says how many (scripts/soak.sh).

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "tests/ext/testing/child_process.h"
#include "tests/ext/testing/fixture.h"
#include "tests/ext/testing/model.h"
#include "tests/ext/testing/workload.h"

namespace streamview::testing {
namespace {

namespace fs = std::filesystem;

constexpr int kDefaultKills = 20;
constexpr int kWithoutKills = 300;     // transactions
constexpr int kMostTransactions = 30;  // acknowledged before a kill
constexpr int kLongestSpin = 40'000;   // microseconds

// A copy of the whole as of now, in a directory of its own, while others go on.
void BackUp(Database& db, const std::string& path, const std::string& directory) {
  Database copying(path, Database::Extension::kNone);
  fs::create_directory(directory);
  db.Run("BEGIN IMMEDIATE");
  for (const char* log : {"events", "audit"}) {
    db.Run("SELECT sv_backup(?1, ?2)", {log, directory + "/app.db-" + log});
  }
  copying.Run("VACUUM INTO ?1", {directory + "/app.db"});
  db.Run("ROLLBACK");
}

// What is done beside transactions. Prints the number of a backup once that is done.
void DoChore(Database& db, Random& random, const std::string& path, const std::string& root) {
  static int backups = 0;
  const std::string view = random.Pick(Workload::kViews).name;
  switch (random.Below(40)) {
    case 0:
    case 1:
      return db.Run("INSERT INTO " + view + "(" + view + ") VALUES ('rebuild')");
    case 2:
      return db.Run("INSERT INTO " + view + "(" + view + ") VALUES ('optimize')");
    case 3:
    case 4:
      return db.Run("INSERT INTO " + view + "(" + view + ") VALUES ('flush')");
    case 5:
      return db.Run("INSERT INTO events(events) VALUES ('flush')");
    case 6:
      return db.Run("INSERT INTO " + view + "(" + view + ") VALUES ('integrity-check')");
    case 7:
    case 8:
    case 9:
      db.Query("SELECT * FROM " + view);
      return;
    case 10:
      return db.Run("PRAGMA wal_checkpoint");
    case 11:
      BackUp(db, path, root + "/backup-" + std::to_string(++backups));
      std::cout << "backup-" << backups << std::endl;
      return;
    default:
      return;
  }
}

// Runs the workload of the seed `args[1]` from transaction `args[2]` on, without end, on the
// database `args[0]`, with `PRAGMA synchronous` `args[3]` and `journal_mode` `args[4]`; puts
// backups into the directory `args[5]`. Prints a line for each COMMIT and backup that has returned.
int RunWorkload(const std::vector<std::string>& args) {
  Database db(args[0]);
  db.Run("PRAGMA synchronous = " + args[3] + "; PRAGMA journal_mode = " + args[4]);
  const uint64_t seed = std::stoull(args[1]);
  Workload workload(seed, std::stoll(args[2]));
  Random chores(seed + 1);
  for (;;) {
    const WorkloadTransaction transaction = workload.Next();
    Workload::Run(db, transaction);
    if (transaction.commits) std::cout << "commit" << std::endl;
    DoChore(db, chores, args[0], args[5]);
  }
}
const ChildProgram kRunWorkload("run-workload", RunWorkload);

// Only opens all there is, and brings the views up to date.
int Reopen(const std::vector<std::string>& args) {
  Database db(args[0]);
  Workload::Read(db);
  for (const Workload::View& view : Workload::kViews) db.Run("SELECT count(*) FROM " + view.name);
  std::cout << "opened" << std::endl;
  std::cin.get();
  return 0;
}
const ChildProgram kReopen("reopen", Reopen);

class KillSoakTest : public DatabaseTest {
 protected:
  using Clock = std::chrono::steady_clock;

  KillSoakTest() : random_(TestSeed()) {
    if (const char* kills = std::getenv("STREAMVIEW_KILLS")) kills_ = std::atoi(kills);
    Workload::CreateTables(*db_);
    db_->Close();
  }

  // The child is somewhere else, then.
  void Spin() {
    const auto end = Clock::now() + std::chrono::microseconds(random_.Below(kLongestSpin));
    while (Clock::now() < end) {
    }
  }

  // Kills a child in the middle of the workload; takes over what it must have left.
  void KillWorkload() {
    const uint64_t seed = random_.Below(1 << 30);
    ChildProcess child("run-workload", {path_, std::to_string(seed), std::to_string(next_),
                                        random_.OneIn(2) ? "FULL" : "NORMAL",
                                        random_.OneIn(4) ? "DELETE" : "WAL", dir_.path()});
    Lines lines;
    for (int i = random_.Below(kMostTransactions); i > 0; --i) {
      const auto line = child.ReadLine();
      if (!line) break;
      lines.push_back(*line);
    }
    Spin();
    child.Kill();
    ASSERT_EQ(child.Wait(), -SIGKILL) << "the child ended by itself";
    while (const auto line = child.ReadLine()) lines.push_back(*line);
    Follow(seed, lines);
  }

  // Applies the transactions that the child has acknowledged, and what may have come after.
  void Follow(uint64_t seed, const Lines& lines) {
    Workload workload(seed, next_);
    const auto apply_next = [&](WorkloadState* state) {
      WorkloadTransaction transaction;
      do {
        transaction = workload.Next();
        next_ = transaction.number + 1;
      } while (!transaction.commits);
      Workload::Apply(transaction, state);
      script_ += "\n" + Describe(transaction);
    };
    script_.clear();
    for (const std::string& line : lines) {
      if (line == "commit") {
        apply_next(&acknowledged_);
        ++transactions_;
      } else {
        backup_ = line;
        backed_up_ = acknowledged_;
      }
    }
    possible_ = acknowledged_;
    apply_next(&possible_);
  }

  // Kills children that do nothing but recover.
  void KillRecovery() {
    while (random_.OneIn(3)) {
      ChildProcess child("reopen", {path_});
      if (random_.OneIn(4)) {
        ASSERT_EQ(child.ReadLine(), "opened");
      } else {
        Spin();
      }
      child.Kill();
      ASSERT_EQ(child.Wait(), -SIGKILL) << "the child ended by itself";
    }
  }

  static void ExpectSound(Database& db) {
    for (const Workload::View& view : Workload::kViews) {
      EXPECT_EQ(db.Query("SELECT * FROM " + view.name), ToLines(view.Compute(db))) << view.name;
      db.Run("INSERT INTO " + view.name + "(" + view.name + ") VALUES ('integrity-check')");
    }
    for (const std::string log : {"events", "audit"}) {
      db.Run("INSERT INTO " + log + "(" + log + ") VALUES ('integrity-check')");
      EXPECT_EQ(db.Integer("SELECT ifnull(max(seq), 0) = count(*) AND count(*) = sv_head('" + log +
                           "') FROM " + log),
                1);
    }
    EXPECT_EQ(db.Query("PRAGMA integrity_check"), Lines{"'ok'"});
  }

  void Check() {
    db_ = Connect();
    WorkloadState actual = Workload::Read(*db_);
    EXPECT_TRUE(actual == acknowledged_ || actual == possible_)
        << "against what was acknowledged: " << Difference(acknowledged_, actual)
        << "\nwith one transaction more: " << Difference(possible_, actual) << script_;
    ExpectSound(*db_);
    db_->Close();
    acknowledged_ = std::move(actual);
  }

  // Restores the last backup that was acknowledged. The others, which are none, go.
  void CheckBackup() {
    if (!backup_.empty()) {
      Database restored(dir_ / backup_ + "/app.db");
      const WorkloadState actual = Workload::Read(restored);
      EXPECT_TRUE(actual == backed_up_) << backup_ << ": " << Difference(backed_up_, actual);
      ExpectSound(restored);
      restored.Close();
      ++backups_;
      backup_.clear();
    }
    for (const fs::directory_entry& entry : fs::directory_iterator(dir_.path())) {
      if (entry.path().filename().string().starts_with("backup-")) fs::remove_all(entry);
    }
  }

  std::string Summary(int kills) const {
    const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
    return std::to_string(kills) + " of " + std::to_string(kills_) + " kills, " +
           std::to_string(transactions_) + " transactions acknowledged, " +
           std::to_string(acknowledged_.log.size()) + " entries, " + std::to_string(backups_) +
           " backups restored, " + std::to_string(static_cast<int>(seconds)) + " s";
  }

  Random random_;
  int kills_ = kDefaultKills;
  const Clock::time_point start_ = Clock::now();
  int64_t next_ = 1;            // the number of the next transaction
  WorkloadState acknowledged_;  // must be there
  WorkloadState possible_;      // may be there: with the transaction that was under way
  std::string backup_;          // the last one acknowledged since the last check; empty: none
  WorkloadState backed_up_;     // what it must hold
  std::string script_;          // what the child was doing, for messages
  int transactions_ = 0, backups_ = 0;
};

// Without any kill: what is wrong with a transaction itself is found here, not in the soak.
using WorkloadTest = KillSoakTest;

TEST_F(WorkloadTest, EachTransactionLeavesWhatItShould) {
  db_ = Connect();
  db_->Run("PRAGMA synchronous = OFF");
  Workload workload(random_.Below(1 << 30), 1);
  WorkloadState expected;
  for (int i = 0; i < kWithoutKills && !HasFailure(); ++i) {
    const WorkloadTransaction transaction = workload.Next();
    Workload::Run(*db_, transaction);
    Workload::Apply(transaction, &expected);
    const WorkloadState actual = Workload::Read(*db_);
    EXPECT_TRUE(actual == expected) << Describe(transaction) << Difference(expected, actual);
  }
  ExpectSound(*db_);
}

// What a kill finds out by chance only: a transaction that changes both the log and ordinary tables
// is marked in the database, so that a crash leaves both of its parts or none.
TEST_F(WorkloadTest, EachTransactionOfBothPartsIsMarked) {
  db_ = Connect();
  db_->Run("PRAGMA synchronous = OFF; PRAGMA journal_mode = WAL");
  const uint64_t seed = random_.Below(1 << 30);
  Workload workload(seed, 1);
  Random chores(seed + 1);
  const auto token = [this] {
    return db_->Query("SELECT value FROM events_config WHERE key = 'token'");
  };
  int marked = 0;
  for (int i = 0; i < kWithoutKills / 2 && !HasFailure(); ++i) {
    const WorkloadTransaction transaction = workload.Next();
    const WorkloadState before = Workload::Read(*db_);
    const Lines token_before = token();
    Workload::Run(*db_, transaction);
    const WorkloadState after = Workload::Read(*db_);
    const bool both = after.log != before.log && after.ordinary != before.ordinary;
    if (both) {
      EXPECT_NE(token(), token_before) << Describe(transaction);
      ++marked;
    }
    DoChore(*db_, chores, path_, dir_.path());
  }
  EXPECT_GT(marked, 0);
}

TEST_F(KillSoakTest, WhatWasAcknowledgedIsThereAndEverythingAgrees) {
  const bool show_progress = isatty(STDOUT_FILENO) != 0;
  for (int kill = 1; kill <= kills_; ++kill) {
    KillWorkload();
    if (HasFatalFailure()) return;
    KillRecovery();
    if (HasFatalFailure()) return;
    Check();
    CheckBackup();
    if (show_progress) std::cout << "\r\033[K" << Summary(kill) << std::flush;
    ASSERT_FALSE(HasFailure()) << "after kill " << kill;
  }
  std::cout << (show_progress ? "\r\033[K" : "") << Summary(kills_) << std::endl;
}

}  // namespace
}  // namespace streamview::testing
