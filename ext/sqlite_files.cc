#include "ext/sqlite_files.h"

#include <sys/stat.h>

#include <string_view>

#include "ext/host_sql.h"

namespace streamview {

namespace {

std::string_view NameOf(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool IsUpperHex(char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'); }

// "-mjXXXXXX9XX"
bool EndsAsSuperJournal(std::string_view path) {
  constexpr size_t kLength = 12;
  if (path.size() < kLength) return false;
  const std::string_view end = path.substr(path.size() - kLength);
  if (!end.starts_with("-mj") || end[9] != '9') return false;
  for (const char c : end.substr(3)) {
    if (!IsUpperHex(c)) return false;
  }
  return true;
}

// The database's part of the name; empty where it is no name of SQLite's.
std::string_view DatabasePart(std::string_view path) {
  for (const std::string_view suffix : {"-journal", "-wal", "-shm"}) {
    if (path.ends_with(suffix)) return path.substr(0, path.size() - suffix.size());
  }
  return EndsAsSuperJournal(path) ? path.substr(0, path.size() - 12) : std::string_view();
}

}  // namespace

Result<std::string> FindSqlitesFile(sqlite3* db, const std::string& path) {
  std::string_view trimmed = path;
  while (trimmed.size() > 1 && trimmed.back() == '/') trimmed.remove_suffix(1);
  const std::string database(DatabasePart(trimmed));
  if (database.empty() || database.back() == '/') return std::string();
  struct stat status;
  if (::stat(database.c_str(), &status) == 0 && S_ISREG(status.st_mode)) return database;
  SV_ASSIGN_OR_RETURN(HostStatement databases,
                      HostStatement::Prepare(db, "SELECT name FROM pragma_database_list"));
  for (;;) {
    SV_ASSIGN_OR_RETURN(const bool row, databases.Step());
    if (!row) return std::string();
    const std::string file = DatabaseFile(db, std::string(databases.Text(0)));
    if (!file.empty() && NameOf(file) == NameOf(database)) return file;
  }
}

}  // namespace streamview
