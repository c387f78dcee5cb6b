#include "core/storage/log_owner.h"

#include <sys/stat.h>

#include "core/storage/rocks.h"

namespace streamview {

namespace {

// In the metadata, a line each: the directory and the database by device and inode, then the
// database's path.
constexpr char kOwnerKey[] = "owner";

// Empty where there is no such file.
std::string FileIdentity(const std::string& path) {
  struct stat status;
  if (::stat(path.c_str(), &status) != 0) return "";
  return std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
}

// What stands under kOwnerKey for them.
std::string Owner(const std::string& directory, const std::string& database) {
  return FileIdentity(directory) + "\n" + FileIdentity(database) + "\n" + database;
}

// Empty where there is none yet.
Result<std::string> ReadOwner(const Store& store) {
  std::string owner;
  const rocksdb::Status read =
      store.db()->Get(rocksdb::ReadOptions(), store.meta(), kOwnerKey, &owner);
  if (!read.IsNotFound()) SV_RETURN_IF_ERROR(FromRocks(read, "reading the log's owner"));
  return owner;
}

}  // namespace

Status CheckOwner(const Store& store, const std::string& directory, const std::string& database) {
  SV_ASSIGN_OR_RETURN(const std::string known, ReadOwner(store));
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
                              known_database +
                              "; open it through SQLite, or make a copy by sv_backup");
  }
  return Status::CannotOpen("log directory " + directory + " belongs to " + known_database +
                            ", and this database is a copy of it; copy the directory, too, or take "
                            "it over with sv_adopt");
}

Status NoteOwner(Store* store, const std::string& directory, const std::string& database) {
  const std::string owner = Owner(directory, database);
  SV_ASSIGN_OR_RETURN(const std::string known, ReadOwner(*store));
  if (known == owner) return Status::Ok();
  rocksdb::WriteBatch batch;
  SV_RETURN_IF_ERROR(
      FromRocks(batch.Put(store->meta(), kOwnerKey, owner), "writing the log's owner"));
  SV_RETURN_IF_ERROR(store->WriteLogged(&batch));
  return store->FlushWal(/*sync=*/true);
}

Status ForgetOwner(Store* store) {
  rocksdb::WriteBatch batch;
  SV_RETURN_IF_ERROR(
      FromRocks(batch.Delete(store->meta(), kOwnerKey), "forgetting the log's owner"));
  SV_RETURN_IF_ERROR(store->WriteLogged(&batch));
  return store->FlushWal(/*sync=*/true);
}

}  // namespace streamview
