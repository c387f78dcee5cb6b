#include "core/storage/log_directory.h"

#include <fcntl.h>
#include <rocksdb/db.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/storage/rocks.h"

namespace streamview {

namespace {

namespace fs = std::filesystem;

constexpr char kMarkerName[] = "STREAMVIEW";
constexpr char kNewMarkerName[] = "STREAMVIEW.new";
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

// Written beside and renamed: the marker is there whole or not at all.
Status WriteMarker(const std::string& directory, const std::string& log_id) {
  std::ostringstream text;
  text << kMarkerTitle << "\nformat=" << kFormat << "\nid=" << log_id << "\n";
  const std::string bytes = text.str();
  const std::string path = MarkerPath(directory), temporary = fs::path(directory) / kNewMarkerName;
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return CannotOpen(directory, "cannot write to it: " + ErrnoText());
  const bool written =
      ::write(fd, bytes.data(), bytes.size()) == ssize_t(bytes.size()) && ::fsync(fd) == 0;
  const std::string error = ErrnoText();
  ::close(fd);
  if (!written || ::rename(temporary.c_str(), path.c_str()) != 0) {
    ::unlink(temporary.c_str());
    return CannotOpen(directory, "cannot write to it: " + (written ? ErrnoText() : error));
  }
  return Status::Ok();
}

// Whether there is nothing in the directory, or only what a MakeLogDirectory that was cut short
// left.
bool IsEmptyDirectory(const std::string& directory, std::error_code* error) {
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, *error)) {
    const std::string name = entry.path().filename();
    if (name != kNewMarkerName && name != kUnclaimedName) return false;
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

  const bool empty = IsEmptyDirectory(directory, &error);
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
  // Fails where files of others are left, which is as it should be.
  fs::remove(directory, error);
  return Status::Ok();
}

}  // namespace streamview
