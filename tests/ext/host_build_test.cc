// Hosts whose SQLite is built without something. What a build leaves out is a null pointer in the
// table of functions that an extension gets. A process has one such table, so each test has a
// process of its own.

#include <dlfcn.h>
#include <sqlite3.h>
#include <sqlite3ext.h>

#include <iostream>

#include "tests/ext/testing/child_process.h"
#include "tests/ext/testing/fixture.h"

namespace streamview::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Omit = void (*)(sqlite3_api_routines& functions);
using EntryPoint = int (*)(sqlite3*, char**, const sqlite3_api_routines*);

sqlite3_api_routines g_functions;

int KeepFunctions(sqlite3*, char**, const sqlite3_api_routines* functions) {
  g_functions = *functions;
  return SQLITE_OK;
}

// Loads the extension into `database` with less than SQLite's table of functions.
Outcome LoadWithout(Omit omit, Database& database) {
  const auto keep = reinterpret_cast<void (*)()>(KeepFunctions);
  sqlite3_auto_extension(keep);
  Database(":memory:", Database::Extension::kNone).Close();
  sqlite3_cancel_auto_extension(keep);
  omit(g_functions);

  void* const library = dlopen(STREAMVIEW_SO, RTLD_NOW);
  const auto load = reinterpret_cast<EntryPoint>(dlsym(library, "sqlite3_streamview_init"));
  char* message = nullptr;
  Outcome outcome;
  outcome.code = load(database.handle(), &message, &g_functions);
  outcome.message = message == nullptr ? "" : message;
  sqlite3_free(message);
  return outcome;
}

// Prints what a map by SQL gives, in the database `args[0]`.
int RunWithoutProgressCallbacks(const std::vector<std::string>& args) {
  Database db(args[0], Database::Extension::kNone);
  LoadWithout([](sqlite3_api_routines& functions) { functions.progress_handler = nullptr; }, db);
  db.Run("CREATE VIRTUAL TABLE events USING sv_log");
  std::cout << db.Try(
                     "CREATE VIRTUAL TABLE numbers USING sv_view(log = events, map = ("
                     "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
                     "SELECT i FROM events, n))")
                   .message
            << std::endl;
  // Each row takes as many steps as there are pairs of elements.
  db.Run(
      "CREATE VIRTUAL TABLE pairs USING sv_view(log = events, map = ("
      "SELECT e.value, (SELECT count(*) FROM json_each(events.value) a, json_each(events.value) b) "
      "FROM events, json_each(events.value) e))");
  db.Append("events", "short", "[7,8]");
  db.Run(
      "INSERT INTO events(key, value) SELECT 'long', json_group_array(value) FROM ("
      "WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT 300) "
      "SELECT value FROM n)");
  for (const char* sql : {"SELECT * FROM pairs", "SELECT doc_id, message FROM sv_errors"}) {
    for (const std::string& row : db.Query(sql)) std::cout << row << std::endl;
  }
  db.Close();
  return 0;
}
const ChildProgram kWithoutProgressCallbacks("without-progress-callbacks",
                                             RunWithoutProgressCallbacks);

// Prints the error of loading.
int LoadWithoutAuthorizer(const std::vector<std::string>&) {
  Database db(":memory:", Database::Extension::kNone);
  const auto omit = [](sqlite3_api_routines& functions) { functions.set_authorizer = nullptr; };
  std::cout << LoadWithout(omit, db).message << std::endl;
  return 0;
}
const ChildProgram kWithoutAuthorizer("without-authorizer", LoadWithoutAuthorizer);

Lines OutputOf(const std::string& program, const std::vector<std::string>& args) {
  ChildProcess child(program, args);
  Lines lines;
  while (const auto line = child.ReadLine()) lines.push_back(*line);
  EXPECT_EQ(child.Wait(), 0);
  return lines;
}

TEST(HostBuildTest, WithoutProgressCallbacksMapsWorkAndCannotRunWithoutEnd) {
  const TempDir dir;
  EXPECT_THAT(
      OutputOf("without-progress-callbacks", {dir / "app.db"}),
      ElementsAre(HasSubstr("SQLITE_OMIT_PROGRESS_CALLBACK"), "7|4|'short'|1", "8|4|'short'|1",
                  "'long'|'the map ran more than 50000000 instructions on this entry'"));
}

TEST(HostBuildTest, WithoutAuthorizersItDoesNotLoad) {
  EXPECT_THAT(OutputOf("without-authorizer", {}), ElementsAre(HasSubstr("authorizers")));
}

}  // namespace
}  // namespace streamview::testing
