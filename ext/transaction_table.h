// sv_transaction: a hidden table that exists to be told how a transaction ends.
//
// SQLite tells a virtual table nothing more once it was dropped, neither commit nor rollback, and a
// table made by CREATE hears nothing of the savepoints around it. This table is eponymous, so it is
// never created or dropped. Connection::JoinTransaction() writes a row to it from within xCreate,
// xDestroy and xRename; that makes it a part of the transaction like any other table written to,
// and it passes what it hears on to the Connection. It holds nothing.

#pragma once

#include <memory>

#include "ext/connection.h"
#include "ext/sqlite_vtab/vtab.hpp"
#include "ext/vtab_status.h"

namespace streamview {

class TransactionTable : public sqlite_vtab::Table {
 public:
  using Aux = Connection;

  using Plan = sqlite_vtab::OnlyPlan;

  class Cursor : public sqlite_vtab::Cursor {
   public:
    sqlite_vtab::Status Filter(const Plan&, sqlite_vtab::Values) { return {}; }
    sqlite_vtab::Status Next() { return {}; }
    bool Eof() const noexcept { return true; }
    sqlite_vtab::Status Column(sqlite3_context*, int) { return {}; }
    sqlite3_int64 Rowid() { return 0; }
  };

  explicit TransactionTable(Connection& connection) : connection_(connection) {}

  static sqlite_vtab::Status Connect(const sqlite_vtab::ConnectArgs<Connection>& args,
                                     std::unique_ptr<TransactionTable>& table) {
    sqlite3_vtab_config(args.db, SQLITE_VTAB_DIRECTONLY);
    const int rc = sqlite3_declare_vtab(args.db, "CREATE TABLE x(ending)");
    if (rc == SQLITE_OK) table = std::make_unique<TransactionTable>(*args.aux);
    return VtabError(args.db, rc);
  }
  sqlite_vtab::Status BestIndex(sqlite_vtab::IndexInfo&, Plan&) { return {}; }
  sqlite_vtab::Status Open(std::unique_ptr<Cursor>& cursor) {
    cursor = std::make_unique<Cursor>();
    return {};
  }

  sqlite_vtab::Status Insert(sqlite3_value*, sqlite_vtab::Values, sqlite3_int64* new_rowid) {
    *new_rowid = sqlite3_last_insert_rowid(connection_.db());
    connection_.TransactionJoined();
    return {};
  }
  sqlite_vtab::Status Update(sqlite3_value*, sqlite3_value*, sqlite_vtab::Values) {
    return {SQLITE_READONLY, "sv_transaction has no rows"};
  }
  sqlite_vtab::Status Delete(sqlite3_value*) {
    return {SQLITE_READONLY, "sv_transaction has no rows"};
  }

  sqlite_vtab::Status Begin() { return {}; }
  sqlite_vtab::Status Sync() { return ToVtab(connection_.Sync()); }
  void Commit() { connection_.Commit(); }
  sqlite_vtab::Status Rollback() { return ToVtab(connection_.Rollback()); }
  sqlite_vtab::Status Savepoint(int n) {
    connection_.Savepoint(n);
    return {};
  }
  sqlite_vtab::Status Release(int n) {
    connection_.Release(n);
    return {};
  }
  sqlite_vtab::Status RollbackTo(int n) {
    connection_.RollbackTo(n);
    return {};
  }

 private:
  Connection& connection_;
};

}  // namespace streamview
