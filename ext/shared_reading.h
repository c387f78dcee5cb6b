// SharedReading: the one state of a table that all cursors of a statement read.
//
// SQLite opens a cursor for each use of a table in a statement, some of them while the statement
// runs (correlated subqueries), and does not say which cursors belong together. So cursors form a
// group: those that are opened before any of them reads, for SQLite opens all cursors of a join
// first; and those that are opened while others of the table are open and only one statement of the
// connection is running, for then all are its. (A subquery's new cursor is opened before its last
// one is closed.) Where several are running, a new group still takes the last one's reading as long
// as that is as fresh as a new one would have to be.

#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "ext/connection.h"
#include "ext/log_session.h"
#include "ext/takeover.h"

namespace streamview {

// How often a cursor reads where what it read was damaged: more than one part of it may be.
inline constexpr int kMaxReadings = 4;

// Whether a cursor that has returned no row yet, and has read so many times, may find it otherwise
// if it reads anew.
inline bool IsWorthReadingAnew(const Status& read, int readings) {
  return (read.code() == StatusCode::kDamaged && readings < kMaxReadings) ||
         (read.code() == StatusCode::kLost && readings <= kMaxTakeovers);
}

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
  struct Group {
    std::optional<Reading<Snapshot>> reading;  // from the first read on; then it stays
    std::shared_ptr<const Group> earlier;      // which may have one that does; until then
  };

  // The group of a cursor that is opened.
  std::shared_ptr<Group> Join(const Connection& connection) {
    std::shared_ptr<Group> last = last_.lock();
    if (last != nullptr && (!last->reading || connection.RunsOneStatement())) return last;
    auto group = std::make_shared<Group>();
    group->earlier = std::move(last);
    last_ = group;
    return group;
  }

  // Takes a cursor out of its group, to read anew: what the group has read is damaged. False: other
  // cursors of the statement have to read the same.
  static bool Leave(std::shared_ptr<Group>* group) {
    if (group->use_count() > 1) return false;
    *group = std::make_shared<Group>();
    return true;
  }

  // Finds the group a reading that does for a cursor of this session, its own or the earlier one;
  // the cursor may come into another group for that. False: it needs a new one, which would have to
  // show `at_least`.
  static bool FindReading(const LogSession& session, Seq at_least, std::shared_ptr<Group>* group) {
    const auto is_of = [&session](const Group& g) {
      return g.reading && g.reading->engine == session.engine();
    };
    if ((*group)->reading && !is_of(**group)) *group = std::make_shared<Group>();
    const std::shared_ptr<const Group> earlier = std::move((*group)->earlier);
    if (!(*group)->reading && earlier != nullptr && is_of(*earlier) &&
        earlier->reading->seq >= at_least &&
        earlier->reading->own_version == session.own_version()) {
      (*group)->reading = earlier->reading;
    }
    return (*group)->reading.has_value();
  }

 private:
  std::weak_ptr<Group> last_;
};

}  // namespace streamview
