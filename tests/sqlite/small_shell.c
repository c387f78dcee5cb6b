/* A shell for versions of SQLite that come without one: it reads SQL and `.load <file>` from its
** standard input, and prints rows as the sqlite3 shell does. Ends at the first error, with status 1.
**
**   small_shell <database>
*/

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int PrintRow(void* unused, int columns, char** values, char** names) {
  int i;
  (void)unused;
  (void)names;
  for (i = 0; i < columns; i++) printf("%s%s", i > 0 ? "|" : "", values[i] ? values[i] : "");
  printf("\n");
  return 0;
}

static void Fail(const char* message) {
  fflush(stdout);
  fprintf(stderr, "Error: %s\n", message);
  exit(1);
}

static void Load(sqlite3* db, char* file) {
  char* message = NULL;
  file[strcspn(file, "\n")] = '\0';
  if (sqlite3_load_extension(db, file, NULL, &message) != SQLITE_OK) Fail(message);
}

static void Run(sqlite3* db, const char* sql) {
  char* message = NULL;
  if (sqlite3_exec(db, sql, PrintRow, NULL, &message) != SQLITE_OK) Fail(message);
}

int main(int argc, char** argv) {
  static const char kLoad[] = ".load ";
  sqlite3* db;
  char* line = NULL;
  size_t capacity = 0;
  char* sql = NULL;

  if (argc != 2) {
    fprintf(stderr, "usage: small_shell <database>\n");
    return 2;
  }
  if (sqlite3_open(argv[1], &db) != SQLITE_OK) Fail(sqlite3_errmsg(db));
  sqlite3_enable_load_extension(db, 1);
  while (getline(&line, &capacity, stdin) > 0) {
    if (sql == NULL && strncmp(line, kLoad, strlen(kLoad)) == 0) {
      Load(db, line + strlen(kLoad));
      continue;
    }
    /* "%z" frees what it prints. */
    sql = sql == NULL ? sqlite3_mprintf("%s", line) : sqlite3_mprintf("%z%s", sql, line);
    if (sql == NULL) Fail("out of memory");
    if (sqlite3_complete(sql)) {
      Run(db, sql);
      sqlite3_free(sql);
      sql = NULL;
    }
  }
  if (sql != NULL) Run(db, sql);
  sqlite3_free(sql);
  free(line);
  return sqlite3_close(db) == SQLITE_OK ? 0 : 1;
}
