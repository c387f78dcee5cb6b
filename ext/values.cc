#include "ext/values.h"

#include <climits>
#include <cmath>

#include "core/base/check.h"

namespace streamview {

namespace {

std::string_view BytesOf(const void* data, int size) {
  return {static_cast<const char*>(data), static_cast<size_t>(size)};
}

}  // namespace

Result<ValueView> ViewOf(sqlite3_value* value) {
  // The pointer is asked for before the size: it is the former that converts.
  switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER:
      return ValueView::Integer(sqlite3_value_int64(value));
    case SQLITE_FLOAT:
      return ValueView::Real(sqlite3_value_double(value));
    case SQLITE_TEXT: {
      const unsigned char* text = sqlite3_value_text(value);
      if (text == nullptr) return Status::NoMemory();
      return ValueView::Text(BytesOf(text, sqlite3_value_bytes(value)));
    }
    case SQLITE_BLOB: {
      // An empty blob has no address either.
      const void* blob = sqlite3_value_blob(value);
      const int size = sqlite3_value_bytes(value);
      if (blob == nullptr && size > 0) return Status::NoMemory();
      return ValueView::Blob(BytesOf(blob, size));
    }
    default:
      return ValueView::Null();
  }
}

Result<ValueView> ViewOfUtf8(sqlite3_value* value) {
  if (sqlite3_value_type(value) != SQLITE_TEXT) return ViewOf(value);
  // An empty text has no address.
  const void* const text = sqlite3_value_blob(value);
  const int size = sqlite3_value_bytes(value);
  if (text == nullptr && size > 0) return Status::NoMemory();
  return ValueView::Text(BytesOf(text, text == nullptr ? 0 : size));
}

std::optional<int64_t> IntegerOf(sqlite3_value* value) {
  switch (sqlite3_value_numeric_type(value)) {
    case SQLITE_INTEGER:
      return sqlite3_value_int64(value);
    case SQLITE_FLOAT: {
      constexpr double kLimit = 0x1p63;  // the first beyond int64_t
      const double real = sqlite3_value_double(value);
      if (real != std::floor(real) || real < -kLimit || real >= kLimit) return std::nullopt;
      return static_cast<int64_t>(real);
    }
    default:
      return std::nullopt;
  }
}

void SetResult(sqlite3_context* context, const ValueView& value, sqlite3_destructor_type lifetime) {
  switch (value.type()) {
    case ValueType::kNull:
      return sqlite3_result_null(context);
    case ValueType::kInteger:
      return sqlite3_result_int64(context, value.integer());
    case ValueType::kReal:
      return sqlite3_result_double(context, value.real());
    // A null address would make the result NULL, but empty TEXT and BLOB are values.
    case ValueType::kText:
      // Of a C string SQLite copies the end, too, and need not make room for one when it is read.
      if (value.is_c_string() && value.bytes().size() < INT_MAX) {
        return sqlite3_result_text(context, value.bytes().data(), -1, lifetime);
      }
      return sqlite3_result_text64(context, value.bytes().empty() ? "" : value.bytes().data(),
                                   value.bytes().size(), lifetime, SQLITE_UTF8);
    case ValueType::kBlob:
      return sqlite3_result_blob64(context, value.bytes().empty() ? "" : value.bytes().data(),
                                   value.bytes().size(), lifetime);
  }
}

void SetResultError(sqlite3_context* context, const Status& status) {
  SV_REQUIRE(!status.ok());
  if (status.code() == StatusCode::kNoMemory) return sqlite3_result_error_nomem(context);
  sqlite3_result_error(context, status.message().data(), static_cast<int>(status.message().size()));
  sqlite3_result_error_code(context, SqliteCode(status.code()));
}

int SqliteCode(StatusCode code) {
  switch (code) {
    case StatusCode::kOk:
      return SQLITE_OK;
    case StatusCode::kBusy:
    case StatusCode::kDamaged:  // the next attempt finds it built anew
      return SQLITE_BUSY;
    case StatusCode::kConstraint:
      return SQLITE_CONSTRAINT;
    case StatusCode::kCannotOpen:
      return SQLITE_CANTOPEN;
    case StatusCode::kCorruption:
      return SQLITE_CORRUPT;
    case StatusCode::kIOError:
    case StatusCode::kLost:
      return SQLITE_IOERR;
    case StatusCode::kFull:
      return SQLITE_FULL;
    case StatusCode::kNoMemory:
      return SQLITE_NOMEM;
    case StatusCode::kReadOnly:
      return SQLITE_READONLY;
    case StatusCode::kMisuse:
      return SQLITE_MISUSE;
    case StatusCode::kInterrupted:
      return SQLITE_INTERRUPT;
    // Not BUSY: a busy handler would not help, the caller has set the deadline.
    case StatusCode::kTimedOut:
    case StatusCode::kInvalidArgument:
    case StatusCode::kNotFound:
    case StatusCode::kFailed:
      return SQLITE_ERROR;
  }
  return SQLITE_ERROR;
}

StatusCode CodeFromSqlite(int code) {
  SV_REQUIRE(code != SQLITE_OK);
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return StatusCode::kBusy;
    case SQLITE_CONSTRAINT:
    case SQLITE_TOOBIG:
      return StatusCode::kConstraint;
    case SQLITE_CANTOPEN:
      return StatusCode::kCannotOpen;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return StatusCode::kCorruption;
    case SQLITE_IOERR:
      return code == SQLITE_IOERR_NOMEM ? StatusCode::kNoMemory : StatusCode::kIOError;
    case SQLITE_FULL:
      return StatusCode::kFull;
    case SQLITE_NOMEM:
      return StatusCode::kNoMemory;
    case SQLITE_READONLY:
      return StatusCode::kReadOnly;
    case SQLITE_MISUSE:
      return StatusCode::kMisuse;
    case SQLITE_INTERRUPT:
      return StatusCode::kInterrupted;
    default:
      return StatusCode::kInvalidArgument;
  }
}

Status StatusFromSqlite(sqlite3* db, int code) {
  const std::string message = sqlite3_errmsg(db);
  // An interrupt that SQLite meets while it declares the columns of a virtual table, one of its own
  // among them, comes as SQLITE_ERROR.
  if (code == SQLITE_ERROR && message == sqlite3_errstr(SQLITE_INTERRUPT)) code = SQLITE_INTERRUPT;
  return Status(CodeFromSqlite(code), message);
}

}  // namespace streamview
