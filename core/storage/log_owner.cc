#include "core/storage/log_owner.h"

#include <sys/stat.h>

#include "core/storage/small_file.h"

namespace streamview {

namespace {

std::string PathOf(const std::string& directory) { return directory + "/" + kOwnerName; }

// Empty where there is no such file.
std::string FileIdentity(const std::string& path) {
  struct stat status;
  if (::stat(path.c_str(), &status) != 0) return "";
  return std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
}

// A line each: the directory and the database by device and inode, then the database's path.
std::string Owner(const std::string& directory, const std::string& database) {
  return FileIdentity(directory) + "\n" + FileIdentity(database) + "\n" + database;
}

}  // namespace

Status CheckOwner(const std::string& directory, const std::string& database) {
  const Result<std::string> read = ReadSmallFile(PathOf(directory));
  if (!read.ok()) return Status::CannotOpen(PathOf(directory) + ": " + read.status().message());
  const std::string& known = *read;
  const size_t first = known.find('\n');
  const size_t second = first == std::string::npos ? first : known.find('\n', first + 1);
  if (second == std::string::npos) return Status::Ok();
  const std::string known_database = known.substr(second + 1);
  const std::string known_identity = known.substr(first + 1, second - first - 1);
  const bool same_directory = known.substr(0, first) == FileIdentity(directory);
  const bool owner_is_there = FileIdentity(known_database) == known_identity;
  if (!same_directory || !owner_is_there || known_identity == FileIdentity(database)) {
    return Status::Ok();
  }
  if (database.empty()) {
    return Status::CannotOpen("log directory " + directory + " belongs to the database " +
                              known_database + "; open it by that database, or use a backup of it");
  }
  return Status::CannotOpen("log directory " + directory + " belongs to " + known_database +
                            ", and this database is a copy of it; copy the directory, too, or take "
                            "it over")
      .WithRemedy(Remedy::kAdopt);
}

Status NoteOwner(const std::string& directory, const std::string& database) {
  const std::string owner = Owner(directory, database);
  const Result<std::string> known = ReadSmallFile(PathOf(directory));
  if (known.ok() && *known == owner) return Status::Ok();
  Status written = ReplaceFile(PathOf(directory), owner);
  if (written.ok()) written = SyncDirectory(directory);
  return written.WithContext("noting the owner of log directory " + directory);
}

}  // namespace streamview
