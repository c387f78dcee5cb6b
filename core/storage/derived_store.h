// DerivedStore: the database of all that is made from the log: the document index and the indexes
// of views. It has no write-ahead log; what a crash takes is made from the log again.
//
// So is what is damaged: a file that is missing, short or changed costs the column family that it
// belongs to, or where it is one of the database's own files, all of them. The log is never
// concerned. What was dropped, and why, losses() says.
//
// Column families (docs/format.md): `default`, which says what log this is of; `docs`; and one
// `mrview-<view>` for each index of a view. It is in a directory of its own in that of the log.
//
// Thread-safe.

#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/storage/database.h"
#include "core/storage/pending_run.h"

namespace streamview {

class DerivedStore final : public Database {
 public:
  // Opens what there is of log `log_id`; what is damaged, or another log's, is dropped. Makes an
  // empty one where there is none (options.create is not looked at). Errors: kBusy (locked), kFull,
  // kNoMemory, kIOError (also: no permission).
  static Result<std::unique_ptr<DerivedStore>> Open(const StoreOptions& options,
                                                    const std::string& log_id);
  // Closes. What is in memory only is lost: Flush is for who wants to keep it.
  ~DerivedStore() override;

  // What was found damaged when the store was opened, and dropped: column families by name, and
  // why. "": the whole store.
  const std::map<std::string, std::string>& losses() const { return losses_; }
  // Why the column family was lost; empty: it was not.
  std::string LossOf(const std::string& family) const;

  // The column family of the document index.
  std::shared_ptr<ColumnFamily> docs() const EXCLUDES(mutex_);
  // Puts an empty one in its place, and drops the old one. After an error either may be in place;
  // of two that are there, the next opening drops the old one.
  Status ReplaceDocs() EXCLUDES(mutex_);
  // The view column families found when the database was opened; the caller takes them over.
  std::vector<std::shared_ptr<ColumnFamily>> TakeViewFamilies() { return std::move(views_); }
  // An empty column family for an index of view `view`: `mrview-<view>`, with a number behind where
  // that name is taken.
  Result<std::shared_ptr<ColumnFamily>> CreateViewFamily(const std::string& view) EXCLUDES(mutex_);
  // The data goes once the last holder lets go of the family.
  Status DropFamily(const ColumnFamily& family) EXCLUDES(mutex_);

  // Lost in a crash unless the column family was flushed since. REQUIRES: batch is of this store
  Status Write(rocksdb::WriteBatch* batch);
  // Flushes the family if that is worth it: little is made again sooner than it is written. For a
  // store that is about to be closed.
  Status FlushUnlessLittle(const ColumnFamily& family);
  // Rewrites all of the family's files, without what was deleted or may be dropped. Errors:
  // kDamaged, noted as the family's; those of the disk.
  Status Compact(const ColumnFamily& family);

  // The path of a file, not there yet, that is being made for a column family to take in. What is
  // left of such files is removed when the store is opened.
  std::string NewBuildingFile();
  // Makes such a file, sorted and whole, a part of the family: atomic, and durable on return. The
  // file itself is moved away.
  Status TakeIn(rocksdb::ColumnFamilyHandle* family, const std::string& file);
  // What indexes may keep in memory, all together, before they write it.
  MemoryBudget& building_memory() { return building_memory_; }

 private:
  DerivedStore() : Database(/*uses_wal=*/false, "what is derived from the log") {}
  rocksdb::Status OpenFamilies(const StoreOptions& options);
  Status CheckAndComplete(const std::string& log_id);
  Status DropDamagedFamilies();
  FamilySetUp SetUpFamily(const std::string& name) override;
  bool IsDropped(rocksdb::ColumnFamilyHandle* family) const override EXCLUDES(mutex_);
  Result<std::shared_ptr<ColumnFamily>> CreateFamily(const std::string& name) REQUIRES(mutex_);

  MemoryBudget building_memory_{kBuildingBytes};
  std::atomic<uint64_t> building_files_{0};
  std::shared_ptr<FlushListener> flush_listener_ = std::make_shared<FlushListener>();
  std::map<std::string, std::string> losses_;  // constant once opened
  // Closed before the database is.
  std::unique_ptr<ColumnFamily> meta_;
  std::vector<std::shared_ptr<ColumnFamily>> views_;
  mutable Mutex mutex_;
  std::shared_ptr<ColumnFamily> docs_ GUARDED_BY(mutex_);
  // Of all column families, with RocksDB's number, which is never used again.
  std::map<std::string, uint32_t> names_ GUARDED_BY(mutex_);
};

// Where the derived data of a log directory are.
std::string DerivedDirectory(const std::string& log_directory);

// Deletes them. REQUIRES: nobody has the log open
Status DestroyDerivedStore(const std::string& log_directory);

// Deletes what a crash left of files that were made to be taken in. (Version 0.1 made them in the
// log's own directory.) One that cannot be deleted is in nobody's way.
void RemoveBuildingFiles(rocksdb::Env* env, const std::string& directory);

}  // namespace streamview
