// What opens logs, writes or waits can be used in statements, and not by what is stored in a
// database: triggers, views, generated columns, CHECK, indexes, defaults. Whether the schema is
// trusted or not.

#include <filesystem>

#include "tests/ext/testing/fixture.h"

namespace streamview::testing {
namespace {

using ::testing::_;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kCalls[] = {
    "sv_wait(0)",
    "sv_wait(0, 'events')",
    "sv_wait(0, 'events', 0)",
    "sv_append('events', 'hostile', '{}')",
    "sv_adopt('events')",
    "sv_seq()",
    "sv_seq('events')",
    "sv_head()",
    "sv_head('events')",
    "sv_backup('events', 'copy')",
    "sv_consistency()",
    "sv_consistency('latest')",
    "sv_cache_size()",
    "sv_cache_size('8 MB')",
};

constexpr const char* kTables[] = {"events",    "tags",       "assets",        "sv_status",
                                   "sv_errors", "sv_history", "sv_transaction"};

// The schema is made without the extension, as by somebody else: there the functions are harmless.
class DirectOnlyTest : public DatabaseTest, public ::testing::WithParamInterface<bool> {
 protected:
  DirectOnlyTest() {
    CreateLog();
    db_->Run(
        "CREATE VIRTUAL TABLE tags USING sv_view(log = events, emit = '$.t');"
        "CREATE VIRTUAL TABLE assets USING sv_docs(log = events);"
        "CREATE TABLE plain(a)");
    Append("a", "{}");
  }
  void MakeSchema(const std::string& sql) {
    db_->Close();
    Database other(path_, Database::Extension::kNone);
    for (const char* name : {"sv_wait", "sv_append", "sv_adopt", "sv_seq", "sv_head", "sv_backup",
                             "sv_consistency", "sv_cache_size"}) {
      sqlite3_create_function(
          other.handle(), name, -1, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, nullptr,
          [](sqlite3_context* context, int, sqlite3_value**) { sqlite3_result_int(context, 1); },
          nullptr, nullptr);
    }
    other.Run(sql);
    other.Close();
    db_ = Connect();
    db_->Run(GetParam() ? "PRAGMA trusted_schema = ON" : "PRAGMA trusted_schema = OFF");
  }
  void ExpectUnsafe(const std::string& sql) {
    EXPECT_THAT(db_->Try(sql), Fails(SQLITE_ERROR, HasSubstr("unsafe use of"))) << sql;
  }
  void TearDown() override {
    EXPECT_EQ(db_->Integer("SELECT sv_head('events')"), 1);
    EXPECT_THAT(db_->Query("SELECT sv_consistency()"), ElementsAre("'session'"));
  }
};

TEST_P(DirectOnlyTest, NoFunctionIsCalledByTheSchema) {
  std::string schema;
  const int count = std::size(kCalls);
  for (int i = 0; i < count; i++) {
    const std::string n = std::to_string(i), call = kCalls[i];
    schema += "CREATE VIEW view" + n + " AS SELECT " + call + " AS x;" + "CREATE TABLE triggered" +
              n + "(a); CREATE TRIGGER trigger" + n + " AFTER INSERT ON triggered" + n +
              " BEGIN SELECT " + call + "; END;" + "CREATE TABLE defaulted" + n +
              "(a, b DEFAULT (" + call + "));";
  }
  MakeSchema(schema);
  for (int i = 0; i < count; i++) {
    SCOPED_TRACE(kCalls[i]);
    const std::string n = std::to_string(i);
    ExpectUnsafe("SELECT * FROM view" + n);
    ExpectUnsafe("INSERT INTO triggered" + n + " VALUES (1)");
    ExpectUnsafe("INSERT INTO defaulted" + n + "(a) VALUES (1)");
  }
}

// SQLite 3.40 lets a CHECK constraint call functions that are not deterministic. A newer one takes
// a schema with such a call for malformed, as a whole.
TEST_P(DirectOnlyTest, NoCheckConstraintWritesWaitsOrChangesTheConnection) {
  constexpr const char* kCallsThatAct[] = {"sv_wait(0)",
                                           "sv_wait(0, 'events')",
                                           "sv_wait(9, 'events', 1000000000)",
                                           "sv_append('events', 'hostile', '{}')",
                                           "sv_adopt('events')",
                                           "sv_backup('events', 'copy')",
                                           "sv_consistency('eventual')",
                                           "sv_cache_size('8 MB')"};
  std::string schema, drop;
  for (const std::string call : kCallsThatAct) {
    const std::string name = "checked" + std::to_string(schema.size());
    schema += "CREATE TABLE " + name + "(a CHECK (" + call + "));";
    drop += "DROP TABLE " + name + ";";
  }
  MakeSchema(schema);
  const Outcome found = db_->Try("SELECT name, sql FROM sqlite_schema WHERE name LIKE 'checked%'");
  if (found.code != SQLITE_OK) {
    EXPECT_THAT(found, Fails(SQLITE_CORRUPT, HasSubstr("unsafe use of")));
    MakeSchema(drop);
    GTEST_SKIP() << "SQLite refuses the schema before it calls a function";
  }
  const auto& tables = found.rows;
  EXPECT_EQ(tables.size(), std::size(kCallsThatAct));
  for (const Row& table : tables) {
    const std::string insert = "INSERT INTO " + std::get<std::string>(table[0]) + " VALUES (1)";
    EXPECT_THAT(db_->Try(insert), Fails(SQLITE_MISUSE, _)) << std::get<std::string>(table[1]);
    EXPECT_NE(db_->Try("BEGIN; " + insert).code, SQLITE_OK);
    db_->Run("ROLLBACK");
  }
  EXPECT_FALSE(std::filesystem::exists(dir_ / "copy"));
}

// SQLite looks at these as it reads the schema: they are not deterministic.
TEST_P(DirectOnlyTest, NoFunctionIsPartOfATable) {
  MakeSchema("");
  for (const std::string call : kCalls) {
    for (const std::string& sql :
         {"CREATE TABLE t(a, b AS (" + call + "))", "CREATE INDEX i ON plain((a + " + call + "))",
          "CREATE INDEX i ON plain(a) WHERE " + call}) {
      EXPECT_THAT(db_->Try(sql),
                  Fails(SQLITE_ERROR, AnyOf(HasSubstr("non-deterministic functions prohibited"),
                                            HasSubstr("unsafe use of"))))
          << sql;
    }
  }
}

TEST_P(DirectOnlyTest, NoTableIsReadOrWrittenByTheSchema) {
  std::string schema;
  for (const std::string table : kTables) {
    schema += "CREATE VIEW view_" + table + " AS SELECT * FROM " + table + ";" +
              "CREATE TABLE reads_" + table + "(a); CREATE TRIGGER read_" + table +
              " AFTER INSERT ON reads_" + table + " BEGIN SELECT * FROM " + table + "; END;";
  }
  for (const std::string column :
       {"events.key", "tags.tags", "assets.key", "sv_transaction.ending"}) {
    const std::string table = column.substr(0, column.find('.'));
    schema += "CREATE TABLE writes_" + table + "(a); CREATE TRIGGER write_" + table +
              " AFTER INSERT ON writes_" + table + " BEGIN INSERT INTO " + table + "(" +
              column.substr(table.size() + 1) + ") VALUES (1); END;";
  }
  MakeSchema(schema);
  for (const std::string table : kTables) {
    SCOPED_TRACE(table);
    ExpectUnsafe("SELECT * FROM view_" + table);
    ExpectUnsafe("INSERT INTO reads_" + table + " VALUES (1)");
  }
  for (const std::string table : {"events", "tags", "assets", "sv_transaction"}) {
    ExpectUnsafe("INSERT INTO writes_" + table + " VALUES (1)");
  }
}

TEST_P(DirectOnlyTest, WhatTheConnectionMakesItselfIsTrusted) {
  MakeSchema("");
  db_->Run("CREATE TEMP VIEW mine AS SELECT key FROM events WHERE seq <= sv_head('events')");
  EXPECT_THAT(db_->Query("SELECT * FROM mine"), ElementsAre("'a'"));
}

TEST_P(DirectOnlyTest, TheVersionIsHarmless) {
  MakeSchema("CREATE VIEW version AS SELECT sv_version() AS v");
  EXPECT_EQ(db_->Integer("SELECT json_valid(v) FROM version"), 1);
}

INSTANTIATE_TEST_SUITE_P(Schema, DirectOnlyTest, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "Trusted" : "Untrusted"; });

}  // namespace
}  // namespace streamview::testing
