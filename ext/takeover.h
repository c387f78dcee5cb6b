// What is done again where the process that held a log has ended.
//
// Any call of an engine fails with kLost then (core/engine.h). Whoever uses the log next opens it:
// Connection::OpenLog gives the session another engine (Session::Reattach), with which it goes on.
// So a call is repeated where nothing has come of it yet, and each attempt begins with that:
//
//   a function, a command, a look-up, the rows of a     Connection::AgainIfLost
//   table that tells about logs
//   a cursor that has returned no row                   IsWorthReadingAnew, ext/shared_reading.h
//   a cursor over the log, at any row                   LogTable::Cursor::Scan
//   taking the turn, and the first half of a COMMIT     HostTransaction::AgainIfLost
//
// sv_append is not repeated (the entry may have been appended), nor a cursor over documents or a
// view in the midst of its rows. The second half of a COMMIT need not be: the next holder asks the
// database.

#pragma once

#include "core/base/status.h"

namespace streamview {

// How many processes in a row may end, as they hold the log, before a call that needs it fails.
// Many do, where each request to a web server opens the database and closes it again. There is a
// limit, for it may be the call that ends them.
inline constexpr int kMaxTakeovers = 20;

inline const Status& StatusOf(const Status& status) { return status; }
template <typename T>
const Status& StatusOf(const Result<T>& result) {
  return result.status();
}

// Calls `attempt`, which gives a Status or Result; again as long as `is_lost` says so of it.
template <typename Attempt, typename IsLost>
auto RepeatIfLost(const Attempt& attempt, const IsLost& is_lost) {
  for (int takeovers = 0;; ++takeovers) {
    auto result = attempt();
    if (takeovers == kMaxTakeovers || !is_lost(StatusOf(result))) return result;
  }
}

}  // namespace streamview
