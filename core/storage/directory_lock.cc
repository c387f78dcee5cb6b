#include "core/storage/directory_lock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>

#include "core/base/descriptor.h"
#include "core/base/errno_text.h"
#include "core/base/file_id.h"
#include "core/base/private_fds.h"
#include "core/storage/directory_error.h"

namespace streamview {

namespace {

Status CannotWrite(const std::string& directory) {
  const bool not_allowed = errno == EACCES || errno == EPERM || errno == EROFS;
  return {not_allowed ? StatusCode::kReadOnly : StatusCode::kCannotOpen,
          "log directory " + directory + " cannot be written: " + kHolderName + ": " + ErrnoText()};
}

struct flock WholeFile(short type) {
  struct flock whole = {};
  whole.l_type = type;
  whole.l_whence = SEEK_SET;
  return whole;
}

// Process ids are those of a pid namespace: a container has its own.
std::string PidNamespace() {
  std::array<char, 64> name;
  const ssize_t size = ::readlink("/proc/self/ns/pid", name.data(), name.size());
  return std::string(name.data(), size > 0 ? static_cast<size_t>(size) : 0);
}

// The contents of HOLDER: the process id and the pid namespace, a line each.
struct Holder {
  pid_t pid = 0;  // 0: it does not say
  std::string pid_namespace;
  bool IsThisProcess() const { return pid == ::getpid() && pid_namespace == PidNamespace(); }
};

void WriteHolder(int fd) {
  const std::string text = std::to_string(::getpid()) + "\n" + PidNamespace() + "\n";
  // What it says is for messages: the lock does not depend on it.
  if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, text.data(), text.size(), 0) < 0) return;
}

Holder ParseHolder(int fd) {
  std::array<char, 128> bytes;
  const ssize_t size = ::pread(fd, bytes.data(), bytes.size(), 0);
  const std::string_view text(bytes.data(), size > 0 ? static_cast<size_t>(size) : 0);
  Holder holder;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), holder.pid);
  if (error != std::errc()) return Holder();
  const std::string_view rest = text.substr(static_cast<size_t>(end - text.data()));
  if (!rest.empty()) holder.pid_namespace = rest.substr(1, rest.find('\n', 1) - 1);
  return holder;
}

// `fd`: of the file that somebody else has locked.
Status Held(const std::string& directory, int fd) {
  struct flock other = WholeFile(F_WRLCK);
  if (::fcntl(fd, F_OFD_GETLK, &other) == 0 && other.l_type == F_RDLCK) {
    return Status::Busy("log directory " + directory +
                        " is being read by a process that may not write to it; it can be written "
                        "once that has closed it");
  }
  const Holder holder = ParseHolder(fd);
  if (holder.IsThisProcess()) {
    return Status::Busy("log directory " + directory +
                        " is already open in this process, by another copy of the library");
  }
  std::string who = "another process";
  if (holder.pid > 0) {
    who = "process " + std::to_string(holder.pid);
    if (holder.pid_namespace != PidNamespace()) who += " of another pid namespace";
  }
  return Status::Busy("log directory " + directory + " is held by " + who);
}

Status CannotLock(const std::string& directory) {
  if (errno == ENOLCK || errno == EINVAL || errno == EOPNOTSUPP || errno == ENOSYS) {
    return CannotOpen(
        directory, "its file system has no locks (" + ErrnoText() + "); a log needs one that has");
  }
  return CannotOpen(directory, "cannot lock " + std::string(kHolderName) + ": " + ErrnoText());
}

// Whether the locked file is, and is only, what has its name in the directory.
enum class Place { kRight, kGone, kShared };
Place PlaceOf(int fd, const std::string& path) {
  struct stat locked, named;
  if (::fstat(fd, &locked) != 0 || ::lstat(path.c_str(), &named) != 0) return Place::kGone;
  if (FileId(locked) != FileId(named)) return Place::kGone;
  return locked.st_nlink == 1 ? Place::kRight : Place::kShared;
}

}  // namespace

Result<std::unique_ptr<DirectoryLock>> DirectoryLock::Take(const std::string& directory) {
  const std::string path = directory + "/" + kHolderName;
  for (;;) {
    const int fd = OpenDescriptor(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0644);
    if (fd < 0) return CannotWrite(directory);
    std::unique_ptr<DirectoryLock> lock(new DirectoryLock(directory, fd));
    SV_RETURN_IF_ERROR(lock->Lock(F_WRLCK));
    const Place place = PlaceOf(fd, path);
    if (place == Place::kRight) {
      lock->is_holder_ = true;
      ShareWithWriters(path);
      WriteHolder(fd);
      return lock;
    }
    // It was removed with its directory, by one that has let go of it now. Or it has another name,
    // be it in a copy of the directory made of links: then it would lock both, and is given up.
    if (place == Place::kShared && ::unlink(path.c_str()) != 0) {
      return CannotOpen(directory, std::string(kHolderName) + ": " + ErrnoText());
    }
  }
}

Result<std::unique_ptr<DirectoryLock>> DirectoryLock::TakeShared(const std::string& directory) {
  const std::string path = directory + "/" + kHolderName;
  for (;;) {
    const int fd = OpenDescriptor(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno != ENOENT) return CannotOpen(directory, "cannot read it: " + ErrnoText());
    std::unique_ptr<DirectoryLock> lock(new DirectoryLock(directory, fd));
    if (fd < 0) return lock;
    SV_RETURN_IF_ERROR(lock->Lock(F_RDLCK));
    // Media are made with links to files that are alike.
    if (PlaceOf(fd, path) != Place::kGone) return lock;
  }
}

Status DirectoryLock::Lock(short type) {
  // A child that kept it would keep the lock where the parent is killed.
  AddPrivateFd(fd_);
  struct flock whole = WholeFile(type);
  if (::fcntl(fd_, F_OFD_SETLK, &whole) == 0) return Status::Ok();
  const bool held = errno == EAGAIN || errno == EACCES;
  return held ? Held(directory_, fd_) : CannotLock(directory_);
}

DirectoryLock::~DirectoryLock() {
  if (fd_ < 0 || process_.InForkedChild()) return;
  if (is_holder_) (void)!::ftruncate(fd_, 0);
  // Closing would do, were it not for those who have inherited the file.
  struct flock whole = WholeFile(F_UNLCK);
  (void)::fcntl(fd_, F_OFD_SETLK, &whole);
  ClosePrivateFd(fd_);
}

void DirectoryLock::RemoveFile() const { ::unlink((directory_ + "/" + kHolderName).c_str()); }

namespace {

// Of nobody where the directory is not held.
Holder FindHolder(const std::string& directory) {
  const int fd = OpenDescriptor(directory + "/" + kHolderName, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return Holder();
  struct flock whole = WholeFile(F_RDLCK);
  const bool held = ::fcntl(fd, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
  Holder holder = held ? ParseHolder(fd) : Holder();
  ::close(fd);
  return holder;
}

}  // namespace

pid_t ReadHolder(const std::string& directory) { return FindHolder(directory).pid; }

bool IsHeldByThisProcess(const std::string& directory) {
  return FindHolder(directory).IsThisProcess();
}

}  // namespace streamview
