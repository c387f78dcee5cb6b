#include "core/storage/small_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "core/base/descriptor.h"
#include "core/base/errno_text.h"

namespace streamview {

namespace {

constexpr size_t kMaxSmallFile = size_t{16} << 10;

Status LastError() { return Status::IOError(ErrnoText()); }

}  // namespace

Result<std::string> ReadSmallFile(const std::string& path) {
  const int fd = OpenDescriptor(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return errno == ENOENT ? Result<std::string>(std::string()) : LastError();
  std::string bytes(kMaxSmallFile, '\0');
  const ssize_t size = ::read(fd, bytes.data(), bytes.size());
  const Status read = size < 0 ? LastError() : Status::Ok();
  ::close(fd);
  SV_RETURN_IF_ERROR(read);
  bytes.resize(static_cast<size_t>(size));
  return bytes;
}

Status WriteNewFile(const std::string& path, std::string_view bytes) {
  const int fd = OpenDescriptor(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644);
  if (fd < 0) return LastError();
  const bool written =
      ::write(fd, bytes.data(), bytes.size()) == ssize_t(bytes.size()) && ::fsync(fd) == 0;
  const Status status = written ? Status::Ok() : LastError();
  ::close(fd);
  if (!written) ::unlink(path.c_str());
  return status;
}

Status ReplaceFile(const std::string& path, std::string_view bytes) {
  const std::string temporary = path + ".new";
  ::unlink(temporary.c_str());  // left by one that was cut short
  SV_RETURN_IF_ERROR(WriteNewFile(temporary, bytes));
  if (::rename(temporary.c_str(), path.c_str()) == 0) return Status::Ok();
  const Status status = LastError();
  ::unlink(temporary.c_str());
  return status;
}

Status SyncDirectory(const std::string& directory) {
  const int fd = OpenDescriptor(directory, O_RDONLY | O_DIRECTORY);
  const bool synced = fd >= 0 && ::fsync(fd) == 0;
  const Status status =
      synced ? Status::Ok() : LastError().WithContext("syncing directory " + directory);
  if (fd >= 0) ::close(fd);
  return status;
}

}  // namespace streamview
