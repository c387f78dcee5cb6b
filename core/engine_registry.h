// How ext/ comes by an Engine: one per log directory and process.

#pragma once

#include <memory>
#include <string>

#include "core/base/status.h"
#include "core/engine.h"
#include "core/engine_options.h"

namespace streamview {

// A random id for a new log: 32 hexadecimal digits.
std::string NewLogId();

// Makes an empty log on disk (or in memory), unclaimed, and opens it. On error the directory is as
// it was. Errors: kCannotOpen, with a message that says why (it holds another log or foreign files,
// or cannot be written), kBusy (another process has it), kFull, kNoMemory, kMisuse (forked child).
Result<std::shared_ptr<Engine>> CreateEngine(const EngineOptions& options);

// Opens an existing log, for reading only where its directory cannot be written, or returns the
// engine that this process has already open (then log_id must be its id, and `database` its
// database; the other options are not looked at). Errors: kCannotOpen (missing, foreign, another
// id), kBusy (another process has it, and cannot be reached: the message names its pid),
// kCorruption, kMisuse (forked child), kInterrupted. A log in memory that no one holds any more is
// kCannotOpen.
//
// Where another process has the log, what is returned uses it by way of that process
// (core/remote/remote_engine.h). `wait`: how long that may take to answer.
Result<std::shared_ptr<Engine>> OpenEngine(const EngineOptions& options,
                                           const WaitOptions& wait = WaitOptions());

// The id of the log in a directory. Errors: kCannotOpen where there is none.
Result<std::string> ReadLogId(const std::string& directory);

// Whether a committed transaction of a database has the log. A log that is not claimed, left by a
// process that died around the COMMIT of a CREATE or DROP, is replaced by the next CreateEngine in
// its directory; any other is not. OpenEngine claims it. Does nothing for a log in memory, and
// where the directory does not hold `log_id`. Errors: kCannotOpen, kBusy (another process has it),
// kMisuse (forked child).
Status ClaimLog(const std::string& directory, const std::string& log_id, bool claimed);

// Whether the log in a directory is one that is not claimed.
bool IsUnclaimed(const std::string& directory);

// Deletes a log directory. Nothing is deleted unless it holds the log `log_id` and nobody has it
// open (kBusy). Other errors: kCannotOpen, kMisuse (forked child), kIOError: what is left is a log
// that nobody claims.
Status DestroyLog(const std::string& directory, const std::string& log_id);

}  // namespace streamview
