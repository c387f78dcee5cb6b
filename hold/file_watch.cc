#include "hold/file_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/base/errno_text.h"

namespace streamview::hold {

namespace {

// That the last link to an open file is gone is an IN_ATTRIB.
constexpr uint32_t kGone = IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF;

uint32_t MaskOf(FileWatch::Kind kind) {
  return kGone | (kind == FileWatch::Kind::kWritten ? IN_MODIFY : IN_CLOSE);
}

Status CannotWatch(const std::string& what) {
  return Status::IOError("cannot watch " + what + ": " + ErrnoText());
}

}  // namespace

FileWatch::~FileWatch() {
  if (fd_ >= 0) ::close(fd_);
}

Status FileWatch::Begin() {
  fd_ = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  return fd_ >= 0 ? Status::Ok() : CannotWatch("files (fs.inotify.max_user_instances)");
}

Result<bool> FileWatch::Add(const std::string& path, Kind kind) {
  const int number = ::inotify_add_watch(fd_, path.c_str(), MaskOf(kind));
  if (number < 0 && errno == ENOENT) return false;
  if (number < 0) return CannotWatch(path);
  return watched_.insert_or_assign(number, Watched{path, kind}).second;
}

void FileWatch::KeepOnly(const std::set<std::string>& paths, Kind kind) {
  std::erase_if(watched_, [&](const auto& entry) {
    if (entry.second.kind != kind || paths.contains(entry.second.path)) return false;
    (void)::inotify_rm_watch(fd_, entry.first);  // it may have ended by itself
    return true;
  });
}

std::set<FileWatch::Kind> FileWatch::Take() {
  std::set<Kind> kinds;
  alignas(inotify_event) char buffer[4096];
  for (ssize_t size; (size = ::read(fd_, buffer, sizeof buffer)) > 0;) {
    for (const char* p = buffer; p < buffer + size;) {
      inotify_event event;
      std::memcpy(&event, p, sizeof event);
      p += sizeof event + event.len;
      if ((event.mask & IN_Q_OVERFLOW) != 0) kinds = {Kind::kWritten, Kind::kClosed};
      const auto found = watched_.find(event.wd);
      if (found == watched_.end()) continue;
      kinds.insert(found->second.kind);
      if ((event.mask & IN_IGNORED) != 0) watched_.erase(found);
    }
  }
  return kinds;
}

}  // namespace streamview::hold
