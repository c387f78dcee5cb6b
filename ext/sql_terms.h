// The engine's errors in terms of SQL.

#pragma once

#include "core/base/status.h"

namespace streamview {

// The same error; where its message ends with a remedy that has a name in SQL, with that name.
inline Status InSqlTerms(const Status& status) {
  switch (status.remedy()) {
    case Remedy::kAdopt:
      return Status(status.code(), status.message() + " with sv_adopt");
    case Remedy::kOtherDirectory:
      return Status(status.code(), status.message() + " with path=");
    case Remedy::kNone:
      break;
  }
  return status;
}

// The value, or the error in terms of SQL.
template <typename T>
Result<T> InSqlTerms(Result<T> result) {
  if (result.ok()) return result;
  return InSqlTerms(result.status());
}

}  // namespace streamview
