// What logs, views and their directories may be called, and how statements name them.

#include <filesystem>

#include "tests/ext/testing/fixture.h"

namespace streamview::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kTag[] = R"({"tag":"cat"})";

// --- SQLite's own files

class SqlitesFilesTest
    : public DatabaseTest,
      public ::testing::WithParamInterface<std::tuple<const char*, const char*>> {
 protected:
  SqlitesFilesTest() { db_->Run(std::string("PRAGMA journal_mode = ") + std::get<0>(GetParam())); }
  const std::string name_ = std::get<1>(GetParam());
};

TEST_P(SqlitesFilesTest, ALogOfThatNameHasAnotherDirectory) {
  db_->Run("CREATE VIRTUAL TABLE " + name_ + " USING sv_log");
  db_->Append(name_, "a", "{}");
  EXPECT_TRUE(fs::is_directory(path_ + "-" + name_ + "-log"));
  Reopen();
  db_->Run("CREATE TABLE plain(x); INSERT INTO plain VALUES (1)");
  EXPECT_THAT(db_->Query("SELECT key FROM " + name_), ElementsAre("'a'"));
  db_->Run("DROP TABLE " + name_);
  EXPECT_FALSE(fs::exists(path_ + "-" + name_ + "-log"));
}

TEST_P(SqlitesFilesTest, ALogThatIsRenamedToItKeepsItsDirectory) {
  CreateLog();
  Append("a", "{}");
  db_->Run("ALTER TABLE events RENAME TO " + name_);
  Reopen();
  db_->Run("CREATE TABLE plain(x); INSERT INTO plain VALUES (1)");
  EXPECT_EQ(db_->Append(name_, "b", "{}"), 2);
  EXPECT_TRUE(fs::is_directory(log_dir_));
}

TEST_P(SqlitesFilesTest, NoPathAndNoBackupMayHaveIt) {
  const auto refused =
      Fails(SQLITE_ERROR, AllOf(HasSubstr("SQLite itself keeps beside"), HasSubstr("app.db")));
  EXPECT_THAT(db_->Try("CREATE VIRTUAL TABLE a USING sv_log(path = 'app.db-" + name_ + "')"),
              refused);
  EXPECT_THAT(db_->Try("CREATE VIRTUAL TABLE a USING sv_log(path = 'x/../app.db-" + name_ + "//')"),
              refused);
  CreateLog();
  fs::create_directory(dir_ / "backup");
  // The second is beside where a backup of the database would be.
  for (const std::string target : {"app.db-", "backup/app.db-"}) {
    EXPECT_THAT(db_->Try("SELECT sv_backup('events', ?1)", {target + name_}), refused);
    EXPECT_FALSE(fs::is_directory(dir_ / (target + name_)));
  }
  EXPECT_EQ(db_->Integer("SELECT sv_backup('events', 'backup/my-" + name_ + "')"), 0);
}

INSTANTIATE_TEST_SUITE_P(JournalModes, SqlitesFilesTest,
                         ::testing::Combine(::testing::Values("DELETE", "WAL"),
                                            ::testing::Values("journal", "wal", "shm",
                                                              "mj01ABEF9A0")));

class NamesTest : public DatabaseTest {
 protected:
  // Another database with a log, a view and documents, attached as `schema`.
  void MakeSecond(const std::string& schema) {
    Attach(schema);
    db_->Run("CREATE VIRTUAL TABLE " + schema + ".ev USING sv_log;" + "CREATE VIRTUAL TABLE " +
             schema + ".v USING sv_view(log = " + schema + ".ev, emit = '$.tag');" +
             "CREATE VIRTUAL TABLE " + schema + ".docs USING sv_docs(log = " + schema + ".ev)");
    db_->Append(schema + ".ev", "a", kTag);
  }
  void Attach(const std::string& schema) { db_->Run("ATTACH ?1 AS " + schema, {second_}); }
  const std::string second_ = dir_ / "second.db";
};

TEST_F(NamesTest, FilesOfAttachedDatabasesAreKeptFree) {
  Attach("b");
  db_->Run("CREATE TABLE b.plain(x)");
  EXPECT_THAT(db_->Try("CREATE VIRTUAL TABLE a USING sv_log(path = 'second.db-wal')"),
              Fails(SQLITE_ERROR, HasSubstr("second.db: choose another name")));
  db_->Run("DETACH b");
  // Also of one that is only there.
  EXPECT_THAT(db_->Try("CREATE VIRTUAL TABLE a USING sv_log(path = 'second.db-wal')"),
              Fails(SQLITE_ERROR, HasSubstr("second.db: choose another name")));
  db_->Run("CREATE VIRTUAL TABLE a USING sv_log(path = 'third.db-wal')");
}

