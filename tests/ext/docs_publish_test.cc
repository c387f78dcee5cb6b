// The moment in a COMMIT when SQLite has let go of its write lock, and the log has not yet
// published what was committed. Another connection may begin to write in it, and must not read the
// old state.

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "ext/sqlite_vtab/vtab.hpp"
#include "tests/ext/testing/fixture.h"

namespace streamview::testing {
namespace {

// An eponymous table that runs a function when a transaction in which it was written to commits.
// Tables hear of a commit in the order in which they joined the transaction.
class CommitGate : public sqlite_vtab::Table {
 public:
  struct Aux {
    std::function<void()> on_commit;
  };
  using Plan = sqlite_vtab::OnlyPlan;
  class Cursor : public sqlite_vtab::Cursor {
   public:
    sqlite_vtab::Status Filter(const Plan&, sqlite_vtab::Values) { return {}; }
    sqlite_vtab::Status Next() { return {}; }
    bool Eof() const noexcept { return true; }
    sqlite_vtab::Status Column(sqlite3_context*, int) { return {}; }
    sqlite3_int64 Rowid() { return 0; }
  };

  explicit CommitGate(Aux* aux) : aux_(aux) {}
  static sqlite_vtab::Status Connect(const sqlite_vtab::ConnectArgs<Aux>& args,
                                     std::unique_ptr<CommitGate>& table) {
    table = std::make_unique<CommitGate>(args.aux);
    return {sqlite3_declare_vtab(args.db, "CREATE TABLE x(a)"), ""};
  }
  sqlite_vtab::Status BestIndex(sqlite_vtab::IndexInfo&, Plan&) { return {}; }
  sqlite_vtab::Status Open(std::unique_ptr<Cursor>& cursor) {
    cursor = std::make_unique<Cursor>();
    return {};
  }
  sqlite_vtab::Status Insert(sqlite3_value*, sqlite_vtab::Values, sqlite3_int64*) { return {}; }
  sqlite_vtab::Status Update(sqlite3_value*, sqlite3_value*, sqlite_vtab::Values) { return {}; }
  sqlite_vtab::Status Delete(sqlite3_value*) { return {}; }
  sqlite_vtab::Status Begin() { return {}; }
  sqlite_vtab::Status Sync() { return {}; }
  void Commit() { aux_->on_commit(); }
  sqlite_vtab::Status Rollback() { return {}; }

 private:
  Aux* const aux_;
};

// Becomes true once, and can be waited for.
class Flag {
 public:
  void Set() {
    std::lock_guard lock(mutex_);
    set_ = true;
    changed_.notify_all();
  }
  void WaitAtMost(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, time, [this] { return set_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool set_ = false;
};

class DocsPublishTest : public DatabaseTest {
 protected:
  DocsPublishTest() {
    db_->Run("PRAGMA journal_mode = WAL");
    CreateLog();
    db_->Run(
        "CREATE VIRTUAL TABLE assets USING sv_docs(log = events);"
        "INSERT INTO assets(key, value) VALUES ('a', 1)");
    other_->Run("PRAGMA busy_timeout = 60000");
    sqlite3_create_function(
        other_->handle(), "has_read", 1, SQLITE_UTF8, &has_read_,
        [](sqlite3_context* context, int, sqlite3_value** arguments) {
          static_cast<Flag*>(sqlite3_user_data(context))->Set();
          sqlite3_result_value(context, arguments[0]);
        },
        nullptr, nullptr);
    sqlite_vtab::Register<CommitGate>(db_->handle(), "gate", gate_);
  }

  // Runs `sql` here, and `meanwhile` on the other connection within the COMMIT. The COMMIT goes on
  // when `meanwhile` calls has_read(), or after a time in which it would have.
  Outcome RunDuringCommit(const std::string& sql, const std::string& meanwhile) {
    Outcome outcome;
    std::thread thread;
    gate_->on_commit = [&] {
      thread = std::thread([&] { outcome = other_->Try(meanwhile); });
      has_read_.WaitAtMost(std::chrono::milliseconds(200));
    };
    db_->Run("BEGIN; INSERT INTO gate VALUES (1); " + sql + "; COMMIT");
    thread.join();
    return outcome;
  }

  const std::shared_ptr<CommitGate::Aux> gate_ = std::make_shared<CommitGate::Aux>();
  Flag has_read_;
  std::unique_ptr<Database> other_ = Connect();
};

TEST_F(DocsPublishTest, AnUpdateWaitsForIt) {
  EXPECT_THAT(RunDuringCommit("UPDATE assets SET value = 10",
                              "UPDATE assets SET value = has_read(value) + 1"),
              Succeeds());
  EXPECT_EQ(other_->Integer("SELECT value FROM assets"), 11);
}

TEST_F(DocsPublishTest, AnInsertWaitsForIt) {
  EXPECT_THAT(RunDuringCommit("INSERT INTO assets(key, value) VALUES ('b', 1)",
                              "INSERT INTO assets(key, value) VALUES ('b', 2)"),
              Fails(SQLITE_CONSTRAINT, "UNIQUE constraint failed: assets.key"));
}

}  // namespace
}  // namespace streamview::testing
