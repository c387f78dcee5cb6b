#include "ext/write_watch.h"

#include "ext/host_sql.h"

namespace streamview {

void WriteWatch::NoteBaseline() {
  if (sqlite3_txn_state(db_, nullptr) == SQLITE_TXN_WRITE) return;
  baseline_changes_ = sqlite3_total_changes64(db_);
  baseline_headers_.reset();
  if (Result<std::string> headers = ReadHeaders(); headers.ok()) {
    baseline_headers_ = *std::move(headers);
  }
}

void WriteWatch::Begin() {
  undone_ = false;
  own_changes_ = 0;
  is_statement_ = sqlite3_get_autocommit(db_) != 0;
  // In a longer transaction, something may have been written already.
  if (is_statement_) baseline_changes_ = sqlite3_total_changes64(db_);
}

Result<bool> WriteWatch::ChangedDatabase() {
  const int64_t changes = sqlite3_total_changes64(db_) - baseline_changes_.value_or(0);
  // The rows of the statement that is just ending are not counted yet.
  if (is_statement_) return undone_ || changes != 0;
  SV_ASSIGN_OR_RETURN(const std::string headers, ReadHeaders());
  const bool same_headers = headers == baseline_headers_;
  baseline_headers_ = headers;
  return undone_ || !baseline_changes_ || changes != own_changes_ || !same_headers;
}

void WriteWatch::End(bool committed) {
  baseline_changes_ =
      sqlite3_total_changes64(db_) + (committed && is_statement_ ? own_changes_ : 0);
}

Result<std::string> WriteWatch::ReadHeaders() const {
  std::string headers;
  SV_ASSIGN_OR_RETURN(
      HostStatement databases,
      HostStatement::Prepare(db_, "SELECT name FROM pragma_database_list WHERE name <> 'temp'"));
  for (;;) {
    SV_ASSIGN_OR_RETURN(const bool row, databases.Step());
    if (!row) return headers;
    const std::string schema(databases.Text(0));
    for (const char* pragma : {"schema_version", "user_version", "application_id"}) {
      SV_ASSIGN_OR_RETURN(const int64_t value,
                          QueryInteger(db_, "PRAGMA " + QuoteIdentifier(schema) + "." + pragma, 0));
      headers += std::to_string(value) + " ";
    }
  }
}

}  // namespace streamview
