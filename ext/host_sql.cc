#include "ext/host_sql.h"

#include <new>

#include "ext/values.h"

namespace streamview {

bool SameName(const std::string& a, const std::string& b) {
  return sqlite3_stricmp(a.c_str(), b.c_str()) == 0;
}

std::string QuoteIdentifier(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

std::string QuoteTable(const TableName& name) {
  return QuoteIdentifier(name.schema) + "." + QuoteIdentifier(name.table);
}

Result<HostStatement> HostStatement::Prepare(sqlite3* db, std::string_view sql) {
  HostStatement statement;
  const int rc = sqlite3_prepare_v2(db, sql.data(), static_cast<int>(sql.size()),
                                    &statement.statement_, nullptr);
  if (rc != SQLITE_OK) return StatusFromSqlite(db, rc);
  return statement;
}

Status HostStatement::BindText(int parameter, std::string_view text) {
  const int rc = sqlite3_bind_text64(statement_, parameter, text.data(), text.size(),
                                     SQLITE_TRANSIENT, SQLITE_UTF8);
  return rc == SQLITE_OK ? Status::Ok() : StatusFromSqlite(sqlite3_db_handle(statement_), rc);
}

Result<bool> HostStatement::Step() {
  const int rc = sqlite3_step(statement_);
  if (rc == SQLITE_ROW) return true;
  if (rc == SQLITE_DONE) return false;
  return StatusFromSqlite(sqlite3_db_handle(statement_), rc);
}

std::string_view HostStatement::Text(int column) const {
  if (sqlite3_column_type(statement_, column) == SQLITE_NULL) return {};
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (text == nullptr) throw std::bad_alloc();
  return {text, static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

Status ExecuteSql(sqlite3* db, std::string_view sql,
                  std::initializer_list<std::string_view> parameters) {
  SV_ASSIGN_OR_RETURN(HostStatement statement, HostStatement::Prepare(db, sql));
  int position = 0;
  for (const std::string_view parameter : parameters) {
    SV_RETURN_IF_ERROR(statement.BindText(++position, parameter));
  }
  for (;;) {
    SV_ASSIGN_OR_RETURN(const bool row, statement.Step());
    if (!row) return Status::Ok();
  }
}

Result<int64_t> QueryInteger(sqlite3* db, std::string_view sql, int64_t fallback) {
  SV_ASSIGN_OR_RETURN(HostStatement statement, HostStatement::Prepare(db, sql));
  SV_ASSIGN_OR_RETURN(const bool row, statement.Step());
  return row ? statement.Integer(0) : fallback;
}

const sqlite3_vfs* VfsOf(sqlite3* db, const std::string& schema) {
  sqlite3_vfs* vfs = nullptr;
  sqlite3_file_control(db, schema.c_str(), SQLITE_FCNTL_VFS_POINTER, &vfs);
  return vfs;
}

std::string DatabaseFile(sqlite3* db, const std::string& schema) {
  const char* const file = sqlite3_db_filename(db, schema.c_str());
  if (file == nullptr) return "";
  // SQLite's VFS in memory gives names, but has no files.
  const sqlite3_vfs* const vfs = VfsOf(db, schema);
  return vfs != nullptr && std::string_view(vfs->zName) == "memdb" ? "" : file;
}

Result<bool> StoresUtf8(sqlite3* db) {
  SV_ASSIGN_OR_RETURN(HostStatement statement, HostStatement::Prepare(db, "PRAGMA encoding"));
  SV_ASSIGN_OR_RETURN(const bool row, statement.Step());
  return row && statement.Text(0) == "UTF-8";
}

}  // namespace streamview
