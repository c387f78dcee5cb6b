// A database file from a stranger, opened by somebody who expects nothing of the kind. Whatever its
// schema and its tables say: nothing crashes, nothing is written outside of its own directory, and
// no log of another database is touched.

#include <filesystem>
#include <fstream>
#include <map>

#include "tests/ext/testing/files.h"
#include "tests/ext/testing/fixture.h"

namespace streamview::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::_;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// All that is in a directory: a hash of each file.
std::map<std::string, size_t> ReadTree(const fs::path& directory) {
  std::map<std::string, size_t> tree;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(directory)) {
    tree[entry.path()] =
        entry.is_regular_file() ? std::hash<std::string>()(ReadFile(entry)) : size_t{0};
  }
  return tree;
}

std::string Quoted(const std::string& text) { return ToLiteral(text); }

// An entry of the schema that no CREATE would make.
std::string SchemaEntry(const std::string& name, const std::string& sql) {
  return "INSERT INTO sqlite_schema VALUES ('table', " + Quoted(name) + ", " + Quoted(name) +
         ", 0, " + Quoted(sql) + ");";
}

std::string VirtualTable(const std::string& name, const std::string& module) {
  return SchemaEntry(name, "CREATE VIRTUAL TABLE " + name + " USING " + module);
}

// A log and its configuration; `rows`: further ones, such as "('path', 'x')".
std::string Log(const std::string& name, const std::string& rows,
                const std::string& id = "0123456789abcdef0123456789abcdef") {
  return "CREATE TABLE " + name + "_config(key TEXT PRIMARY KEY, value) WITHOUT ROWID;" +
         "INSERT INTO " + name + "_config VALUES ('log_id', " + Quoted(id) + "), " + rows + ";" +
         VirtualTable(name, "sv_log");
}

std::string Repeat(const std::string& text, int n) {
  std::string result;
  for (int i = 0; i < n; i++) result += text;
  return result;
}

std::string View(const std::string& map) {
  return Log("events", "('suffix', 'events'), ('view.v', 'v')") +
         VirtualTable("v", "sv_view(log = events, map = (" + map + "))");
}

struct Scenario {
  std::string name;
  std::string sql;  // <victim>: its directory; <id>: that of its log
};

void PrintTo(const Scenario& scenario, std::ostream* out) { *out << scenario.name; }

std::vector<Scenario> Paths() {
  const auto path = [](const std::string& value, const std::string& id) {
    return Log("events", "('path', " + value + ")", id);
  };
  std::vector<Scenario> scenarios;
  const std::pair<const char*, const char*> places[] = {
      {"AnotherDatabasesLog", "'<victim>/app.db-events'"},
      {"AnotherDatabasesLogByDots", "'../victim/app.db-events'"},
      {"AnotherDatabasesDirectory", "'<victim>'"},
      {"AnotherDatabase", "'<victim>/app.db'"},
      {"ItsOwnDirectory", "'.'"},
      {"ItsOwnFile", "'hostile.db'"},
      {"TheRoot", "'/'"},
      {"TheProcess", "'/proc/self'"},
      {"ADevice", "'/dev/zero'"},
      {"NewOutside", "'<victim>/new'"},
      {"NewByDots", "'../../new'"},
      {"Nothing", "''"},
      {"Null", "NULL"},
      {"ABlob", "x'2f00ff'"},
      {"ZeroByte", "CAST(x'2e2e2f76696374696d00' AS TEXT)"},
      {"TooLong", "printf('%.*c', 100000, 'x')"},
      {"ManyDots", "printf('%s', replace(hex(zeroblob(2000)), '00', '../')) || 'new'"},
  };
  for (const auto& [name, place] : places) {
    scenarios.push_back(
        {std::string("Path") + name, path(place, "00000000000000000000000000000000")});
    scenarios.push_back({std::string("StolenIdPath") + name, path(place, "<id>")});
  }
  return scenarios;
}

