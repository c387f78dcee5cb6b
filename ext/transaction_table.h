// sv_transaction: a hidden table that exists to be told how a transaction ends.
//
// SQLite tells a virtual table nothing more once it was dropped, neither commit nor rollback, and a
// table made by CREATE hears nothing of the savepoints around it. This table is eponymous, so it is
// never created or dropped. HostTransaction::Join() writes a row to it from within xCreate,
// xDestroy and xRename; that makes it a part of the transaction like any other table written to. It
// holds nothing.

#pragma once

#include <memory>

#include "ext/participant.h"
#include "ext/vtab_status.h"

namespace streamview {

class TransactionTable : public Participant {
 public:
  using Plan = sqlite_vtab::OnlyPlan;

  class Cursor : public sqlite_vtab::Cursor {
   public:
    Status Filter(const Plan&, sqlite_vtab::Values) { return {}; }
    Status Next() { return {}; }
    bool Eof() const noexcept { return true; }
    Status Column(sqlite3_context*, int) { return {}; }
    sqlite3_int64 Rowid() { return 0; }
  };

  explicit TransactionTable(Connection& connection) : Participant(connection) {}

  static Status Connect(const sqlite_vtab::ConnectArgs<Connection>& args,
                        std::unique_ptr<TransactionTable>& table) {
    sqlite3_vtab_config(args.db, SQLITE_VTAB_DIRECTONLY);
    const int rc = sqlite3_declare_vtab(args.db, "CREATE TABLE x(ending)");
    if (rc == SQLITE_OK) table = std::make_unique<TransactionTable>(*args.aux);
    return VtabError(args.db, rc);
  }
  Status BestIndex(sqlite_vtab::IndexInfo&, Plan&) { return {}; }
  Status Open(std::unique_ptr<Cursor>& cursor) {
    cursor = std::make_unique<Cursor>();
    return {};
  }

  Status Insert(sqlite3_value*, sqlite_vtab::Values, sqlite3_int64* new_rowid) {
    *new_rowid = sqlite3_last_insert_rowid(connection().db());
    transaction().Joined();
    return {};
  }
  Status Update(sqlite3_value*, sqlite3_value*, sqlite_vtab::Values) {
    return {StatusCode::kReadOnly, "sv_transaction has no rows"};
  }
  Status Delete(sqlite3_value*) { return {StatusCode::kReadOnly, "sv_transaction has no rows"}; }
};

}  // namespace streamview
