// HeldDatabase: one SQLite database, of which this process holds the logs.
//
// A log that another process holds is used by way of that one, as by any client, and held as soon
// as that one lets go of it. That is noticed by the closing of the file HOLDER in the log's
// directory; logs that are created or dropped later, by writes to the database. So nothing is done
// while nothing happens.

#pragma once

#include <sqlite3.h>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "hold/file_watch.h"

namespace streamview::hold {

// One thread at a time.
class HeldDatabase {
 public:
  using Clock = std::chrono::steady_clock;

  // Opens a database that exists, and its logs. `extension` is the library's path, or its name. A
  // log that cannot be opened is reported on stderr and tried again. Errors: kCannotOpen,
  // kReadOnly.
  static Result<std::unique_ptr<HeldDatabase>> Open(const std::string& path,
                                                    const std::string& extension);

  // Look is to be called when the descriptor is readable, and when this time has come, if any.
  int fd() const { return watch_.fd(); }
  std::optional<Clock::time_point> next_look() const { return next_look_; }
  // Sees what has happened, and opens and closes logs accordingly. Errors: kCannotOpen, kReadOnly:
  // the database is not there any more, or can no longer be written.
  Status Look();

 private:
  struct Closer {
    void operator()(sqlite3* db) const { (void)sqlite3_close_v2(db); }
  };
  using Connection = std::unique_ptr<sqlite3, Closer>;
  struct Log {
    std::string name;
    std::string directory;  // empty: it cannot be opened
    std::string holder;     // the id of a process
    std::string error;
    bool is_held = false;  // by this process
  };

  HeldDatabase(std::string path, std::string extension)
      : path_(std::move(path)), extension_(std::move(extension)) {}
  Result<Connection> Connect() const;
  // Opens all logs of the database. Errors: those of reading the database.
  static Result<std::vector<Log>> OpenLogs(sqlite3* db);
  // Opens, closes and reports what has changed. Returns whether all logs are open. Errors:
  // kReadOnly, and those of reading the database.
  Result<bool> Refresh();
  // Whether what logs there are may have changed since this was called last. Takes no lock where
  // that would disturb writers.
  bool SchemaMayHaveChanged();
  // Returns whether some were not watched before: something may have happened to them.
  Result<bool> WatchFiles(const std::vector<Log>& logs);
  // Says what is new.
  void Report(const std::vector<Log>& logs);
  // Sets when to look again.
  void Schedule(bool all_open);

  const std::string path_;
  const std::string extension_;
  FileWatch watch_;
  Connection db_;
  std::string schema_mark_;                    // changes when the schema does
  std::map<std::string, std::string> states_;  // of each log, as reported
  std::vector<std::string> directories_;       // of the logs that db_ has open
  std::optional<Clock::time_point> next_look_;
  std::chrono::milliseconds pause_{0};  // from one failed attempt to the next
};

}  // namespace streamview::hold