std::vector<Scenario> Configurations() {
  return {
      {"SuffixWithDots", Log("events", "('suffix', '/../../victim/app.db-events')", "<id>")},
      {"SuffixAndPath",
       Log("events", "('suffix', 'x'), ('path', '<victim>/app.db-events')", "<id>")},
      {"NoDirectory", Log("events", "('sync', 'full')")},
      {"BadSync", Log("events", "('suffix', 'x'), ('sync', x'00')")},
      {"IdIsABlob", Log("events", "('suffix', 'x')", "") +
                        "UPDATE events_config SET value = zeroblob(1000000) WHERE key = 'log_id';"},
      {"ViewsWithoutEnd",
       Log("events", "('suffix', 'events')") +
           "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 10000) "
           "INSERT INTO events_config SELECT 'view.' || i, '../../../' || i FROM n;"},
      {"ConfigurationIsItsOwnLog",
       VirtualTable("events_config", "sv_log") + VirtualTable("events", "sv_log")},
      {"ConfigurationIsItsOwnDocuments",
       VirtualTable("events_config", "sv_docs(log = events)") + VirtualTable("events", "sv_log")},
      {"ConfigurationIsItsOwnView",
       VirtualTable("events_config", "sv_view(log = events, emit = '$', value = '$')") +
           VirtualTable("events", "sv_log")},
      {"ConfigurationsInACircle", VirtualTable("a_config", "sv_docs(log = b)") +
                                      VirtualTable("b_config", "sv_docs(log = a)") +
                                      VirtualTable("a", "sv_log") + VirtualTable("b", "sv_log")},
      {"ConfigurationIsAView",
       "CREATE VIEW events_config AS SELECT 'log_id' AS key, '<id>' AS value UNION ALL "
       "SELECT 'path', '<victim>/app.db-events';" +
           VirtualTable("events", "sv_log")},
      {"ConfigurationWithTriggers",
       Log("events", "('path', '../victim/app.db-events')") +
           "CREATE TRIGGER g BEFORE DELETE ON events_config BEGIN SELECT raise(IGNORE); END;"},
      {"NoConfiguration", VirtualTable("events", "sv_log")},
      {"TheHiddenTableIsATable",
       "CREATE TABLE sv_transaction(ending);" + Log("events", "('suffix', 'events')")},
      {"InternalModules", VirtualTable("a", "sv_transaction") + VirtualTable("b", "sv_status") +
                              VirtualTable("c", "sv_errors") + VirtualTable("d", "sv_history")},
      {"TwoTablesOfOneDirectory",
       Log("a", "('path', 'shared')") + Log("b", "('path', '../hostile/shared')")},
  };
}

