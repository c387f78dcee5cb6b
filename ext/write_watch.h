// WriteWatch: whether the open transaction of a connection has changed the database itself, besides
// what it appended to logs.
//
// Such a transaction must be one with the log's (docs/transactions.md), which costs a write to the
// database; one that only appends does not pay for that. SQLite does not say it outright. So this
// compares what it counts: rows changed (sqlite3_total_changes) and the numbers in the database's
// header that a change of the schema, or of a PRAGMA kept there, moves. Where it cannot be sure it
// says yes, which is always safe.
//
// Not thread-safe: used under the connection's mutex.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/status.h"
#include "ext/sqlite_api.h"

namespace streamview {

class WriteWatch {
 public:
  explicit WriteWatch(sqlite3* db) : db_(db) {}

  // Takes note of the counters, unless the database is written. REQUIRES: outside Begin and End
  void NoteBaseline();
  // A table of ours becomes part of a writing transaction, as the first.
  void Begin();
  // One of our tables has taken a row, which SQLite is going to count.
  void CountOwn() { own_changes_++; }
  // Something was taken back: counts of ours and of SQLite may differ now.
  void NoteUndone() { undone_ = true; }
  // Errors: those of asking the database, which may have taken the transaction back.
  Result<bool> ChangedDatabase();
  // The transaction has ended. Where it was rolled back, SQLite does not count the rows of the
  // statement that is just ending.
  void End(bool committed);

 private:
  // Schema cookie, user_version and application_id of all databases.
  Result<std::string> ReadHeaders() const;

  sqlite3* const db_;
  // As of the end of the last transaction that is known of; absent: unknown.
  std::optional<int64_t> baseline_changes_;
  std::optional<std::string> baseline_headers_;

  bool is_statement_ = false;  // the transaction is a single statement: it can write one table only
  bool undone_ = false;
  int64_t own_changes_ = 0;
};

}  // namespace streamview
