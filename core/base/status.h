// Status and Result<T>: how every fallible function of the engine reports its outcome.
//
// Both are values: copyable, not tied to a thread. An error carries a message that says what was
// wrong, where, and where it helps what to do. ext/ hands it to SQLite's user; where the remedy has
// a name in SQL, which the engine does not know, ext/ adds it (ext/sql_terms.h).

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/check.h"

namespace streamview {

enum class StatusCode {
  kOk,
  kInvalidArgument,  // the caller's input is wrong; nothing was changed
  kNotFound,
  kBusy,        // somebody else holds what is needed; trying again later may succeed
  kConstraint,  // a rule about the data refuses this (size limit, existing key)
  kCannotOpen,  // the log directory is missing, foreign, or cannot be created
  kCorruption,  // stored data contradicts its format or itself
  kDamaged,     // derived data cannot be read; it is built anew from the log: try again
  kIOError,
  kFull,  // no space
  kNoMemory,
  kReadOnly,
  kMisuse,       // called at the wrong time, or in a forked child
  kInterrupted,  // the caller's WaitOptions asked to stop
  kTimedOut,     // the caller's deadline has passed
  kFailed,       // the view has stopped at a document that its map cannot handle
  // The connection to the process that holds the log was lost. Of a call that writes it is not
  // known whether it took effect, unless it says so.
  kLost,
};

// What helps against an error, where the caller has to name it to somebody.
enum class Remedy : unsigned char {
  kNone,
  kAdopt,           // EngineOptions::adopt
  kOtherDirectory,  // EngineOptions::directory
};

class [[nodiscard]] Status {
 public:
  Status() = default;  // OK
  Status(StatusCode code, std::string message)
      : code_(code),
        message_(code == StatusCode::kOk
                     ? nullptr
                     : std::make_shared<const std::string>(std::move(message))) {}

  static Status Ok() { return Status(); }
  static Status InvalidArgument(std::string m) {
    return {StatusCode::kInvalidArgument, std::move(m)};
  }
  static Status NotFound(std::string m) { return {StatusCode::kNotFound, std::move(m)}; }
  static Status Busy(std::string m) { return {StatusCode::kBusy, std::move(m)}; }
  static Status Constraint(std::string m) { return {StatusCode::kConstraint, std::move(m)}; }
  static Status CannotOpen(std::string m) { return {StatusCode::kCannotOpen, std::move(m)}; }
  static Status Corruption(std::string m) { return {StatusCode::kCorruption, std::move(m)}; }
  static Status Damaged(std::string m) { return {StatusCode::kDamaged, std::move(m)}; }
  static Status IOError(std::string m) { return {StatusCode::kIOError, std::move(m)}; }
  static Status Misuse(std::string m) { return {StatusCode::kMisuse, std::move(m)}; }
  static Status TimedOut(std::string m) { return {StatusCode::kTimedOut, std::move(m)}; }
  static Status Failed(std::string m) { return {StatusCode::kFailed, std::move(m)}; }
  static Status Lost(std::string m) { return {StatusCode::kLost, std::move(m)}; }
  // These allocate nothing, and so cannot fail.
  static Status NoMemory() noexcept { return Status(StatusCode::kNoMemory); }
  static Status Interrupted() noexcept { return Status(StatusCode::kInterrupted); }
  static Status TimedOut() noexcept { return Status(StatusCode::kTimedOut); }

  bool ok() const { return code_ == StatusCode::kOk; }
  StatusCode code() const { return code_; }
  const std::string& message() const { return message_ ? *message_ : UsualMessage(code_); }
  // The work was stopped half-way, whatever it was done on: this says nothing of that, and must not
  // be remembered or taken for an answer.
  bool IsCutShort() const {
    return code() == StatusCode::kNoMemory || code() == StatusCode::kInterrupted;
  }

  // The same error, with `context` and ": " before its message.
  Status WithContext(std::string_view context) const {
    return ok() ? *this
                : Status(code(), std::string(context) + ": " + message()).WithRemedy(remedy_);
  }
  // Its message ends by saying what helps, in words without a name for it: "..., or take it over".
  Remedy remedy() const { return remedy_; }
  Status WithRemedy(Remedy remedy) && {
    remedy_ = remedy;
    return std::move(*this);
  }

 private:
  explicit Status(StatusCode code) noexcept : code_(code) {}
  static const std::string& UsualMessage(StatusCode code);

  StatusCode code_ = StatusCode::kOk;
  Remedy remedy_ = Remedy::kNone;
  std::shared_ptr<const std::string> message_;  // null: the usual one
};

// A T, or the Status that says why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}
  Result(Status status) : status_(std::move(status)) { SV_REQUIRE(!status_.ok()); }

  bool ok() const { return value_.has_value(); }
  const Status& status() const { return status_; }

  // REQUIRES: ok()
  T& operator*() & { return Get(); }
  const T& operator*() const& { return Get(); }
  T&& operator*() && { return std::move(Get()); }
  T* operator->() { return &Get(); }
  const T* operator->() const { return &Get(); }

 private:
  T& Get() {
    SV_REQUIRE(ok());
    return *value_;
  }
  const T& Get() const {
    SV_REQUIRE(ok());
    return *value_;
  }

  Status status_;
  std::optional<T> value_;
};

}  // namespace streamview

// Returns the Status from the calling function where `expr` is an error.
#define SV_RETURN_IF_ERROR(expr)                                                       \
  do {                                                                                 \
    if (::streamview::Status sv_status_ = (expr); !sv_status_.ok()) return sv_status_; \
  } while (0)

// For functions that are called from outside of the library: SV_REQUIRE, but where checks are off
// the calling function returns kMisuse.
#define SV_REQUIRE_OR_RETURN(condition)                                                      \
  do {                                                                                       \
    SV_REQUIRE(condition);                                                                   \
    if (!(condition)) {                                                                      \
      return ::streamview::Status::Misuse("called in a way that is not allowed: " #condition \
                                          " does not hold");                                 \
    }                                                                                        \
  } while (0)

#define SV_CONCAT_INNER_(a, b) a##b
#define SV_CONCAT_(a, b) SV_CONCAT_INNER_(a, b)

// `SV_ASSIGN_OR_RETURN(auto x, MakeX());` declares x, or returns the error.
#define SV_ASSIGN_OR_RETURN(decl, expr) \
  SV_ASSIGN_OR_RETURN_IMPL_(SV_CONCAT_(sv_result_, __LINE__), decl, expr)
#define SV_ASSIGN_OR_RETURN_IMPL_(result, decl, expr) \
  auto result = (expr);                               \
  if (!result.ok()) return result.status();           \
  decl = *std::move(result)
