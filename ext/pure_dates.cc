#include "ext/pure_dates.h"

#include <map>
#include <new>
#include <string>
#include <utility>

#include "ext/pure_vfs.h"
#include "ext/statement.h"
#include "ext/values.h"

namespace streamview {

namespace {

// One of the functions, as SQLite has it: a prepared call for each number of arguments in use.
class DateFunction {
 public:
  explicit DateFunction(const char* name) : name_(name) {}
  ~DateFunction() {
    calls_.clear();
    sqlite3_close_v2(db_);
  }
  DateFunction(const DateFunction&) = delete;
  DateFunction& operator=(const DateFunction&) = delete;

  Status Call(sqlite3_context* context, int argc, sqlite3_value** argv) {
    SV_ASSIGN_OR_RETURN(sqlite3_stmt* const call, Prepare(argc));
    int code = SQLITE_OK;
    for (int i = 0; i < argc && code == SQLITE_OK; ++i) {
      code = sqlite3_bind_value(call, i + 1, argv[i]);
    }
    if (code == SQLITE_OK) code = sqlite3_step(call);
    if (code != SQLITE_ROW) {
      const Status status = StatusFromSqlite(db_, code);
      sqlite3_reset(call);
      return status;
    }
    sqlite3_result_value(context, sqlite3_column_value(call, 0));
    sqlite3_reset(call);
    return Status::Ok();
  }

 private:
  Result<sqlite3_stmt*> Prepare(int argc) {
    StatementPtr& call = calls_[argc];
    if (call != nullptr) return call.get();
    SV_RETURN_IF_ERROR(Open());
    std::string sql = std::string("SELECT ") + name_ + "(";
    for (int i = 0; i < argc; ++i) sql += i == 0 ? "?" : ", ?";
    sql += ")";
    sqlite3_stmt* raw = nullptr;
    const int code =
        sqlite3_prepare_v3(db_, sql.c_str(), -1, SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
    call.reset(raw);
    if (code != SQLITE_OK) return StatusFromSqlite(db_, code);
    return raw;
  }

  // At the first call: few maps have dates.
  Status Open() {
    if (db_ != nullptr) return Status::Ok();
    const int code =
        sqlite3_open_v2(":memory:", &db_,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX, kPureVfs);
    if (code == SQLITE_OK) return Status::Ok();
    const Status status = StatusFromSqlite(db_, code);
    sqlite3_close_v2(std::exchange(db_, nullptr));
    return status;
  }

  const char* const name_;
  sqlite3* db_ = nullptr;
  std::map<int, StatementPtr> calls_;  // by the number of arguments
};

bool DependsOnTimeZone(int argc, sqlite3_value** argv) {
  // The first argument is no modifier.
  for (int i = 1; i < argc; ++i) {
    if (sqlite3_value_type(argv[i]) != SQLITE_TEXT) continue;
    const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(argv[i]));
    if (sqlite3_stricmp(text, "localtime") == 0 || sqlite3_stricmp(text, "utc") == 0) return true;
  }
  return false;
}

void CallDateFunction(sqlite3_context* context, int argc, sqlite3_value** argv) {
  if (DependsOnTimeZone(argc, argv)) return NoteImpureRequest("the local time zone");
  try {
    auto* function = static_cast<DateFunction*>(sqlite3_user_data(context));
    const Status status = function->Call(context, argc, argv);
    if (!status.ok()) SetResultError(context, status);
  } catch (...) {
    sqlite3_result_error_nomem(context);
  }
}

}  // namespace

int RegisterPureDates(sqlite3* db) {
  for (const char* name : {"date", "time", "datetime", "julianday", "strftime", "unixepoch"}) {
    auto* function = new (std::nothrow) DateFunction(name);
    if (function == nullptr) return SQLITE_NOMEM;
    // SQLite calls the destructor also where it fails.
    const int code = sqlite3_create_function_v2(
        db, name, -1, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, function,
        CallDateFunction, nullptr, nullptr, [](void* p) { delete static_cast<DateFunction*>(p); });
    if (code != SQLITE_OK) return code;
  }
  return SQLITE_OK;
}

}  // namespace streamview
