// DirectoryLock: what makes a log directory this process' own, and that of one copy of the library.
//
// It is taken before RocksDB opens anything, and before anything in the directory is changed. It
// is a lock on a file HOLDER in the directory, which names the process that has it. The kernel
// releases it with the process, however that ends. It is of the open file, not of the process
// (F_OFD_SETLK): so two copies of the library in one process do not share it either, be they
// linked with a RocksDB each, where both would destroy the log.

#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <utility>

#include "core/base/process.h"
#include "core/base/status.h"

namespace streamview {

inline constexpr char kHolderName[] = "HOLDER";
// Where the holder serves others (core/remote/listener.h).
inline constexpr char kSocketName[] = "SOCKET";

class DirectoryLock {
 public:
  // Errors: kBusy (held: the message names the process), kReadOnly (no permission to write),
  // kCannotOpen (no such directory, a file system without locks).
  static Result<std::unique_ptr<DirectoryLock>> Take(const std::string& directory);
  // For who changes nothing in a directory that it cannot write to: any number may have it, but
  // none while somebody has taken it for himself. Where there is no file HOLDER, nobody can make
  // one, and nothing is locked. Errors: as Take.
  static Result<std::unique_ptr<DirectoryLock>> TakeShared(const std::string& directory);
  // Releases it, also where forked children live that have inherited the open file. In a forked
  // child it does nothing: what the child has inherited it has let go of already.
  ~DirectoryLock();
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

  const std::string& directory() const { return directory_; }
  // Deletes the file HOLDER: the directory is to go. The lock is held until the object goes.
  void RemoveFile() const;

 private:
  DirectoryLock(std::string directory, int fd) : directory_(std::move(directory)), fd_(fd) {}
  // Errors: kBusy, kCannotOpen.
  Status Lock(short type);

  const std::string directory_;
  const int fd_;            // negative: there is no file
  bool is_holder_ = false;  // named by the file
  const ProcessMark process_;
};

// The id of the process that has the directory now; 0 where none has, or it cannot be told.
pid_t ReadHolder(const std::string& directory);
// Whether it is this process, be it another copy of the library.
bool IsHeldByThisProcess(const std::string& directory);

}  // namespace streamview