// --- databases that change their names

TEST_F(NamesTest, ADatabaseMayBeAttachedUnderAnotherName) {
  MakeSecond("b");
  EXPECT_THAT(db_->Query("SELECT key, doc_id FROM b.v"), ElementsAre("'cat'|'a'"));
  db_->Run("DETACH b");
  Attach("z");
  db_->Append("z.ev", "b", kTag);
  db_->Run("INSERT INTO z.docs(key, value) VALUES ('c', '{}')");
  EXPECT_EQ(db_->Integer("SELECT sv_append('z.ev', 'd', '{}')"), 4);
  EXPECT_EQ(db_->Integer("SELECT sv_append('ev', 'e', '{}')"), 5);
  db_->Run("CREATE TABLE z.plain(x); BEGIN; INSERT INTO z.plain VALUES (1)");
  db_->Append("z.ev", "f", kTag);
  db_->Run("COMMIT");
  EXPECT_THAT(db_->Query("SELECT doc_id FROM z.v"), ElementsAre("'a'", "'b'", "'f'"));
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM z.docs"), 6);
  EXPECT_EQ(db_->Integer("SELECT sv_wait(6, 'z.v')"), 6);
  db_->Run("DROP TABLE z.v; DROP TABLE z.docs; DROP TABLE z.ev");
  EXPECT_FALSE(fs::exists(second_ + "-ev"));
}

// The mode is that of the log's own database, not of the one that has its old name.
TEST_F(NamesTest, AnotherDatabaseMayTakeTheOldName) {
  MakeSecond("b");
  db_->Run("DETACH b; ATTACH ':memory:' AS b; CREATE TABLE b.plain(x)");
  Attach("z");
  db_->Run("CREATE TABLE z.plain(x)");
  for (int i = 0; i < 3; ++i) {
    db_->Run("BEGIN; INSERT INTO z.plain VALUES (1); INSERT INTO b.plain VALUES (1)");
    db_->Append("z.ev", "b", kTag);
    db_->Run("COMMIT");
  }
  db_->Close();
  Database second(second_);
  EXPECT_EQ(second.Integer("SELECT count(*) FROM ev"), 4);
  EXPECT_EQ(second.Integer("SELECT count(*) FROM v"), 2);
}

TEST_F(NamesTest, ALogOfADetachedDatabaseIsLetGo) {
  MakeSecond("b");
  db_->Run("DETACH b");
  CreateLog();
  fs::rename(second_ + "-ev", second_ + "-kept");
  Attach("b");
  // Were it still open, the directory's name would not matter.
  EXPECT_THAT(db_->Try("SELECT * FROM b.ev"), Fails(SQLITE_CANTOPEN, HasSubstr("is missing")));
}

// Its path leads to the original's log, which that connection has open.
TEST_F(NamesTest, ACopyThatIsAttachedBesideTheOriginalIsTold) {
  db_->Run("CREATE VIRTUAL TABLE events USING sv_log(path = '" + log_dir_ + "')");
  Append("a", "{}");
  db_->Run("VACUUM INTO ?1; ATTACH ?1 AS copy", {dir_ / "copy.db"});
  EXPECT_THAT(db_->Try("SELECT * FROM copy.events"),
              Fails(SQLITE_CANTOPEN, HasSubstr("this database is a copy of it")));
  EXPECT_EQ(Append("b", "{}"), 2);
}

// --- naming logs and views

TEST_F(NamesTest, FunctionsTakeNamesWithASchema) {
  CreateLog();
  MakeSecond("b");
  for (const std::string view : {"v", "b.v", "B.V", "\"b\".[v]", "b.`v`"}) {
    EXPECT_EQ(db_->Query("SELECT key FROM sv_tail(?1, 0, 0)", {view}), Lines{"'cat'"}) << view;
    EXPECT_EQ(db_->Integer("SELECT sv_wait(1, ?1)", {view}), 1) << view;
  }
  for (const std::string log : {"ev", "b.ev", "\"b\".ev", "[ev]", "b.\"ev\""}) {
    EXPECT_EQ(db_->Integer("SELECT sv_head(?1)", {log}), 1) << log;
    EXPECT_EQ(db_->Integer("SELECT sv_seq(?1)", {log}), 1) << log;
    EXPECT_EQ(db_->Integer("SELECT sv_wait(1, ?1)", {log}), 1) << log;
    EXPECT_EQ(db_->Query("SELECT key FROM sv_tail(?1, 0, 0)", {log}), Lines{"'a'"}) << log;
    EXPECT_EQ(db_->Query("SELECT seq FROM sv_history(?1, 'a')", {log}), Lines{"1"}) << log;
    EXPECT_EQ(db_->Integer("SELECT sv_adopt(?1)", {log}), 1) << log;
  }
  EXPECT_EQ(db_->Integer("SELECT sv_append('b.[ev]', 'z', 1)"), 2);
  EXPECT_EQ(db_->Integer("SELECT sv_backup('b.ev', 'copy')"), 2);
  const auto none = Fails(SQLITE_ERROR, HasSubstr("main."));
  EXPECT_THAT(db_->Try("SELECT sv_head('main.ev')"), none);
  EXPECT_THAT(db_->Try("SELECT sv_wait(1, 'main.v')"), none);
  EXPECT_THAT(db_->Try("SELECT * FROM sv_tail('main.v', 0, 0)"), none);
}

