// FileWatch: tells that files were written, closed or removed, without any work while they are not.

#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "core/base/status.h"

namespace streamview::hold {

// One thread at a time.
class FileWatch {
 public:
  enum class Kind { kWritten, kClosed };

  FileWatch() = default;
  ~FileWatch();
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;

  // Must be called first, once. Errors: kIOError (the user watches too much already).
  Status Begin();
  // Readable as soon as there is something for Take. -1 before Begin.
  int fd() const { return fd_; }

  // Watches a file for what `kind` says, and for being moved or removed. Returns whether it was not
  // watched before: what happened until then is not told. False where there is no such file.
  // Errors: kIOError (as of Begin, or it may not be read).
  Result<bool> Add(const std::string& path, Kind kind);
  // Watches no files of that kind but these.
  void KeepOnly(const std::set<std::string>& paths, Kind kind);
  // Of which kinds files have events, since the last call.
  std::set<Kind> Take();

 private:
  struct Watched {
    std::string path;
    Kind kind;
  };
  int fd_ = -1;
  std::map<int, Watched> watched_;  // by the number of the watch
};

}  // namespace streamview::hold
