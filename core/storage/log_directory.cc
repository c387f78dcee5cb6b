#include "core/storage/log_directory.h"

#include <fcntl.h>
#include <rocksdb/db.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <sstream>
#include <string_view>

#include "core/storage/rocks.h"
#include "core/storage/store.h"

namespace streamview {

namespace {

namespace fs = std::filesystem;

constexpr char kMarkerName[] = "STREAMVIEW";
constexpr char kNewMarkerName[] = "STREAMVIEW.new";
constexpr char kCopyMarkerName[] = "STREAMVIEW.copy";  // of an UnfinishedCopy
constexpr char kUnclaimedName[] = "UNCLAIMED";
constexpr char kMarkerTitle[] = "streamview log directory";
constexpr int kFormat = 1;

fs::path MarkerPath(const std::string& directory) { return fs::path(directory) / kMarkerName; }

Status CannotOpen(const std::string& directory, const std::string& why) {
  return Status::CannotOpen("log directory " + directory + ": " + why);
}

std::string ErrnoText() { return std::strerror(errno); }

// Reads "title, format=N, id=HEX", a line each.
Status ParseMarker(const std::string& directory, std::string* log_id) {
  std::ifstream file(MarkerPath(directory));
  std::string title, format, id;
  if (!std::getline(file, title) || !std::getline(file, format) || !std::getline(file, id) ||
      title != kMarkerTitle || format.rfind("format=", 0) != 0 || id.rfind("id=", 0) != 0) {
    return CannotOpen(directory, "its STREAMVIEW file cannot be read or is damaged");
  }
  if (format != "format=" + std::to_string(kFormat)) {
    return CannotOpen(directory, "it has " + format +
                                     ", and this version of streamview knows format=" +
                                     std::to_string(kFormat) + " only");
  }
  *log_id = id.substr(3);
  return Status::Ok();
}

// Writes the marker under another name. `how`: O_TRUNC or O_EXCL.
Status WriteMarkerAs(const std::string& path, int how, const std::string& log_id) {
  std::ostringstream text;
  text << kMarkerTitle << "\nformat=" << kFormat << "\nid=" << log_id << "\n";
  const std::string bytes = text.str();
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | how | O_CLOEXEC, 0644);
  if (fd < 0) return Status::IOError(ErrnoText());
  const bool written =
      ::write(fd, bytes.data(), bytes.size()) == ssize_t(bytes.size()) && ::fsync(fd) == 0;
  const Status status = written ? Status::Ok() : Status::IOError(ErrnoText());
  ::close(fd);
  if (!written) ::unlink(path.c_str());
  return status;
}

// Written beside and renamed: the marker is there whole or not at all.
Status WriteMarker(const std::string& directory, const std::string& log_id) {
  const std::string path = MarkerPath(directory), temporary = fs::path(directory) / kNewMarkerName;
  Status status = WriteMarkerAs(temporary, O_TRUNC, log_id);
  if (status.ok() && ::rename(temporary.c_str(), path.c_str()) != 0) {
    status = Status::IOError(ErrnoText());
    ::unlink(temporary.c_str());
  }
  return status.ok() ? status : CannotOpen(directory, "cannot write to it: " + status.message());
}

Status SyncDirectory(const std::string& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = fd >= 0 && ::fsync(fd) == 0;
  const Status status =
      synced ? Status::Ok()
             : Status::IOError("syncing directory " + directory + ": " + ErrnoText());
  if (fd >= 0) ::close(fd);
  return status;
}

// Whether there is nothing in the directory but files of these names.
bool HoldsOnly(const std::string& directory, std::initializer_list<std::string_view> names,
               std::error_code* error) {
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, *error)) {
    const std::string name = entry.path().filename();
    if (std::find(names.begin(), names.end(), name) == names.end()) return false;
  }
  return !*error;
}

}  // namespace

Result<DirectoryInfo> InspectDirectory(const std::string& directory) {
  DirectoryInfo info;
  std::error_code error;
  const fs::file_status status = fs::status(directory, error);
  if (status.type() == fs::file_type::not_found) return info;
  if (error) return CannotOpen(directory, error.message());
  if (status.type() != fs::file_type::directory) return CannotOpen(directory, "it is no directory");

  // A MakeLogDirectory that was cut short leaves these.
  const bool empty = HoldsOnly(directory, {kNewMarkerName, kUnclaimedName}, &error);
  if (error) return CannotOpen(directory, error.message());
  if (empty) {
    info.kind = DirectoryKind::kEmpty;
    return info;
  }
  const bool marked = fs::exists(MarkerPath(directory), error);
  if (error) return CannotOpen(directory, error.message());
  if (!marked) {
    info.kind = DirectoryKind::kForeign;
    return info;
  }
  info.kind = DirectoryKind::kLog;
  SV_RETURN_IF_ERROR(ParseMarker(directory, &info.log_id));
  info.has_database = fs::exists(fs::path(directory) / "CURRENT", error);
  info.claimed = !fs::exists(fs::path(directory) / kUnclaimedName, error);
  return info;
}

