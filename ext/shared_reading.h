// SharedReading: the one state of a table that all cursors of a statement read.
//
// SQLite opens a cursor for each use of a table in a statement, some of them while the statement
// runs (correlated subqueries), and does not say which cursors belong together. Cursors that are
// open at the same time share their reading where only one statement of the connection is running,
// for then it is theirs; and where several are, as long as it is as fresh as a new one would have
// to be.

#pragma once

#include <memory>
#include <utility>

#include "ext/connection.h"
#include "ext/log_session.h"

namespace streamview {

template <typename Snapshot>
struct Reading {
  std::shared_ptr<Engine> engine;  // outlives the snapshot
  Snapshot snapshot;
  Seq seq = 0;               // the state it shows
  uint64_t own_version = 0;  // the session's, when it was taken
};

template <typename Snapshot>
class SharedReading {
 public:
  using Pointer = std::shared_ptr<const Reading<Snapshot>>;

  // The reading that a cursor of this session may share; null: it needs a new one. `at_least`: what
  // a new one would have to show.
  Pointer Find(const Connection& connection, const LogSession& session, Seq at_least) const {
    Pointer reading = last_.lock();
    if (reading == nullptr || reading->engine != session.engine()) return nullptr;
    const bool fresh = reading->seq >= at_least && reading->own_version == session.own_version();
    return fresh || connection.RunsOneStatement() ? reading : nullptr;
  }
  // Makes a new reading the one that later cursors share, while it is in use.
  Pointer Share(Reading<Snapshot> reading) {
    auto shared = std::make_shared<const Reading<Snapshot>>(std::move(reading));
    last_ = shared;
    return shared;
  }

 private:
  std::weak_ptr<const Reading<Snapshot>> last_;
};

}  // namespace streamview
