// Crash points: a process that kills itself (SIGKILL) at a given step of its work.
//
//   ArmCrash("before send prepare");   // it dies as it is about to send that request
//
// A step is named by what the process asks of the system then. "before" it, nothing of it has
// happened; "after" it, all of it, and the process knows nothing of that yet. A number behind the
// name means the n-th time from now on.
//
//   send <request>       of a client of a log: to the process that holds it, e.g. "send prepare"
//   get answer <request>   and its answer
//   get <request>        of the process that holds a log
//   answer <request>       and its answer
//   write log, sync log  the write-ahead log of a log directory
//   open database        a connection opens the file
//   write database, sync database, write journal, sync journal, remove journal
//   write wal, sync wal  SQLite's write-ahead log
//   write commit frame   the last frame of a transaction there: its header, then its page
//   write commit page      the second part of that
//   sync commit frame      when both are written
//   unlock wal           the end of a write transaction there: its index has been written
//
// Requests are: "take turn", "prepare", "commit", "rollback".

#pragma once

#include <string>

namespace streamview::testing {

// Puts itself between SQLite and its files. To be called before the first connection is opened.
// (Between the library and the system it is by linking: tests/CMakeLists.txt.)
void InstallCrashPoints();

// One at a time.
void ArmCrash(const std::string& step);

}  // namespace streamview::testing
