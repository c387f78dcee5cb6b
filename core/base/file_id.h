// FileId: which file or directory a path means, whatever its name is.

#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>

namespace streamview {

struct FileId {
  dev_t device = 0;
  ino_t inode = 0;

  explicit FileId(const struct stat& status) : device(status.st_dev), inode(status.st_ino) {}
  // Nothing where there is none.
  static std::optional<FileId> Of(const std::string& path) {
    struct stat status;
    if (::stat(path.c_str(), &status) != 0) return std::nullopt;
    return FileId(status);
  }

  bool operator==(const FileId&) const = default;
  std::string ToString() const { return std::to_string(device) + ":" + std::to_string(inode); }
};

}  // namespace streamview
