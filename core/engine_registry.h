// How ext/ comes by an Engine: one per log directory and process.

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/status.h"
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
  // False: no background thread; views advance as they are read.
  bool background = true;
};

// A random id for a new log: 32 hexadecimal digits.
std::string NewLogId();

// Makes an empty log on disk (or in memory), unclaimed, and opens it. On error the directory is as
// it was. Errors: kCannotOpen, with a message that says why: it holds another log or foreign files,
// or cannot be written.
Result<std::shared_ptr<Engine>> CreateEngine(const EngineOptions& options);

// Opens an existing log, or returns the engine that this process has already open (then log_id must
// be its id, and `database` its database; the other options are not looked at). Errors: kCannotOpen
// (missing, foreign, another id), kBusy (another process has it: the message names its pid),
// kCorruption, kMisuse (forked child). A log in memory that no one holds any more is kCannotOpen.
Result<std::shared_ptr<Engine>> OpenEngine(const EngineOptions& options);

// The id of the log in a directory. Errors: kCannotOpen where there is none.
Result<std::string> ReadLogId(const std::string& directory);

// Whether a committed transaction of a database has the log. A log that is not claimed, left by a
// process that died around the COMMIT of a CREATE or DROP, is replaced by the next CreateEngine in
// its directory; any other is not. OpenEngine claims it. Does nothing for a log in memory, and
// where the directory does not hold `log_id`.
Status ClaimLog(const std::string& directory, const std::string& log_id, bool claimed);

// Deletes a log directory. Nothing is deleted unless it holds the log `log_id` and nobody has it
// open (kBusy).
Status DestroyLog(const std::string& directory, const std::string& log_id);

}  // namespace streamview
