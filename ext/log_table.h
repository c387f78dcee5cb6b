// sv_log: a log as a table, docs/reference.md.
//
//   seq    INTEGER, the rowid            time   INTEGER, ms since the Unix epoch
//   key, value                           <the table's name>, hidden: takes commands
//
// A scan gives what is committed when it begins and the connection's own entries so far, so that
// INSERT INTO log SELECT ... FROM log ends.

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ext/plan_text.h"
#include "ext/session_table.h"
#include "ext/shared_reading.h"

namespace streamview {

class LogTable : public SessionTable {
 public:
  // The terms on seq that select the range, and its direction.
  struct Plan {
    PlanTerms terms;  // see BestIndex

    sqlite_vtab::EncodedPlan Encode() const;
    static std::optional<Plan> Decode(int number, std::string_view text);
  };

  class Cursor;

  static sqlite_vtab::Status Create(const sqlite_vtab::ConnectArgs<Connection>& args,
                                    std::unique_ptr<LogTable>& table);
  static sqlite_vtab::Status Connect(const sqlite_vtab::ConnectArgs<Connection>& args,
                                     std::unique_ptr<LogTable>& table);
  // `utf8`: the database stores TEXT as UTF-8.
  LogTable(Connection& connection, const TableName& name, bool utf8)
      : SessionTable(connection, name, name), utf8_(utf8) {}

  sqlite_vtab::Status Destroy();
  sqlite_vtab::Status Rename(const char* new_name);
  static bool IsShadowName(std::string_view suffix) { return LogConfig::IsShadowSuffix(suffix); }

  sqlite_vtab::Status BestIndex(sqlite_vtab::IndexInfo& info, Plan& plan);
  sqlite_vtab::Status Open(std::unique_ptr<Cursor>& cursor);

  sqlite_vtab::Status Insert(sqlite3_value* rowid, sqlite_vtab::Values columns,
                             sqlite3_int64* new_rowid);
  sqlite_vtab::Status Update(sqlite3_value* old_key, sqlite3_value* new_key,
                             sqlite_vtab::Values columns);
  sqlite_vtab::Status Delete(sqlite3_value* key);

  sqlite_vtab::Status CheckIntegrity(bool quick, std::string* finding) {
    return ToFinding(Check(quick), finding);
  }

 private:
  using Readings = SharedReading<LogSnapshot>;

  // Sees to it that the group of a cursor that has read nothing yet has something to read. Where
  // that is read now, *cursor becomes one over `range` of it.
  Status Read(const LogRange& range, std::shared_ptr<Readings::Group>* group,
              std::unique_ptr<LogCursor>* cursor);
  Status RunCommand(std::string_view command);
  // All of it, or quickly: whether it can be opened, and its end be read.
  Status Check(bool quick);
  // Why the table cannot be dropped now.
  Status CheckMayDrop();
  Status DropLog();
  Status RenameLog(const std::string& new_name);
  // Errors where views stand on the log: "cannot <action> ...: drop its views first: a, b".
  Status CheckNoViews(const std::string& action) const;

  const bool utf8_;
  Readings readings_;
};

class LogTable::Cursor final : public sqlite_vtab::Cursor {
 public:
  explicit Cursor(LogTable& table)
      : table_(table), group_(table.readings_.Join(table.connection())) {}

  sqlite_vtab::Status Filter(const Plan& plan, sqlite_vtab::Values arguments);
  sqlite_vtab::Status Next();
  bool Eof() const noexcept { return !valid_; }
  sqlite_vtab::Status Column(sqlite3_context* context, int column);
  sqlite3_int64 Rowid() { return static_cast<sqlite3_int64>(cursor_->entry().seq); }

 private:
  // Notes what the cursor shows, or says why it shows nothing.
  Status Read(const Plan& plan, sqlite_vtab::Values arguments);
  Status Settle();
  // Reads range_, or what is left of it.
  Status Scan();

  LogTable& table_;
  std::shared_ptr<LogSession> session_;
  std::shared_ptr<Readings::Group> group_;         // before the cursor: outlives it
  const Reading<LogSnapshot>* reading_ = nullptr;  // its reading, once this cursor has read
  std::shared_ptr<Engine> engine_;                 // the same, as long as it lasts
  LogRange range_;
  std::unique_ptr<LogCursor> cursor_;
  bool valid_ = false;
};

}  // namespace streamview
