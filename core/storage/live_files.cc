#include "core/storage/live_files.h"

#include <algorithm>
#include <limits>

#include "core/storage/rocks.h"

namespace streamview {

namespace {

constexpr uint64_t kChunkBytes = 1u << 20;

}  // namespace

LiveFiles::LiveFiles(Database* store)
    : db_(store->db()),
      disk_(Database::DiskEnv()->GetFileSystem()),
      options_(db_->GetDBOptions()) {}

Result<std::unique_ptr<LiveFiles>> LiveFiles::Capture(Database* store) {
  std::unique_ptr<LiveFiles> files(new LiveFiles(store));
  SV_RETURN_IF_ERROR(FromRocks(files->db_->DisableFileDeletions(), "keeping the log's files"));
  rocksdb::LiveFilesStorageInfoOptions options;
  options.wal_size_for_flush = std::numeric_limits<uint64_t>::max();  // never
  SV_RETURN_IF_ERROR(FromRocks(files->db_->GetLiveFilesStorageInfo(options, &files->files_),
                               "listing the log's files"));
  return files;
}

LiveFiles::~LiveFiles() {
  // Fails only where it has nothing to do: deletions were not disabled.
  EnableFileDeletions(db_).PermitUncheckedError();
}

Status LiveFiles::CopyTo(const std::string& directory, const WaitOptions& wait) const {
  for (const rocksdb::LiveFileStorageInfo& file : files_) {
    SV_RETURN_IF_ERROR(wait.CheckInterrupted());
    if (file.file_type == rocksdb::kOptionsFile) continue;  // nobody reads them
    const std::string target = directory + "/" + file.relative_filename;
    const bool never_changes = file.file_type == rocksdb::kTableFile;
    SV_RETURN_IF_ERROR(never_changes ? Link(file, target, wait) : Copy(file, target, wait));
  }
  return Status::Ok();
}

// Another file system, one without links, too many links: where a link cannot be had, a copy can.
Status LiveFiles::Link(const rocksdb::LiveFileStorageInfo& file, const std::string& target,
                       const WaitOptions& wait) const {
  const std::string source = file.directory + "/" + file.relative_filename;
  const bool linked = disk_->LinkFile(source, target, options_.io_options, nullptr).ok();
  return linked ? Status::Ok() : Copy(file, target, wait);
}

Status LiveFiles::Copy(const rocksdb::LiveFileStorageInfo& file, const std::string& target,
                       const WaitOptions& wait) const {
  const std::string what = "copying " + file.relative_filename;
  std::unique_ptr<rocksdb::FSWritableFile> out;
  SV_RETURN_IF_ERROR(FromRocks(disk_->NewWritableFile(target, options_, &out, nullptr), what));
  const auto append = [&](const rocksdb::Slice& bytes) {
    return FromRocks(out->Append(bytes, options_.io_options, nullptr), what);
  };
  if (!file.replacement_contents.empty()) {
    SV_RETURN_IF_ERROR(append(file.replacement_contents));
  } else {
    const std::string source = file.directory + "/" + file.relative_filename;
    std::unique_ptr<rocksdb::FSSequentialFile> in;
    SV_RETURN_IF_ERROR(
        FromRocks(db_->GetFileSystem()->NewSequentialFile(source, options_, &in, nullptr), what));
    std::string buffer(std::min(file.size, kChunkBytes), '\0');
    for (uint64_t left = file.size; left > 0;) {
      SV_RETURN_IF_ERROR(wait.CheckInterrupted());
      rocksdb::Slice chunk;
      const size_t wanted = std::min<uint64_t>(left, buffer.size());
      SV_RETURN_IF_ERROR(
          FromRocks(in->Read(wanted, options_.io_options, &chunk, buffer.data(), nullptr), what));
      if (chunk.empty()) return Status::Corruption(what + ": it is shorter than it should be");
      SV_RETURN_IF_ERROR(append(chunk));
      left -= chunk.size();
    }
  }
  SV_RETURN_IF_ERROR(FromRocks(out->Fsync(options_.io_options, nullptr), what));
  return FromRocks(out->Close(options_.io_options, nullptr), what);
}

}  // namespace streamview
