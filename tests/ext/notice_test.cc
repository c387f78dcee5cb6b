// By what a program notices that a log was written to: SQLite's means, and ours.

#include "tests/ext/testing/fixture.h"

namespace streamview::testing {
namespace {

using ::testing::ElementsAre;

class NoticeTest : public DatabaseTest {
 protected:
  NoticeTest() {
    CreateLog();
    db_->Run(
        "CREATE VIRTUAL TABLE docs USING sv_docs(log = events); CREATE TABLE ordinary(x);"
        "INSERT INTO ordinary VALUES (0)");
    // The first transaction after others of the connection may be conditional without need.
    db_->Run("BEGIN; INSERT INTO events(value) VALUES ('an event'); COMMIT");
  }

  int64_t DataVersion() { return other_->Integer("PRAGMA data_version"); }

  const std::unique_ptr<Database> other_ = Connect();
};

TEST_F(NoticeTest, DataVersionIsOfTheDatabaseAndTheHeadOfTheLog) {
  const int64_t before = DataVersion();
  Append("a", 1);
  db_->Run("INSERT INTO docs(key, value) VALUES ('b', 2)");
  db_->Run("BEGIN; INSERT INTO events(key, value) VALUES ('c', 3), ('d', 4); COMMIT");
  EXPECT_EQ(DataVersion(), before);
  EXPECT_EQ(other_->Integer("SELECT sv_head('events')"), 5);

  db_->Run(
      "BEGIN; UPDATE ordinary SET x = 1; INSERT INTO docs VALUES ('e', 5, NULL, NULL); COMMIT");
  EXPECT_NE(DataVersion(), before);
  EXPECT_EQ(other_->Integer("SELECT sv_head('events')"), 6);
}

TEST_F(NoticeTest, CommitAndRollbackHooksAreCalledTheUpdateHookIsNot) {
  struct Calls {
    int commits = 0, rollbacks = 0, updates = 0;
  } calls;
  sqlite3_commit_hook(
      db_->handle(), [](void* c) { return static_cast<Calls*>(c)->commits++, 0; }, &calls);
  sqlite3_rollback_hook(
      db_->handle(), [](void* c) { static_cast<Calls*>(c)->rollbacks++; }, &calls);
  sqlite3_update_hook(
      db_->handle(),
      [](void* c, int, const char*, const char*, sqlite3_int64) {
        static_cast<Calls*>(c)->updates++;
      },
      &calls);
  Append("a", 1);
  EXPECT_EQ(calls.commits, 1);
  db_->Run("UPDATE docs SET value = 2");
  EXPECT_EQ(calls.commits, 2);
  EXPECT_THAT(db_->Query("SELECT changes()"), ElementsAre("1"));
  db_->Run("BEGIN; DELETE FROM docs; ROLLBACK");
  EXPECT_EQ(calls.rollbacks, 1);
  EXPECT_EQ(calls.updates, 0);
}

}  // namespace
}  // namespace streamview::testing