TEST_F(NamesTest, OddNamesCanBeSaid) {
  for (const std::string name : {"my log", "a.b", "a\"b", "x'y"}) {
    std::string quoted = "\"";
    for (const char c : name) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
    quoted += "\"";
    db_->Run("CREATE VIRTUAL TABLE " + quoted + " USING sv_log;" +
             "CREATE VIRTUAL TABLE d USING sv_docs(log = main." + quoted + ");" +
             "INSERT INTO d(key, value) VALUES (1, 1)");
    for (const std::string& written : {name, quoted, "main." + quoted, "main." + name}) {
      EXPECT_EQ(db_->Integer("SELECT sv_head(?1)", {written}), 1) << written;
    }
    db_->Run("DROP TABLE d; CREATE VIRTUAL TABLE d USING sv_docs(log = " + quoted + ")");
    EXPECT_EQ(db_->Integer("SELECT count(*) FROM d"), 1);
    db_->Run("DROP TABLE d; DROP TABLE " + quoted);
  }
}

TEST_F(NamesTest, TheOptionLogMayNameTheTablesOwnDatabase) {
  CreateLog();
  MakeSecond("b");
  db_->Run("CREATE VIRTUAL TABLE d USING sv_docs(log = main.events)");
  const auto other = Fails(
      SQLITE_ERROR,
      HasSubstr("option log is b.ev, but the log must be in the database of the table, main"));
  EXPECT_THAT(db_->Try("CREATE VIRTUAL TABLE x USING sv_docs(log = b.ev)"), other);
  EXPECT_THAT(db_->Try("CREATE VIRTUAL TABLE x USING sv_view(log = b.ev, emit = '$')"), other);
  // A log may be called so. In one database the same text can mean both; that log goes first.
  db_->Run(
      "CREATE VIRTUAL TABLE \"b.ev\" USING sv_log;"
      "CREATE VIRTUAL TABLE x USING sv_docs(log = b.ev);"
      "INSERT INTO \"b.ev\"(key, value) VALUES ('own', 1)");
  EXPECT_THAT(db_->Query("SELECT key FROM x"), ElementsAre("'own'"));
}

TEST_F(NamesTest, WhatIsNoLogIsSaidToBeWhatItIs) {
  CreateLogAndView();
  db_->Run(
      "CREATE VIRTUAL TABLE docs USING sv_docs(log = main.events); CREATE TABLE plain(x);"
      "CREATE VIEW sql_view AS SELECT 1");
  std::vector<std::pair<std::string, std::string>> kinds = {
      {"docs", "which is an sv_docs table of the log events"},
      {"view_tags", "which is a view of the log events"},
      {"plain", "which is an ordinary table"},
      {"sql_view", "which is a SQL view"},
  };
  // Not every SQLite has it.
  if (db_->Try("CREATE VIRTUAL TABLE text USING fts5(x)").code == SQLITE_OK) {
    kinds.emplace_back("text", "which is a virtual table of fts5");
  }
  for (const auto& [log, what] : kinds) {
    const auto told = Fails(SQLITE_ERROR, HasSubstr("no such log: main." + log + ", " + what));
    EXPECT_THAT(db_->Try("CREATE VIRTUAL TABLE x USING sv_docs(log = " + log + ")"), told);
    EXPECT_THAT(db_->Try("CREATE VIRTUAL TABLE x USING sv_view(log = " + log + ", emit = '$')"),
                told);
    EXPECT_THAT(db_->Try("SELECT sv_head('" + log + "')"),
                Fails(SQLITE_ERROR, "no such log: " + log + ", " + what));
  }
  EXPECT_THAT(db_->Try("SELECT sv_wait(1, 'docs')"),
              Fails(SQLITE_ERROR,
                    "no log and no view is called docs, which is an sv_docs table of "
                    "the log events"));
}

// --- authorizers that hide things

