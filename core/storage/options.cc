#include "core/storage/options.h"

#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/write_buffer_manager.h>

#include <limits>

#include "core/storage/aggregate_merge.h"
#include "core/storage/block_cache.h"
#include "core/storage/env.h"

namespace streamview {

namespace {

constexpr size_t kKiB = 1 << 10;
constexpr size_t kMiB = 1u << 20;
constexpr size_t kWriteBufferBytes = 64 * kMiB;  // of all column families together
// Write-ahead log kept at most before the column families that still need it are flushed: bounds
// the replay after a crash.
constexpr size_t kMaxWalBytes = 128 * kMiB;

// Files that a database has open at a time, tables mostly. Those of 200 views would otherwise take
// more descriptors than many a process may have; the price is that a look-up may first open a
// table.
constexpr int kMaxLogFiles = 256;
constexpr int kMaxDerivedFiles = 80;
constexpr int kTableCacheShardBits = 3;  // each shard rounds up

// Of a key that changes all the time, each look-up adds up what the memtable has of it. After so
// many changes RocksDB puts their sum there.
constexpr size_t kMaxSuccessiveMerges = 32;

class NoLogger final : public rocksdb::Logger {
 public:
  NoLogger() : Logger(rocksdb::FATAL_LEVEL) {}
  using Logger::Logv;
  void Logv(const char*, va_list) override {}
};

// A column family that falls behind in compaction must not stall writes, which would hold up those
// of all families: compactions catch up when there is less to do. Memory is bounded by the write
// buffer manager.
void NeverStall(rocksdb::ColumnFamilyOptions* options) {
  options->level0_slowdown_writes_trigger = std::numeric_limits<int>::max();
  options->level0_stop_writes_trigger = std::numeric_limits<int>::max();
  options->soft_pending_compaction_bytes_limit = 0;
  options->hard_pending_compaction_bytes_limit = 0;
}

rocksdb::DBOptions DatabaseOptions(const SharedBuffers& shared) {
  rocksdb::DBOptions options;
  options.env = StoreEnv();
  options.create_missing_column_families = true;
  options.max_background_jobs = 2;
  options.write_buffer_manager = shared.write_buffers;
  // No information log: nobody reads it, and on a full disk writing to it runs into an assertion
  // that ends the host's process (seen with the packaged 7.8.3).
  options.info_log = std::make_shared<NoLogger>();
  // After an error it is the database that resumes, not a thread of RocksDB.
  options.max_bgerror_resume_count = 0;
  // Files are opened by the calling thread: where no thread can be had, starting one ends the
  // process.
  options.max_file_opening_threads = 1;
  // As in RocksDB 7: a log does without the file OPTIONS-..., so that it fails is no error.
  options.fail_if_options_file_error = false;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  return options;
}

rocksdb::BlockBasedTableOptions TableOptions(const SharedBuffers& shared) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = shared.block_cache;
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  // What follows is the same in all versions of RocksDB, whose defaults are not: a log moves
  // between them, and all must read it.
  table.format_version = 5;
  table.optimize_filters_for_memory = false;
  return table;
}

rocksdb::ColumnFamilyOptions FamilyOptions(const rocksdb::BlockBasedTableOptions& table) {
  rocksdb::ColumnFamilyOptions options;
  options.compression = rocksdb::kLZ4Compression;
  options.level_compaction_dynamic_level_bytes = false;  // as above
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

// Of what is made from the log: written in large memtables, read all the time.
rocksdb::ColumnFamilyOptions IndexFamilyOptions(const rocksdb::BlockBasedTableOptions& table) {
  rocksdb::ColumnFamilyOptions options = FamilyOptions(table);
  options.write_buffer_size = 16 * kMiB;
  options.max_write_buffer_number = 64;
  NeverStall(&options);
  return options;
}

}  // namespace

SharedBuffers NewSharedBuffers() {
  SharedBuffers shared;
  shared.block_cache = SharedBlockCache();
  shared.write_buffers = std::make_shared<rocksdb::WriteBufferManager>(kWriteBufferBytes);
  return shared;
}

rocksdb::DBOptions LogOptions(const SharedBuffers& shared) {
  rocksdb::DBOptions options = DatabaseOptions(shared);
  options.max_total_wal_size = kMaxWalBytes;
  // Appends are buffered, by RocksDB or by the system; each commit then decides how far its bytes
  // must go (LogStore::FlushWal).
  options.manual_wal_flush = kManualWalFlush;
  // A write-ahead log that is missing, or shorter than it was when it was closed, is an error, not
  // a gap before later entries.
  options.track_and_verify_wals_in_manifest = true;
  options.max_open_files = kMaxLogFiles;
  return options;
}

rocksdb::DBOptions DerivedOptions(const SharedBuffers& shared) {
  rocksdb::DBOptions options = DatabaseOptions(shared);
  options.max_open_files = kMaxDerivedFiles;
  options.table_cache_numshardbits = kTableCacheShardBits;
  // What is in memory at the end is written where that is worth it (DerivedStore).
  options.avoid_flush_during_shutdown = true;
  // A file that is missing or short must not keep the others from being opened: DerivedStore looks.
  options.paranoid_checks = false;
  return options;
}

rocksdb::ColumnFamilyOptions MetadataFamilyOptions(const SharedBuffers& shared) {
  rocksdb::ColumnFamilyOptions options = FamilyOptions(TableOptions(shared));
  options.write_buffer_size = kMiB;
  return options;
}

rocksdb::ColumnFamilyOptions LogFamilyOptions(const SharedBuffers& shared) {
  // Documents are read one by one, from all over the log: of a large block, or one packed by zstd,
  // nearly all the time would go into unpacking what nobody asked for.
  rocksdb::BlockBasedTableOptions table = TableOptions(shared);
  table.block_size = 4 * kKiB;
  rocksdb::ColumnFamilyOptions options = FamilyOptions(table);
  options.write_buffer_size = 16 * kMiB;
  // Appends wait for the flush of the one before the last: what comes faster than the disk takes it
  // must not pile up in memory.
  options.max_write_buffer_number = 3;
  NeverStall(&options);
  return options;
}

rocksdb::ColumnFamilyOptions DocsFamilyOptions(const SharedBuffers& shared) {
  rocksdb::BlockBasedTableOptions table = TableOptions(shared);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  rocksdb::ColumnFamilyOptions options = IndexFamilyOptions(table);
  // Most documents are new: that the memtable does not have them is told without a search.
  options.memtable_prefix_bloom_size_ratio = 0.05;
  options.memtable_whole_key_filtering = true;
  return options;
}

rocksdb::ColumnFamilyOptions ViewFamilyOptions(const SharedBuffers& shared) {
  rocksdb::ColumnFamilyOptions options = IndexFamilyOptions(TableOptions(shared));
  options.merge_operator = NewAggregateMerge();
  options.max_successive_merges = kMaxSuccessiveMerges;
  return options;
}

}  // namespace streamview
