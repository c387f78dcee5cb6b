#include "core/storage/log_directory.h"

#include <fcntl.h>
#include <rocksdb/db.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <initializer_list>
#include <sstream>
#include <string_view>
#include <vector>

#include "core/base/errno_text.h"
#include "core/base/without_failing.h"
#include "core/storage/derived_store.h"
#include "core/storage/directory_error.h"
#include "core/storage/log_owner.h"
#include "core/storage/rocks.h"
#include "core/storage/small_file.h"

namespace streamview {

namespace {

namespace fs = std::filesystem;

constexpr char kMarkerName[] = "STREAMVIEW";
constexpr char kNewMarkerName[] = "STREAMVIEW.new";  // of ReplaceFile
constexpr char kNewOwnerName[] = "OWNER.new";
constexpr char kCopyMarkerName[] = "STREAMVIEW.copy";  // of an UnfinishedCopy
constexpr char kUnclaimedName[] = "UNCLAIMED";
constexpr char kMarkerTitle[] = "streamview log directory";
constexpr int kFormat = 2;
constexpr int kOldestFormat = 1;  // of version 0.1: derived data in the log's own database

fs::path MarkerPath(const std::string& directory) { return fs::path(directory) / kMarkerName; }

Status CannotWrite(const std::string& directory, const Status& why) {
  return CannotOpen(directory, "cannot write to it: " + why.message());
}

struct Marker {
  int format = 0;
  std::string log_id;
};

std::string FormatLine(int format) { return "format=" + std::to_string(format); }

// Reads "title, format=N, id=HEX", a line each.
Result<Marker> ReadMarker(const std::string& directory) {
  const Result<std::string> marker = ReadSmallFile(MarkerPath(directory));
  std::istringstream file(marker.ok() ? *marker : "");
  std::string title, format, id;
  if (!std::getline(file, title) || !std::getline(file, format) || !std::getline(file, id) ||
      title != kMarkerTitle || format.rfind("format=", 0) != 0 || id.rfind("id=", 0) != 0) {
    return CannotOpen(directory, "its STREAMVIEW file cannot be read or is damaged");
  }
  for (int known = kOldestFormat; known <= kFormat; known++) {
    if (format == FormatLine(known)) return Marker{known, id.substr(3)};
  }
  return CannotOpen(directory, "it has " + format + ", and this version of streamview knows " +
                                   FormatLine(kOldestFormat) + " to " + FormatLine(kFormat));
}

std::string MarkerText(const std::string& log_id) {
  return std::string(kMarkerTitle) + "\n" + FormatLine(kFormat) + "\nid=" + log_id + "\n";
}

// Calls visit(entry) for what is in a directory, until it returns false. (The iterator of a
// range-for throws.)
template <typename Visit>
std::error_code ForEachEntry(const std::string& directory, Visit visit) {
  std::error_code error;
  fs::directory_iterator entry(directory, error);
  while (!error && entry != fs::directory_iterator() && visit(*entry)) entry.increment(error);
  return error;
}

// RocksDB follows links as it reads, creates and deletes, and waits for pipes: one in a log
// directory would make it touch what is not the log's. There is none in a directory that it has
// made. `inner`: the one directory that may be there, of files only as well; empty: none.
Status CheckHoldsFilesOnly(const std::string& directory, const std::string& inner) {
  std::string other;
  bool has_inner = false;
  const std::error_code error = ForEachEntry(directory, [&](const fs::directory_entry& entry) {
    std::error_code ignored;
    const fs::file_type type = entry.symlink_status(ignored).type();
    // Where the log is in use, a file may go between the two looks.
    const bool is_inner = type == fs::file_type::directory && entry.path() == inner;
    const bool is_socket = type == fs::file_type::socket && entry.path().filename() == kSocketName;
    const bool fits =
        type == fs::file_type::regular || type == fs::file_type::not_found || is_inner || is_socket;
    has_inner |= is_inner;
    if (!fits) other = entry.path().filename().string();
    return fits;
  });
  if (error) return CannotOpen(directory, error.message());
  if (other.empty()) return has_inner ? CheckHoldsFilesOnly(inner, "") : Status::Ok();
  return CannotOpen(
      directory,
      "it holds \"" + other + "\", which is no plain file; take that away if the log is yours");
}

// Whether there is nothing in the directory but files of these names.
Result<bool> HoldsOnly(const std::string& directory,
                       std::initializer_list<std::string_view> names) {
  bool only = true;
  const std::error_code error = ForEachEntry(directory, [&](const fs::directory_entry& entry) {
    const std::string name = entry.path().filename();
    only = std::find(names.begin(), names.end(), name) != names.end();
    return only;
  });
  if (error) return CannotOpen(directory, error.message());
  return only;
}

// Makes a directory that is there no more open to others than `model` is, be it a file or a
// directory. Where there is no model, it is as open as the umask has it.
Status CopyPrivacy(const std::string& model, const std::string& directory) {
  std::error_code error;
  const fs::file_status status = fs::status(model, error);
  if (status.type() == fs::file_type::not_found) return Status::Ok();
  if (error) return CannotOpen(directory, model + ": " + error.message());
  const fs::perms granted = status.permissions();
  fs::perms denied = fs::perms::none;
  const auto deny = [&](fs::perms read, fs::perms write, fs::perms all) {
    if ((granted & write) == fs::perms::none) denied |= write;
    if ((granted & read) == fs::perms::none) denied |= all;
  };
  deny(fs::perms::group_read, fs::perms::group_write, fs::perms::group_all);
  deny(fs::perms::others_read, fs::perms::others_write, fs::perms::others_all);
  fs::permissions(directory, denied, fs::perm_options::remove, error);
  return error ? CannotOpen(directory, error.message()) : Status::Ok();
}

// `database` is the one that wants the directory, and does not know the log in it.
Status HoldsAnother(const std::string& directory, const std::string& log_id,
                    const std::string& database) {
  SV_ASSIGN_OR_RETURN(const LogOwner owner, ReadOwner(directory));
  const std::string message = "log directory " + directory + " holds another log (" + log_id + ")";
  // A file made anew may well have the number of the one that was deleted.
  if (!owner.database.empty() && (!owner.exists || owner.database == database)) {
    const std::string or_other =
        owner.exists ? ", or of another table of this database" : std::string();
    return Status::CannotOpen(message + " of a database that no longer exists (" + owner.database +
                              " was deleted or replaced)" + or_other +
                              "; delete the directory if that log is not needed, move it away, or "
                              "give this log another one")
        .WithRemedy(Remedy::kOtherDirectory);
  }
  return Status::CannotOpen(message +
                            (owner.database.empty() ? "" : " of the database " + owner.database) +
                            "; move it away, or give the log another one")
      .WithRemedy(Remedy::kOtherDirectory);
}

// Whether a log can be made in the directory, and what is there now.
Result<DirectoryInfo> CheckHasRoom(const std::string& directory, const std::string& database) {
  SV_ASSIGN_OR_RETURN(DirectoryInfo info, InspectDirectory(directory));
  if (info.kind == DirectoryKind::kForeign) {
    return Status::CannotOpen("log directory " + directory +
                              " exists and holds files that are not streamview's; move it away, or "
                              "give the log another one")
        .WithRemedy(Remedy::kOtherDirectory);
  }
  if (info.kind == DirectoryKind::kLog && info.claimed) {
    return HoldsAnother(directory, info.log_id, database);
  }
  return info;
}

// Deletes all of a log but HOLDER and the directory.
Status ClearLogDirectory(const std::string& directory) {
  rocksdb::Options options;
  options.env = Database::DiskEnv();
  const rocksdb::Status destroyed = rocksdb::DestroyDB(directory, options);
  if (!destroyed.ok()) return FromRocks(destroyed, "deleting log directory " + directory);
  SV_RETURN_IF_ERROR(DestroyDerivedStore(directory));
  RemoveBuildingFiles(Database::DiskEnv(), directory);
  std::error_code error;
  // The marker last but UNCLAIMED: what is left where this is cut short is a log to be removed, or
  // an empty directory.
  for (const char* name : {kSocketName, kOwnerName, kNewOwnerName, kMarkerName, kUnclaimedName}) {
    fs::remove(fs::path(directory) / name, error);
  }
  return Status::Ok();
}

// Makes a directory that is held into one of a log without entries. It is looked at again: another
// process may have been faster.
Status FillLogDirectory(const std::string& directory, const std::string& log_id,
                        const std::string& database) {
  SV_ASSIGN_OR_RETURN(const DirectoryInfo present, CheckHasRoom(directory, database));
  if (present.kind == DirectoryKind::kLog) SV_RETURN_IF_ERROR(ClearLogDirectory(directory));
  Status status = SetClaimed(directory, false);
  if (status.ok()) {
    const Status marked = ReplaceFile(MarkerPath(directory), MarkerText(log_id));
    if (!marked.ok()) status = CannotWrite(directory, marked);
  }
  std::error_code error;
  if (!status.ok()) fs::remove(fs::path(directory) / kUnclaimedName, error);
  return status;
}

// A log directory holds plain files only. `directory` need not be there.
Status CheckNotWithinLog(const std::string& directory) {
  std::error_code error;
  const fs::path whole = fs::weakly_canonical(directory, error);
  for (fs::path outer = whole.parent_path(); !error && outer != outer.parent_path();
       outer = outer.parent_path()) {
    if (!fs::exists(outer / kMarkerName, error)) continue;
    return Status::CannotOpen("directory " + directory + " would be within the log directory " +
                              outer.string() + ": choose another place");
  }
  return error ? CannotOpen(directory, error.message()) : Status::Ok();
}

Status CheckCanBeFilled(const std::string& directory) {
  SV_ASSIGN_OR_RETURN(const bool empty, HoldsOnly(directory, {kHolderName}));
  return empty ? Status::Ok() : Status::IOError("it is not empty");
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
  SV_ASSIGN_OR_RETURN(const bool empty, HoldsOnly(directory, {kNewMarkerName, kUnclaimedName,
                                                              kHolderName, kSocketName}));
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
  SV_RETURN_IF_ERROR(CheckHoldsFilesOnly(directory, DerivedDirectory(directory)));
  SV_ASSIGN_OR_RETURN(Marker marker, ReadMarker(directory));
  info.log_id = std::move(marker.log_id);
  info.has_old_format = marker.format != kFormat;
  info.claimed = !fs::exists(fs::path(directory) / kUnclaimedName, error);
  return info;
}

Status CheckWritable(const std::string& directory) {
  if (::faccessat(AT_FDCWD, directory.c_str(), W_OK | X_OK, AT_EACCESS) == 0) return Status::Ok();
  return {StatusCode::kReadOnly,
          "log directory " + directory + " cannot be written: " + ErrnoText()};
}

Result<NewLogDirectory> MakeLogDirectory(const std::string& directory, const std::string& log_id,
                                         const std::string& database) {
  SV_RETURN_IF_ERROR(CheckNotWithinLog(directory));
  SV_RETURN_IF_ERROR(CheckHasRoom(directory, database).status());
  std::error_code error;
  const bool made = fs::create_directory(directory, error);
  if (error) return CannotOpen(directory, "cannot create it: " + error.message());
  Status status = made ? CopyPrivacy(database, directory) : Status::Ok();
  std::unique_ptr<DirectoryLock> lock;
  if (status.ok()) {
    Result<std::unique_ptr<DirectoryLock>> taken = DirectoryLock::Take(directory);
    status = taken.status();
    if (status.ok()) lock = *std::move(taken);
  }
  if (status.ok()) status = FillLogDirectory(directory, log_id, database);
  if (status.ok()) return NewLogDirectory{std::move(lock), made};
  if (lock != nullptr) lock->RemoveFile();
  if (made) fs::remove(directory, error);
  return status;
}

Result<std::unique_ptr<UnfinishedCopy>> UnfinishedCopy::Begin(const std::string& directory,
                                                              const std::string& log_id,
                                                              const std::string& original) {
  SV_RETURN_IF_ERROR(CheckNotWithinLog(directory));
  std::error_code error;
  const bool made = fs::create_directory(directory, error);
  if (error) {
    return Status::CannotOpen("directory " + directory + " cannot be made: " + error.message());
  }
  // Anybody may make an empty directory into a log, or fill it, until it is held.
  const std::string marker = fs::path(directory) / kCopyMarkerName;
  Status status = CheckCanBeFilled(directory);
  std::unique_ptr<DirectoryLock> lock;
  if (status.ok()) {
    Result<std::unique_ptr<DirectoryLock>> taken = DirectoryLock::Take(directory);
    status = taken.status();
    if (status.ok()) lock = *std::move(taken);
  }
  if (status.ok()) status = CheckCanBeFilled(directory);
  if (status.ok() && made) status = CopyPrivacy(original, directory);
  if (status.ok()) status = WriteNewFile(marker, MarkerText(log_id));
  if (status.ok()) {
    return std::unique_ptr<UnfinishedCopy>(new UnfinishedCopy(std::move(lock), marker, made));
  }
  if (made) {
    if (lock != nullptr) lock->RemoveFile();
    ::rmdir(directory.c_str());
  }
  return Status::CannotOpen("directory " + directory + " cannot be used: " + status.message());
}

UnfinishedCopy::~UnfinishedCopy() {
  if (!finished_) WithoutFailing([this] { Remove(); });
}

// What cannot be deleted stays, and is no log directory.
void UnfinishedCopy::Remove() {
  ::unlink(MarkerPath(directory_).c_str());
  (void)DestroyDerivedStore(directory_);
  rocksdb::Options options;
  options.env = Database::DiskEnv();
  rocksdb::DestroyDB(directory_, options).PermitUncheckedError();
  ::unlink(marker_.c_str());
  lock_->RemoveFile();
  if (made_directory_) ::rmdir(directory_.c_str());
}

Status UnfinishedCopy::MakeDerivedDirectory() {
  const std::string derived = DerivedDirectory(directory_);
  std::error_code error;
  fs::create_directory(derived, error);
  return error ? CannotOpen(derived, "cannot create it: " + error.message()) : Status::Ok();
}

Status UnfinishedCopy::Finish() {
  SV_RETURN_IF_ERROR(SyncDirectory(DerivedDirectory(directory_)));
  SV_RETURN_IF_ERROR(SyncDirectory(directory_));
  if (::rename(marker_.c_str(), MarkerPath(directory_).c_str()) != 0) {
    return Status::IOError("renaming " + marker_ + ": " + ErrnoText());
  }
  SV_RETURN_IF_ERROR(SyncDirectory(directory_));
  SV_RETURN_IF_ERROR(SyncDirectory(fs::path(directory_).parent_path()));
  finished_ = true;
  return Status::Ok();
}

Status NoteFormat(const std::string& directory, const std::string& log_id) {
  const Status noted = ReplaceFile(MarkerPath(directory), MarkerText(log_id));
  return noted.ok() ? noted : CannotWrite(directory, noted);
}

Status SetClaimed(const std::string& directory, bool claimed) {
  const fs::path path = fs::path(directory) / kUnclaimedName;
  if (claimed) {
    std::error_code error;
    fs::remove(path, error);
    return error ? CannotOpen(directory, error.message()) : SyncDirectory(directory);
  }
  ::unlink(path.c_str());
  const Status written = WriteNewFile(
      path, "No committed transaction is known to have this log: it may be deleted.\n");
  return written.ok() ? written : CannotWrite(directory, written);
}

bool IsMarkedUnclaimed(const std::string& directory) {
  return ::access((fs::path(directory) / kUnclaimedName).c_str(), F_OK) == 0;
}

Status EmptyLogDirectory(const DirectoryLock& lock) {
  SV_RETURN_IF_ERROR(ClearLogDirectory(lock.directory()));
  lock.RemoveFile();
  return Status::Ok();
}

Status RemoveLogDirectory(const DirectoryLock& lock) {
  SV_RETURN_IF_ERROR(EmptyLogDirectory(lock));
  // Fails where files of others are left, which is as it should be.
  std::error_code error;
  fs::remove(lock.directory(), error);
  return Status::Ok();
}

}  // namespace streamview
