// sv_view: a view of a log as a table, docs/reference.md.
//
//   <the columns of the map>, doc_id, seq (INTEGER)
//   hidden: doc, the document itself; <the table's name>, which takes commands
//
// and with reduce
//
//   <the key columns>, <what is reduced>
//   hidden: <the table's name>
//
// Read only. The rowid is the same in every scan that shows the row: SQLite tells by it which rows
// it has seen already where it goes through several ranges for one OR.
//
// One statement sees one state of the view (ext/shared_reading.h).

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/map/definition.h"
#include "ext/range_scan.h"
#include "ext/session_table.h"
#include "ext/shared_reading.h"
#include "ext/view_plan.h"

namespace streamview {

class ViewTable : public SessionTable {
 public:
  using Plan = ViewPlan;
  class Cursor;

  static sqlite_vtab::Status Create(const sqlite_vtab::ConnectArgs<Connection>& args,
                                    std::unique_ptr<ViewTable>& table);
  static sqlite_vtab::Status Connect(const sqlite_vtab::ConnectArgs<Connection>& args,
                                     std::unique_ptr<ViewTable>& table);
  // `broken`: why the definition cannot be used; reads will give it as their error.
  ViewTable(Connection& connection, const TableName& name, ViewDefinition definition, Status broken,
            bool utf8);

  sqlite_vtab::Status Destroy();
  sqlite_vtab::Status Rename(const char* new_name);

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
  using Readings = SharedReading<std::shared_ptr<const ViewSnapshot>>;

  // `creating`: as LogNamed.
  static Result<ViewDefinition> Define(const sqlite_vtab::ConnectArgs<Connection>& args,
                                       bool creating);
  Result<std::shared_ptr<View>> MakeView();
  Status CreateView();
  // Why the table cannot be dropped now.
  Status CheckMayDrop();
  Status DropView();
  Status RenameView(const std::string& new_name);
  Status RunCommand(std::string_view command);
  // All of it, or quickly: whether it can be read.
  Status Check(bool quick);
  sqlite_vtab::Status RefuseWrite(const std::string& what) const;

  // The engine's view, found where it is not yet.
  Result<std::shared_ptr<View>> FindView();
  // Sees to it that the group of a cursor that has read nothing yet has something to read. `first`:
  // the range that will be read first, if any.
  Status Read(const ViewRange* first, std::shared_ptr<Readings::Group>* group);

  const ViewDefinition definition_;
  const size_t row_columns_;     // the columns that come from the rows: the first ones
  const size_t command_column_;  // the last one
  const Status broken_;
  const IndexColumns index_;
  const bool utf8_;           // the database's encoding
  std::weak_ptr<View> view_;  // its engine's, which may go first
  const Engine* view_engine_ = nullptr;
  Readings readings_;
};

class ViewTable::Cursor : public sqlite_vtab::Cursor {
 public:
  explicit Cursor(ViewTable& table)
      : table_(table),
        group_(table.readings_.Join(table.connection())),
        outer_join_(table.connection().db()) {}

  sqlite_vtab::Status Filter(const Plan& plan, sqlite_vtab::Values arguments);
  sqlite_vtab::Status Next();
  bool Eof() const noexcept { return !scan_.Valid(); }
  sqlite_vtab::Status Column(sqlite3_context* context, int column);
  sqlite3_int64 Rowid() { return scan_->row_id(); }

 private:
  Status Read(const Plan& plan, sqlite_vtab::Values arguments);
  Status Begin(const Plan& plan, sqlite_vtab::Values arguments);
  Status Show(sqlite3_context* context, const ValueView& value) const;
  Status ReadDocument(sqlite3_context* context);

  ViewTable& table_;
  std::shared_ptr<Readings::Group> group_;  // outlives the scan
  const ViewSnapshot* snapshot_ = nullptr;  // its reading's, once this cursor has read
  RangeScan<ViewSnapshot, ViewRange> scan_;
  OuterJoin outer_join_;
};

}  // namespace streamview
