// Participant: base of the tables that take part in transactions: passes on what SQLite tells them.

#pragma once

#include "ext/connection.h"
#include "ext/sqlite_vtab/vtab.hpp"
#include "ext/vtab_status.h"

namespace streamview {

class Participant : public sqlite_vtab::Table {
 public:
  using Aux = Connection;

  Status Begin() {
    transaction().Begin();
    return {};
  }
  Status Sync() { return transaction().Sync(this); }
  void Commit() { transaction().Commit(); }
  Status Rollback() { return transaction().Rollback(); }
  Status Savepoint(int n) {
    transaction().Savepoint(n);
    return {};
  }
  Status Release(int n) {
    transaction().Release(n);
    return {};
  }
  Status RollbackTo(int n) {
    transaction().RollbackTo(n);
    return {};
  }

 protected:
  explicit Participant(Connection& connection) : connection_(connection) {}
  ~Participant() = default;

  Connection& connection() const { return connection_; }
  HostTransaction& transaction() const { return connection_.transaction(); }

 private:
  Connection& connection_;
};

}  // namespace streamview
