#include "core/base/descriptor.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "core/base/file_id.h"

namespace streamview {

namespace {

constexpr int kStandard = 3;

}  // namespace

void OccupyStandardDescriptors() {
  for (int fd = 0; fd < kStandard; fd++) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    int opened = ::open("/dev/null", O_RDWR);
    // Without /dev: a directory cannot be written either.
    if (opened < 0) opened = ::open("/", O_RDONLY | O_DIRECTORY);
    if (opened >= kStandard) ::close(opened);  // another thread has been faster
  }
}

bool IsOnStandardDescriptor(const std::string& path) {
  for (int fd = 0; fd < kStandard; fd++) {
    struct stat open_file, named;
    if (::fstat(fd, &open_file) != 0) continue;
    if (!S_ISREG(open_file.st_mode) && !S_ISDIR(open_file.st_mode)) continue;
    if (::stat(path.c_str(), &named) != 0) return false;
    if (FileId(open_file) == FileId(named)) return true;
  }
  return false;
}

int OpenDescriptor(const std::string& path, int flags, mode_t mode) {
  OccupyStandardDescriptors();
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  if (fd < 0 || fd >= kStandard) return fd;
  // Another thread has closed a standard descriptor just now. Nothing has been written yet.
  const int above = ::fcntl(fd, F_DUPFD_CLOEXEC, kStandard);
  const int error = errno;
  ::close(fd);
  OccupyStandardDescriptors();
  errno = error;
  return above;
}

void ShareWithWriters(const std::string& path) {
  struct stat own, parent;
  if (::lstat(path.c_str(), &own) != 0 || S_ISLNK(own.st_mode)) return;
  if (::stat(path.substr(0, path.rfind('/')).c_str(), &parent) != 0) return;
  const mode_t mode = own.st_mode & 07777;
  const mode_t shared = mode | (parent.st_mode & (S_IWGRP | S_IWOTH));
  if (shared == mode) return;
  // An error: it is not ours.
  (void)!::chmod(path.c_str(), shared);
}

}  // namespace streamview