Status MakeLogDirectory(const std::string& directory, const std::string& log_id) {
  std::error_code error;
  const bool made = fs::create_directory(directory, error);
  if (error) return CannotOpen(directory, "cannot create it: " + error.message());
  Status status = SetClaimed(directory, false);
  if (status.ok()) status = WriteMarker(directory, log_id);
  if (!status.ok()) {
    fs::remove(fs::path(directory) / kUnclaimedName, error);
    if (made) fs::remove(directory, error);
  }
  return status;
}

Result<std::unique_ptr<UnfinishedCopy>> UnfinishedCopy::Begin(const std::string& directory,
                                                              const std::string& log_id) {
  std::error_code error;
  const bool made = fs::create_directory(directory, error);
  if (error) {
    return Status::CannotOpen("directory " + directory + " cannot be made: " + error.message());
  }
  // The marker comes first, so that no two copies get the same directory.
  const std::string marker = fs::path(directory) / kCopyMarkerName;
  Status status = WriteMarkerAs(marker, O_EXCL, log_id);
  const bool marked = status.ok();
  if (!HoldsOnly(directory, {marked ? kCopyMarkerName : ""}, &error)) {
    status = Status::IOError(error ? error.message() : "it is not empty");
  }
  if (status.ok()) {
    return std::unique_ptr<UnfinishedCopy>(new UnfinishedCopy(directory, marker, made));
  }
  if (marked) ::unlink(marker.c_str());
  if (made) ::rmdir(directory.c_str());
  return Status::CannotOpen("directory " + directory + " cannot be used: " + status.message());
}

UnfinishedCopy::~UnfinishedCopy() {
  if (finished_) return;
  ::unlink(MarkerPath(directory_).c_str());
  // What cannot be deleted stays, and is no log directory.
  rocksdb::DestroyDB(directory_, rocksdb::Options()).PermitUncheckedError();
  ::unlink(marker_.c_str());
  if (made_directory_) ::rmdir(directory_.c_str());
}

Status UnfinishedCopy::Finish() {
  SV_RETURN_IF_ERROR(SyncDirectory(directory_));
  if (::rename(marker_.c_str(), MarkerPath(directory_).c_str()) != 0) {
    return Status::IOError("renaming " + marker_ + ": " + ErrnoText());
  }
  SV_RETURN_IF_ERROR(SyncDirectory(directory_));
  SV_RETURN_IF_ERROR(SyncDirectory(fs::path(directory_).parent_path()));
  finished_ = true;
  return Status::Ok();
}

Status SetClaimed(const std::string& directory, bool claimed) {
  const fs::path path = fs::path(directory) / kUnclaimedName;
  if (claimed) {
    std::error_code error;
    fs::remove(path, error);
    return error ? CannotOpen(directory, error.message()) : Status::Ok();
  }
  std::ofstream file(path);
  file << "No committed transaction is known to have this log: it may be deleted.\n";
  file.close();
  return file ? Status::Ok() : CannotOpen(directory, "cannot write to it: " + ErrnoText());
}

Status RemoveLogDirectory(const std::string& directory) {
  const rocksdb::Status destroyed = rocksdb::DestroyDB(directory, rocksdb::Options());
  if (!destroyed.ok()) {
    const Status status = FromRocks(destroyed, "deleting log directory " + directory);
    return destroyed.IsIOError() && destroyed.ToString().find("lock") != std::string::npos
               ? Status::Busy(status.message())
               : status;
  }
  std::error_code error;
  fs::remove(MarkerPath(directory), error);
  fs::remove(fs::path(directory) / kUnclaimedName, error);
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    if (entry.path().filename().string().rfind(kBuildingPrefix, 0) == 0) {
      fs::remove(entry.path(), error);
    }
  }
  // Fails where files of others are left, which is as it should be.
  fs::remove(directory, error);
  return Status::Ok();
}

}  // namespace streamview
