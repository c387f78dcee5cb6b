// RocksDB by hand, as the floor: appends by number with the write-ahead log, nothing else. The
// options are those that one would begin with: LZ4, 64 MB write buffers.

#include <rocksdb/db.h>

#include "bench/contestant.h"

namespace streamview::bench {

namespace {

class RocksContestant final : public Contestant {
 public:
  explicit RocksContestant(const std::string& directory) {
    rocksdb::Options options;
    options.create_if_missing = true;
    options.compression = rocksdb::kLZ4Compression;
    rocksdb::DB* db = nullptr;
    Check(rocksdb::DB::Open(options, directory + "/rocksdb", &db));
    db_.reset(db);
  }

  void PutAll(const std::vector<Document>& documents) override {
    rocksdb::WriteBatch batch;
    for (const Document& document : documents) {
      char number[8];
      ++last_;
      for (int i = 0; i < 8; ++i) number[i] = static_cast<char>(last_ >> (56 - 8 * i));
      const rocksdb::Slice key(number, sizeof number);
      const rocksdb::Slice value[] = {document.key, document.value};
      Check(batch.Put(rocksdb::SliceParts(&key, 1), rocksdb::SliceParts(value, 2)));
      if (batch.Count() == kDocumentsPerTransaction) Write(batch);
    }
    if (batch.Count() > 0) Write(batch);
  }
  void AwaitIndexes() override {}
  bool answers_queries() const override { return false; }
  void Put(const Document&) override {}
  int64_t Lookup(const std::string&) override { return 0; }
  int64_t Range(int64_t) override { return 0; }
  void RebuildTags() override {}
  double IndexDigest() override { return 0; }
  void Close() override { db_.reset(); }

 private:
  static void Check(const rocksdb::Status& status) {
    if (!status.ok()) Die(status.ToString());
  }
  void Write(rocksdb::WriteBatch& batch) {
    Check(db_->Write(rocksdb::WriteOptions(), &batch));
    batch.Clear();
  }

  std::unique_ptr<rocksdb::DB> db_;
  uint64_t last_ = 0;
};

}  // namespace

std::unique_ptr<Contestant> NewRocksContestant(const std::string& directory) {
  return std::make_unique<RocksContestant>(directory);
}

}  // namespace streamview::bench
