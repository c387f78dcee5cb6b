#include "core/base/status.h"

namespace streamview {

const std::string& Status::UsualMessage(StatusCode code) {
  // Never destroyed: statuses are looked at while static objects go.
  static const auto* const none = new std::string();
  static const auto* const no_memory = new std::string("out of memory");
  static const auto* const interrupted = new std::string("interrupted");
  static const auto* const timed_out = new std::string("timed out");
  switch (code) {
    case StatusCode::kNoMemory:
      return *no_memory;
    case StatusCode::kInterrupted:
      return *interrupted;
    case StatusCode::kTimedOut:
      return *timed_out;
    default:
      return *none;
  }
}

}  // namespace streamview