int IgnoreReads(void* table, int action, const char* what, const char*, const char*, const char*) {
  const char* const hidden = static_cast<const char*>(table);
  const bool ignored = action == SQLITE_READ && (hidden == nullptr || std::string(hidden) == what);
  return ignored ? SQLITE_IGNORE : SQLITE_OK;
}
int IgnoreSelects(void*, int action, const char*, const char*, const char*, const char*) {
  return action == SQLITE_SELECT ? SQLITE_IGNORE : SQLITE_OK;
}

TEST_F(NamesTest, WhatAnAuthorizerHidesIsSaidToBeHidden) {
  CreateLogAndView();
  Append("a", "{}");
  Reopen();
  const auto hidden = Fails(SQLITE_ERROR, HasSubstr("authorizer answers SQLITE_IGNORE"));
  char config[] = "events_config";
  char schema[] = "sqlite_master";
  sqlite3_set_authorizer(db_->handle(), IgnoreReads, schema);
  EXPECT_THAT(db_->Try("SELECT sv_head('events')"), hidden);
  for (char* table : {config, static_cast<char*>(nullptr)}) {
    sqlite3_set_authorizer(db_->handle(), IgnoreReads, table);
    EXPECT_THAT(db_->Try("SELECT sv_head('events')"), hidden);
    EXPECT_THAT(db_->Try("INSERT INTO events(value) VALUES (1)"), hidden);
  }
  sqlite3_set_authorizer(db_->handle(), IgnoreSelects, nullptr);
  EXPECT_THAT(db_->Try("INSERT INTO events(value) VALUES (1)"), hidden);
  sqlite3_set_authorizer(db_->handle(), IgnoreReads, config);
  EXPECT_THAT(db_->Try("DROP TABLE view_tags"), hidden);
  EXPECT_THAT(db_->Try("BEGIN; DROP TABLE view_tags"), hidden);
  sqlite3_set_authorizer(db_->handle(), nullptr, nullptr);
  db_->Run("ROLLBACK");
  EXPECT_EQ(Append("b", "{}"), 2);
  db_->Run("DROP TABLE view_tags; DROP TABLE events");
}

// --- copies in memory

TEST_F(NamesTest, ACopyInMemorySaysWhatToDo) {
  CreateLogAndView();
  Append("a", "{}");
  db_->Run("CREATE VIRTUAL TABLE docs USING sv_docs(log = events); CREATE TABLE plain(x)");
  Database copy(":memory:");
  sqlite3_backup* const backup = sqlite3_backup_init(copy.handle(), "main", db_->handle(), "main");
  ASSERT_EQ(sqlite3_backup_step(backup, -1), SQLITE_DONE);
  sqlite3_backup_finish(backup);
  const auto told = Fails(SQLITE_CANTOPEN, AllOf(HasSubstr("this database is in memory"),
                                                 HasSubstr("DROP TABLE \"events\" here")));
  EXPECT_THAT(copy.Try("SELECT * FROM events"), told);
  EXPECT_THAT(copy.Try("SELECT * FROM view_tags"), told);
  EXPECT_THAT(copy.Try("INSERT INTO docs(key, value) VALUES (1, 1)"), told);
  copy.Run(
      "DROP TABLE view_tags; DROP TABLE docs; DROP TABLE events;"
      "CREATE VIRTUAL TABLE events USING sv_log; INSERT INTO events(value) VALUES (1)");
  EXPECT_EQ(db_->Integer("SELECT count(*) FROM events"), 1);
}

TEST_F(NamesTest, AFileThatWasInMemorySaysWhatToDo) {
  Database memory(":memory:");
  memory.Run("CREATE VIRTUAL TABLE events USING sv_log; VACUUM INTO '" + second_ + "'");
  Database file(second_);
  EXPECT_THAT(file.Try("SELECT * FROM events"),
              Fails(SQLITE_CANTOPEN, AllOf(HasSubstr("was in memory"),
                                           HasSubstr("DROP TABLE \"events\", and create"))));
  file.Run("DROP TABLE events; CREATE VIRTUAL TABLE events USING sv_log");
}

// --- SQL views that are stored

TEST_F(NamesTest, AStoredSqlViewOverALogIsRefusedBySqliteAndATemporaryOneIsNot) {
  CreateLog();
  Append("a", "{}");
  db_->Run(
      "CREATE VIEW stored AS SELECT key FROM events; CREATE TEMP VIEW own AS SELECT key FROM "
      "events");
  EXPECT_THAT(db_->Try("SELECT * FROM stored"), Fails(SQLITE_ERROR, HasSubstr("unsafe use")));
  EXPECT_THAT(db_->Query("SELECT * FROM own"), ElementsAre("'a'"));
}

}  // namespace
}  // namespace streamview::testing
