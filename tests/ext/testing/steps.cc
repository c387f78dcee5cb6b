#include "tests/ext/testing/steps.h"

#include <memory>

namespace streamview::testing {

int StepsOf(Database& db, const std::string& sql, const std::string& parameter) {
  sqlite3_stmt* raw = nullptr;
  int rc = sqlite3_prepare_v2(db.handle(), sql.c_str(), -1, &raw, nullptr);
  const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement(raw, sqlite3_finalize);
  if (rc == SQLITE_OK && sqlite3_bind_parameter_count(raw) > 0) {
    rc = sqlite3_bind_text(raw, 1, parameter.c_str(), -1, SQLITE_TRANSIENT);
  }
  while (rc == SQLITE_OK || rc == SQLITE_ROW) rc = sqlite3_step(raw);
  if (rc != SQLITE_DONE) {
    Outcome outcome;
    outcome.code = rc;
    outcome.message = sqlite3_errmsg(db.handle());
    throw SqlError(outcome, sql);
  }
  return sqlite3_stmt_status(raw, SQLITE_STMTSTATUS_VM_STEP, /*resetFlg=*/0);
}

}  // namespace streamview::testing
