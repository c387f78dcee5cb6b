#include "hold/held_database.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <utility>

#include "core/base/errno_text.h"

namespace streamview::hold {

namespace {

// How long SQLite waits for locks.
constexpr int kBusyTimeoutMs = 5000;
// What cannot be opened is tried again after a while, and then after twice that.
constexpr std::chrono::milliseconds kFirstPause{100};
constexpr std::chrono::milliseconds kLongestPause{60'000};
// The kernel tells that a file is closed a moment before it takes away its lock.
constexpr std::chrono::milliseconds kAfterClose{1000};

constexpr char kKeepsWritersOut[] =
    " cannot be written by this process, and nobody could write to the log while it is held so: "
    "run this as a user who may";

constexpr char kListLogs[] =
    "SELECT name, definition, holder, last_error FROM sv_status "
    "WHERE kind = 'log' AND schema = 'main'";

// The file that the process which holds a log has open and locked (docs/format.md).
std::string HolderFile(const std::string& directory) { return directory + "/HOLDER"; }

// Ids of processes do not tell: the other one may be in another namespace of them.
bool HasOpen(const std::string& path) {
  struct stat wanted;
  if (::stat(path.c_str(), &wanted) != 0) return false;
  DIR* const fds = ::opendir("/proc/self/fd");
  if (fds == nullptr) return false;
  bool found = false;
  while (const dirent* entry = ::readdir(fds)) {
    struct stat open;
    found = ::fstat(std::atoi(entry->d_name), &open) == 0 && open.st_dev == wanted.st_dev &&
            open.st_ino == wanted.st_ino;
    if (found) break;
  }
  ::closedir(fds);
  return found;
}

std::string TextOf(sqlite3_stmt* row, int column) {
  const unsigned char* const text = sqlite3_column_text(row, column);
  return text == nullptr ? "" : reinterpret_cast<const char*>(text);
}

// What the running or last call on the connection failed with.
Status ErrorOf(sqlite3* db) {
  const int code = sqlite3_errcode(db);
  const bool may_pass = code == SQLITE_BUSY || code == SQLITE_LOCKED;
  return Status(may_pass ? StatusCode::kBusy : StatusCode::kCannotOpen, sqlite3_errmsg(db));
}

// Calls `take` with each row.
template <typename Take>
Status Query(sqlite3* db, const char* sql, const Take& take) {
  sqlite3_stmt* prepared = nullptr;
  if (sqlite3_prepare_v2(db, sql, -1, &prepared, nullptr) != SQLITE_OK) return ErrorOf(db);
  const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement(prepared, sqlite3_finalize);
  int step;
  while ((step = sqlite3_step(prepared)) == SQLITE_ROW) take(prepared);
  return step == SQLITE_DONE ? Status::Ok() : ErrorOf(db);
}

bool WasMoved(sqlite3* db) {
  int moved = 0;
  return sqlite3_file_control(db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK &&
         moved != 0;
}

// The first bytes of the database file, read without any lock; what cannot be read is left out.
std::string ReadHeader(sqlite3* db) {
  sqlite3_file* file = nullptr;
  if (sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK) return "";
  std::string header(100, '\0');
  const bool read = file != nullptr && file->pMethods != nullptr &&
                    file->pMethods->xRead(file, header.data(), 100, 0) == SQLITE_OK;
  return read ? header : "";
}

}  // namespace

Result<std::unique_ptr<HeldDatabase>> HeldDatabase::Open(const std::string& path,
                                                         const std::string& extension) {
  std::unique_ptr<HeldDatabase> held(new HeldDatabase(path, extension));
  SV_RETURN_IF_ERROR(held->watch_.Begin());
  SV_ASSIGN_OR_RETURN(held->db_, held->Connect());
  if (sqlite3_db_readonly(held->db_.get(), "main") != 0) {
    return Status(StatusCode::kReadOnly, "the database file" + std::string(kKeepsWritersOut));
  }
  const Result<bool> opened = held->Refresh();
  if (!opened.ok() && opened.status().code() != StatusCode::kBusy) return opened.status();
  held->Schedule(opened.ok() && *opened);
  return held;
}

Result<HeldDatabase::Connection> HeldDatabase::Connect() const {
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(path_.c_str(), &opened, SQLITE_OPEN_READWRITE, nullptr);
  Connection db(opened);
  if (code != SQLITE_OK) {
    struct stat status;
    if (::stat(path_.c_str(), &status) != 0) {
      return Status::CannotOpen(ErrnoText() + "; create the database first");
    }
    return db == nullptr ? Status::NoMemory() : ErrorOf(opened);
  }
  (void)sqlite3_busy_timeout(opened, kBusyTimeoutMs);
  (void)sqlite3_db_config(opened, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 1, nullptr);
  char* message = nullptr;
  const int loaded = sqlite3_load_extension(opened, extension_.c_str(), nullptr, &message);
  const std::unique_ptr<char, void (*)(void*)> freed(message, sqlite3_free);
  if (loaded != SQLITE_OK) {
    return Status::CannotOpen("the extension cannot be loaded: " +
                              std::string(message != nullptr ? message : sqlite3_errstr(loaded)));
  }
  // The database is looked at only now.
  SV_RETURN_IF_ERROR(Query(opened, "PRAGMA schema_version", [](sqlite3_stmt*) {}));
  return db;
}

Result<std::vector<HeldDatabase::Log>> HeldDatabase::OpenLogs(sqlite3* db) {
  std::vector<Log> logs;
  SV_RETURN_IF_ERROR(Query(db, kListLogs, [&](sqlite3_stmt* row) {
    Log& log = logs.emplace_back();
    log.name = TextOf(row, 0);
    log.holder = TextOf(row, 2);
    log.error = TextOf(row, 3);
    // One that does not answer is no process.
    if (log.holder.empty() || log.holder == "0") return;
    log.directory = TextOf(row, 1);
    log.is_held = HasOpen(HolderFile(log.directory));
  }));
  return logs;
}

Status HeldDatabase::Look() {
  const std::set<FileWatch::Kind> events = watch_.Take();
  if (WasMoved(db_.get())) return Status::CannotOpen("was deleted, moved or replaced");
  const bool is_closed = events.contains(FileWatch::Kind::kClosed);
  const bool is_due = next_look_ && *next_look_ <= Clock::now();
  const bool is_written = events.contains(FileWatch::Kind::kWritten) && SchemaMayHaveChanged();
  if (!is_closed && !is_due && !is_written) return Status::Ok();
  const Result<bool> refreshed = Refresh();
  if (refreshed.status().code() == StatusCode::kReadOnly) return refreshed.status();
  if (!refreshed.ok()) {
    std::fprintf(stderr, "%s: %s\n", path_.c_str(), refreshed.status().message().c_str());
  }
  const bool all_open = refreshed.ok() && *refreshed;
  Schedule(all_open);
  if (is_closed && all_open) next_look_ = Clock::now() + kAfterClose;
  return Status::Ok();
}

void HeldDatabase::Schedule(bool all_open) {
  pause_ = all_open ? pause_.zero() : std::clamp(2 * pause_, kFirstPause, kLongestPause);
  next_look_.reset();
  if (!all_open) next_look_ = Clock::now() + pause_;
}

// In the rollback modes a reader can be in the way of a COMMIT, so the number of the schema is read
// without a lock there: if that is a number that does not count yet, the change follows it.
bool HeldDatabase::SchemaMayHaveChanged() {
  constexpr size_t kWriteVersion = 18, kSchemaCookie = 40, kCookieSize = 4;
  const std::string header = ReadHeader(db_.get());
  std::string mark;
  if (header.empty()) return true;
  if (header[kWriteVersion] == 2) {  // WAL
    const Status read = Query(db_.get(), "PRAGMA schema_version",
                              [&](sqlite3_stmt* row) { mark = "wal " + TextOf(row, 0); });
    if (!read.ok()) return true;
  } else {
    mark = header.substr(kSchemaCookie, kCookieSize);
  }
  return std::exchange(schema_mark_, mark) != mark;
}

Result<bool> HeldDatabase::Refresh() {
  std::vector<Log> logs;
  for (bool again = true; again;) {
    // What happens from here on makes this be called again.
    (void)SchemaMayHaveChanged();
    SV_ASSIGN_OR_RETURN(logs, OpenLogs(db_.get()));
    SV_ASSIGN_OR_RETURN(again, WatchFiles(logs));
  }
  const auto is_open = [&](const std::string& directory) {
    return std::any_of(logs.begin(), logs.end(),
                       [&](const Log& log) { return log.directory == directory; });
  };
  const bool all_open = !is_open("");
  if (all_open && !std::all_of(directories_.begin(), directories_.end(), is_open)) {
    // A connection keeps what it has opened. A second one keeps the logs that are there still.
    SV_ASSIGN_OR_RETURN(Connection other, Connect());
    SV_ASSIGN_OR_RETURN(logs, OpenLogs(other.get()));
    db_ = std::move(other);
  }
  directories_.clear();
  for (const Log& log : logs) {
    if (log.directory.empty()) continue;
    directories_.push_back(log.directory);
    if (::access(log.directory.c_str(), W_OK) == 0) continue;
    return Status(StatusCode::kReadOnly, log.directory + kKeepsWritersOut);
  }
  Report(logs);
  return all_open;
}

Result<bool> HeldDatabase::WatchFiles(const std::vector<Log>& logs) {
  const char* const file = sqlite3_db_filename(db_.get(), "main");
  bool is_new = false;
  for (const char* name : {file, sqlite3_filename_wal(file)}) {
    SV_ASSIGN_OR_RETURN(const bool added, watch_.Add(name, FileWatch::Kind::kWritten));
    is_new |= added;
  }
  std::set<std::string> holders;
  for (const Log& log : logs) {
    if (log.directory.empty() || log.is_held) continue;
    const std::string holder = HolderFile(log.directory);
    holders.insert(holder);
    SV_ASSIGN_OR_RETURN(const bool added, watch_.Add(holder, FileWatch::Kind::kClosed));
    is_new |= added;
  }
  watch_.KeepOnly(holders, FileWatch::Kind::kClosed);
  return is_new;
}

void HeldDatabase::Report(const std::vector<Log>& logs) {
  std::map<std::string, std::string> states;
  for (const Log& log : logs) {
    std::string& state = states[log.name];
    if (log.directory.empty()) {
      state = log.error;
    } else if (log.is_held) {
      state = "held";
    } else {
      state = "used by way of process " + log.holder + ", and held once that lets go of it";
    }
    const auto reported = states_.find(log.name);
    if (reported != states_.end() && reported->second == state) continue;
    std::fprintf(stderr, "%s: log %s: %s\n", path_.c_str(), log.name.c_str(), state.c_str());
  }
  for (const auto& [name, state] : states_) {
    if (states.contains(name)) continue;
    std::fprintf(stderr, "%s: log %s: dropped, or renamed\n", path_.c_str(), name.c_str());
  }
  states_ = std::move(states);
}

}  // namespace streamview::hold
