#include "core/storage/log_owner.h"

#include "core/base/file_id.h"
#include "core/storage/small_file.h"

namespace streamview {

namespace {

std::string PathOf(const std::string& directory) { return directory + "/" + kOwnerName; }

// Empty where there is no such file.
std::string FileIdentity(const std::string& path) {
  const std::optional<FileId> id = FileId::Of(path);
  return id ? id->ToString() : "";
}

// A line each: the directory and the database by device and inode, then the database's path.
std::string Owner(const std::string& directory, const std::string& database) {
  return FileIdentity(directory) + "\n" + FileIdentity(database) + "\n" + database;
}

struct Noted {
  std::string directory_id, database_id, database;
};

// All empty where nothing is noted, or it cannot be understood.
Result<Noted> ReadNoted(const std::string& directory) {
  const Result<std::string> read = ReadSmallFile(PathOf(directory));
  if (!read.ok()) return Status::CannotOpen(PathOf(directory) + ": " + read.status().message());
  const size_t first = read->find('\n');
  const size_t second = first == std::string::npos ? first : read->find('\n', first + 1);
  if (second == std::string::npos) return Noted();
  return Noted{read->substr(0, first), read->substr(first + 1, second - first - 1),
               read->substr(second + 1)};
}

}  // namespace

Status CheckOwner(const std::string& directory, const std::string& database) {
  SV_ASSIGN_OR_RETURN(const Noted noted, ReadNoted(directory));
  const bool same_directory = noted.directory_id == FileIdentity(directory);
  const bool owner_is_there = FileIdentity(noted.database) == noted.database_id;
  if (!same_directory || !owner_is_there || noted.database_id == FileIdentity(database)) {
    return Status::Ok();
  }
  if (database.empty()) {
    return Status::CannotOpen("log directory " + directory + " belongs to the database " +
                              noted.database + "; open it by that database, or use a backup of it");
  }
  return Status::CannotOpen("log directory " + directory + " belongs to " + noted.database +
                            ", and this database is a copy of it; copy the directory, too, or take "
                            "it over")
      .WithRemedy(Remedy::kAdopt);
}

Result<LogOwner> ReadOwner(const std::string& directory) {
  SV_ASSIGN_OR_RETURN(const Noted noted, ReadNoted(directory));
  return LogOwner{noted.database, FileIdentity(noted.database) == noted.database_id};
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
