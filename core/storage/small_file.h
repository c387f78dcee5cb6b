// The small text files that a log directory holds beside RocksDB's. None is read or written through
// a symbolic link, or written through another name that the file may have: whoever has had a hand
// in the directory cannot make us write elsewhere.

#pragma once

#include <string>
#include <string_view>

#include "core/base/status.h"

namespace streamview {

// The first 16 KiB of a file; empty where there is none. Errors: kIOError.
Result<std::string> ReadSmallFile(const std::string& path);

// Makes a file, synced. On error there is none. Errors: kIOError, also where there is one already.
Status WriteNewFile(const std::string& path, std::string_view bytes);

// Makes a file, or puts it in the place of the one that is there; whole or not at all, once its
// directory is synced. It is written as `<path>.new` first. Errors: kIOError; then nothing is
// changed.
Status ReplaceFile(const std::string& path, std::string_view bytes);

// What was made, renamed or removed in it is on disk when this returns. Errors: kIOError.
Status SyncDirectory(const std::string& directory);

}  // namespace streamview
