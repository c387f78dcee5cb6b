// EngineOptions: which log to open, for whom, and what the engine asks of them.

#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/engine.h"

namespace streamview {

struct EngineOptions {
  // Absolute path of the log's directory; empty: a log in memory, found by its id only.
  std::string directory;
  // What the database calls its log: hexadecimal digits, from NewLogId().
  std::string log_id;
  // The database's file, absolute: only it may use the directory (core/storage/log_owner.h). Empty:
  // there is none, and a directory that belongs to one is refused.
  std::string database;
  // Used in messages, e.g. "events".
  std::string name;
  // The views that the database knows. Others in the directory were left by a crash and are
  // removed. Absent: the directory itself says which views there are.
  std::optional<std::vector<std::string>> view_ids;
  MapperFactory mapper_factory;
  // Tells whether the log and the database are of the same time, and whether the log's last
  // transaction has committed where a process died around the COMMIT. It must see what is committed
  // now: the log is locked already, so nobody commits to it meanwhile.
  CommittedToken committed_token;
  // Takes the log over as it is, whichever database it was used with last, and however old the
  // database is. It must not be open (kBusy).
  bool adopt = false;
  // False: no background thread; views advance as they are read; other processes are not served.
  bool background = true;

  // --- for other processes that use the log while this one holds it

  // False: they are not served.
  bool serves = true;
  // Null: others cannot prepare conditional transactions.
  WasCommitted was_committed;
  // Whether the database has committed that it has no such log any more. Asked as the log is
  // closed, by any thread, where somebody has begun to drop it: its directory goes then. An
  // error: it cannot tell. Null: the directory stays.
  std::function<Result<bool>()> was_dropped;
  // Of what this process is, for messages: its SQLite.
  std::string host;
};

}  // namespace streamview