std::vector<Scenario> Definitions() {
  std::string many_views = Log("events", "('suffix', 'events')");
  for (int i = 0; i < 200; i++) {
    const std::string name = "v" + std::to_string(i);
    many_views += "INSERT INTO events_config VALUES ('view." + name + "', 'x');" +
                  VirtualTable(name, "sv_view(log = events, emit = '$')");
  }
  return {
      {"ViewOnItself", VirtualTable("v", "sv_view(log = v, emit = '$')")},
      {"ViewOnItselfThatSaysItIsALog",
       "CREATE TABLE v_config(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
       "INSERT INTO v_config VALUES ('log_id', 'x'), ('suffix', 'v'), ('view.v', 'v');" +
           VirtualTable("v", "sv_view(log = v, map = (SELECT v.value AS key FROM v))")},
      {"ViewOnAView", Log("events", "('suffix', 'events'), ('view.v', 'v')") +
                          VirtualTable("v", "sv_view(log = events, emit = '$')") +
                          VirtualTable("w", "sv_view(log = v, emit = '$')")},
      {"DocumentsOfThemselves", VirtualTable("d", "sv_docs(log = d)")},
      {"HundredsOfViews", many_views},
      {"MapOfAMegabyte", View("SELECT '" + std::string(1'000'000, 'x') + "' AS key FROM events")},
      {"TenThousandUnions", View("SELECT value AS key FROM events" +
                                 Repeat(" UNION ALL SELECT value FROM events", 10'000))},
      {"DeeplyNested",
       View("SELECT " + Repeat("(", 20'000) + "1" + Repeat(")", 20'000) + " AS key FROM events")},
      {"DeeplyNestedSelects", View("SELECT " + Repeat("(SELECT ", 500) + "value" +
                                   Repeat(")", 500) + " AS key FROM events")},
      {"EndlessMap", View("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
                          "SELECT count(*) AS key FROM events, n")},
      {"HugeValues", View("SELECT hex(zeroblob(400000000)) || hex(zeroblob(400000000)) AS key "
                          "FROM events")},
      {"SlowFunctions",
       View("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
            "SELECT instr(zeroblob(100000000), zeroblob(50000000) || x'01') AS key "
            "FROM events, n")},
      {"ThreeThousandColumns", View("SELECT value AS key" +
                                    [] {
                                      std::string columns;
                                      for (int i = 0; i < 3000; i++)
                                        columns += ", 1 AS c" + std::to_string(i);
                                      return columns;
                                    }() +
                                    " FROM events")},
      {"NoSuchOptions", VirtualTable("v", "sv_view(" + Repeat("x = y,", 10'000) + "z)")},
      {"AnOptionOfAMegabyte",
       VirtualTable("v", "sv_view(log = events, emit = '$." + std::string(1'000'000, 'x') + "')")},
      {"AHundredThousandSteps",
       Log("events", "('suffix', 'events'), ('view.v', 'v')") +
           VirtualTable("v", "sv_view(log = events, emit = '$" + Repeat("[*]", 100'000) + "')")},
      {"NumbersPastTheirEnds",
       VirtualTable("v", "sv_view(log = events, emit = '$', keys = 99999999999999999999)") +
           VirtualTable("w", "sv_view(log = events, emit = '$', keys = 62)") +
           VirtualTable("u", "sv_view(log = events, emit = '$[18446744073709551616]')")},
      {"TableCalledAsItsColumns",
       VirtualTable("seq", "sv_log") + VirtualTable("doc_id", "sv_view(log = seq, emit = '$')")},
      {"LogsCalledAsTablesOfSqlite",
       VirtualTable("v",
                    "sv_view(log = sqlite_schema, map = (SELECT sql AS key FROM "
                    "sqlite_schema))") +
           VirtualTable("w",
                        "sv_view(log = json_each, map = (SELECT value AS key FROM json_each))")},
      {"OtherTypesOfEntries",
       "INSERT INTO sqlite_schema VALUES ('index', 'i', 'events', 7, 'CREATE VIRTUAL TABLE i USING "
       "sv_log');" +
           Log("events", "('suffix', 'events')")},
      {"NotWhatItSays", SchemaEntry("v", "CREATE VIRTUAL TABLE other USING sv_log") +
                            SchemaEntry("w", "CREATE TABLE w(a); -- USING sv_log")},
      {"NamesWithDots", VirtualTable("\"../../victim/app.db-events\"", "sv_log")},
  };
}

class HostileTest : public ::testing::Test {
 protected:
  HostileTest() {
    fs::create_directory(victim_);
    fs::create_directory(hostile_);
    Database db(victim_ + "/app.db");
    db.Run("CREATE VIRTUAL TABLE events USING sv_log");
    db.Append("events", "a", "{}");
    const auto rows = db.QueryRows("SELECT value FROM events_config WHERE key = 'log_id'");
    victim_id_ = std::get<std::string>(rows.at(0).at(0));
    db.Close();
    std::ofstream(victim_ + "/notes.txt") << "mine";
    before_ = ReadTree(victim_);
  }

  // What the stranger has made.
  void MakeDatabase(std::string sql) {
    const auto replace = [&sql](const std::string& mark, const std::string& text) {
      for (size_t at; (at = sql.find(mark)) != std::string::npos;)
        sql.replace(at, mark.size(), text);
    };
    replace("<victim>", victim_);
    replace("<id>", victim_id_);
    Database db(hostile_ + "/hostile.db", Database::Extension::kNone);
    sqlite3_db_config(db.handle(), SQLITE_DBCONFIG_DEFENSIVE, 0, nullptr);
    db.Run("PRAGMA writable_schema = ON; CREATE TABLE plain(x); INSERT INTO plain VALUES (1);" +
           sql);
  }

  // What somebody does who has found the file.
  void Use() {
    Database db(hostile_ + "/hostile.db");
    std::vector<std::string> tables;
    for (const Row& row : db.Try("SELECT name FROM sqlite_schema WHERE type = 'table' AND name "
                                 "NOT LIKE '%config' LIMIT 20")
                              .rows) {
      std::string name;
      for (const char c : std::get<std::string>(row.at(0)))
        name += c == '"' ? "\"\"" : std::string(1, c);
      tables.push_back('"' + name + '"');
    }
    for (const std::string sql :
         {"SELECT * FROM sqlite_schema", "PRAGMA table_list", "PRAGMA integrity_check",
          "SELECT * FROM sv_status", "SELECT * FROM sv_errors", "SELECT * FROM sv_history(NULL, 1)",
          "SELECT sv_head()", "SELECT sv_seq()", "SELECT sv_wait(1)",
          "SELECT sv_append(NULL, 1, 2)", "VACUUM", "PRAGMA user_version = 1"}) {
      db.Try(sql);
    }
    for (const std::string& table : tables) UseTable(db, table);
    for (const std::string& table : tables) {
      db.Try("BEGIN; DROP TABLE " + table);
      db.Try("ROLLBACK");
      db.Try("DROP TABLE " + table);
    }
  }

  static void UseTable(Database& db, const std::string& table) {
    db.Try("SELECT * FROM " + table + " LIMIT 10");
    db.Try("SELECT count(*) FROM " + table + " WHERE key = 'a'");
    db.Try("PRAGMA table_info(" + table + ")");
    db.Try("INSERT INTO " + table + "(key, value) VALUES (1, 2)");
    for (const std::string command : {"rebuild", "integrity-check", "flush"}) {
      db.Try("INSERT INTO " + table + "(" + table + ") VALUES ('" + command + "')");
    }
    db.Try("DELETE FROM " + table);
    db.Try("ALTER TABLE " + table + " RENAME TO renamed");
    db.Try("ALTER TABLE renamed RENAME TO " + table);
  }

  void ExpectNothingTouched() {
    EXPECT_EQ(ReadTree(victim_), before_);
    for (const fs::directory_entry& entry : fs::directory_iterator(dir_.path())) {
      EXPECT_THAT(entry.path().filename(), AnyOf("victim", "hostile"));
    }
    for (const fs::directory_entry& entry : fs::directory_iterator(hostile_)) {
      EXPECT_THAT(entry.path().filename().string(), ::testing::StartsWith("hostile.db"));
      EXPECT_FALSE(entry.is_directory()) << entry;  // no CREATE, no directory
    }
  }

  TempDir dir_;
  const std::string victim_ = dir_ / "victim";
  const std::string hostile_ = dir_ / "hostile";
  std::string victim_id_;
  std::map<std::string, size_t> before_;
};

class HostileDatabaseTest : public HostileTest, public ::testing::WithParamInterface<Scenario> {};

TEST_P(HostileDatabaseTest, TouchesNothingOutside) {
  MakeDatabase(GetParam().sql);
  Use();
  ExpectNothingTouched();
}

std::string NameOf(const ::testing::TestParamInfo<Scenario>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Paths, HostileDatabaseTest, ::testing::ValuesIn(Paths()), NameOf);
INSTANTIATE_TEST_SUITE_P(Configurations, HostileDatabaseTest, ::testing::ValuesIn(Configurations()),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(Definitions, HostileDatabaseTest, ::testing::ValuesIn(Definitions()),
                         NameOf);

TEST_F(HostileTest, AStolenIdIsNotEnough) {
  MakeDatabase(Log("events", "('path', '<victim>/app.db-events')", "<id>"));
  Database db(hostile_ + "/hostile.db");
  EXPECT_THAT(db.Try("SELECT * FROM events"),
              Fails(SQLITE_CANTOPEN, HasSubstr("belongs to " + victim_ + "/app.db")));
  EXPECT_THAT(db.Query("SELECT x FROM plain"), ElementsAre("1"));
  db.Run("DROP TABLE events");
  db.Close();
  ExpectNothingTouched();
}

TEST_F(HostileTest, AnotherIdIsRefused) {
  MakeDatabase(Log("events", "('path', '../victim/app.db-events')"));
  Database db(hostile_ + "/hostile.db");
  EXPECT_THAT(db.Try("SELECT * FROM events"),
              Fails(SQLITE_CANTOPEN, HasSubstr("holds log " + victim_id_)));
}

TEST_F(HostileTest, NoDirectoryIsMadeByOpening) {
  MakeDatabase(Log("events", "('path', '../new')"));
  Database db(hostile_ + "/hostile.db");
  EXPECT_THAT(db.Try("INSERT INTO events(value) VALUES (1)"),
              Fails(SQLITE_CANTOPEN, HasSubstr("directory is missing")));
  EXPECT_FALSE(fs::exists(dir_ / "new"));
}

TEST_F(HostileTest, AConfigurationThatIsNoOrdinaryTableIsNone) {
  MakeDatabase(VirtualTable("events_config", "sv_docs(log = events)") +
               VirtualTable("events", "sv_log"));
  Database db(hostile_ + "/hostile.db");
  const auto told = Fails(SQLITE_CANTOPEN, HasSubstr("the table events_config"));
  EXPECT_THAT(db.Try("SELECT * FROM events"), told);
  EXPECT_THAT(db.Try("SELECT * FROM events_config"), told);
  EXPECT_THAT(db.Try("SELECT sv_adopt('events')"),
              Fails(SQLITE_CANTOPEN, HasSubstr("cannot be found")));
}

}  // namespace
}  // namespace streamview::testing
