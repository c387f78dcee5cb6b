#include "core/log/log_reader.h"

#include <algorithm>

#include "core/codec/record.h"
#include "core/codec/varint.h"
#include "core/storage/rocks.h"

namespace streamview {

namespace {

Status MissingEntry(Seq seq) {
  return Status::Corruption("the log lacks entry " + std::to_string(seq));
}

// Checks that `it` stands at `seq`; anything else is a gap, or an error of the iterator.
Status ExpectAt(const rocksdb::Iterator& it, Seq seq) {
  if (!it.Valid()) {
    SV_RETURN_IF_ERROR(FromRocks(it.status(), "reading the log"));
    return MissingEntry(seq);
  }
  if (it.key().size() != sizeof(Seq) || DecodeBigEndian64(it.key().data()) != seq) {
    return MissingEntry(seq);
  }
  return Status::Ok();
}

class StoredLogCursor final : public LogCursor {
 public:
  StoredLogCursor(const Log& log, const LogRange& range, BlockCache cache)
      : log_(log),
        cache_(cache),
        reverse_(range.reverse),
        first_(std::max<Seq>(range.first, 1)),
        last_(std::min(range.last, log.head())) {
    if (first_ <= last_) Load(reverse_ ? last_ : first_);
  }

  bool Valid() const override { return valid_; }
  Status status() const override { return status_; }
  const Entry& entry() const override {
    SV_REQUIRE(valid_);
    return entry_;
  }

  void Next() override {
    SV_REQUIRE(valid_);
    valid_ = false;
    if (reverse_ ? entry_.seq == first_ : entry_.seq == last_) return;
    Load(reverse_ ? entry_.seq - 1 : entry_.seq + 1);
  }

 private:
  void Load(Seq seq) {
    status_ = Read(seq);
    valid_ = status_.ok();
  }

  Status Read(Seq seq) {
    if (first_ == last_) {  // a point: no iterator
      SV_RETURN_IF_ERROR(log_.ReadRecord(seq, &record_));
      return DecodeRecord(ToView(record_), seq, &entry_);
    }
    if (!it_) {
      LogStore* const store = log_.store();
      rocksdb::ReadOptions options;
      options.fill_cache = cache_ == BlockCache::kFill;
      it_.reset(store->db()->NewIterator(options, store->log()));
      std::string key;
      AppendBigEndian64(&key, seq);
      it_->Seek(key);
    } else if (reverse_) {
      it_->Prev();
    } else {
      it_->Next();
    }
    SV_RETURN_IF_ERROR(ExpectAt(*it_, seq));
    return DecodeRecord(ToView(it_->value()), seq, &entry_);
  }

  const Log& log_;
  const BlockCache cache_;
  const bool reverse_;
  const Seq first_, last_;
  std::unique_ptr<rocksdb::Iterator> it_;
  rocksdb::PinnableSlice record_;
  Entry entry_;
  bool valid_ = false;
  Status status_;
};

}  // namespace

size_t EntryBatch::MemoryUsage() const {
  size_t bytes = bytes_.capacity() + entries_.capacity() * sizeof(Entry);
  for (const LogRecord& record : records_) bytes += record.bytes->capacity();
  return bytes;
}

Status ReadBatch(const Log& log, Seq first, Seq last, BlockCache cache, EntryBatch* batch) {
  SV_REQUIRE(first <= last && last <= log.head());
  batch->entries_.clear();
  batch->records_ = log.FindRecent(first, last, kBatchEntries);
  if (batch->records_.empty()) return ReadStoredBatch(log, first, last, cache, batch);
  batch->entries_.resize(batch->records_.size());
  for (size_t i = 0; i < batch->records_.size(); i++) {
    SV_RETURN_IF_ERROR(DecodeRecord(*batch->records_[i].bytes, first + i, &batch->entries_[i]));
    batch->entries_[i].continues = batch->records_[i].continues;
  }
  return Status::Ok();
}

Status ReadStoredBatch(const Log& log, Seq first, Seq last, BlockCache cache, EntryBatch* batch) {
  std::string& bytes = batch->bytes_;
  bytes.clear();
  batch->records_.clear();
  std::vector<size_t> ends;
  LogStore* const store = log.store();
  rocksdb::ReadOptions options;
  std::string upper;
  AppendBigEndian64(&upper, last + 1);
  const rocksdb::Slice upper_bound(upper);
  options.iterate_upper_bound = &upper_bound;
  options.fill_cache = cache == BlockCache::kFill;
  std::unique_ptr<rocksdb::Iterator> it(store->db()->NewIterator(options, store->log()));
  std::string key;
  AppendBigEndian64(&key, first);
  it->Seek(key);
  for (Seq seq = first; seq <= last && ends.size() < kBatchEntries; seq++) {
    SV_RETURN_IF_ERROR(ExpectAt(*it, seq));
    if (!ends.empty() && bytes.size() + it->value().size() > kBatchBytes) break;
    bytes.append(it->value().data(), it->value().size());
    ends.push_back(bytes.size());
    it->Next();
  }
  // Decoded only now: appending moves the bytes that entries point to.
  batch->entries_.resize(ends.size());
  for (size_t i = 0, begin = 0; i < ends.size(); begin = ends[i++]) {
    const std::string_view record(bytes.data() + begin, ends[i] - begin);
    SV_RETURN_IF_ERROR(DecodeRecord(record, first + i, &batch->entries_[i]));
  }
  return Status::Ok();
}

std::unique_ptr<LogCursor> NewLogCursor(const Log& log, const LogRange& range, BlockCache cache) {
  return std::make_unique<StoredLogCursor>(log, range, cache);
}

}  // namespace streamview
