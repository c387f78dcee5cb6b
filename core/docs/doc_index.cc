#include "core/docs/doc_index.h"

#include <unordered_map>

#include "core/codec/key_codec.h"
#include "core/codec/varint.h"
#include "core/storage/rocks.h"

namespace streamview {

namespace {

// The column family's key spaces (docs/format.md). Document keys begin with 0x05 or more.
constexpr char kCheckpointKey[] = "\0checkpoint";
const rocksdb::Slice kCheckpoint(kCheckpointKey, sizeof(kCheckpointKey) - 1);
constexpr char kPreviousPrefix = '\1';
constexpr char kPreviousEnd = '\2';

std::string PreviousKey(Seq seq) {
  std::string key(1, kPreviousPrefix);
  AppendBigEndian64(&key, seq);
  return key;
}

std::string DocKey(const ValueView& key) {
  std::string encoded;
  AppendKeyColumn(&encoded, key);
  return encoded;
}

Status ReadSeq(const rocksdb::Slice& bytes, Seq* seq) {
  std::string_view input = ToView(bytes);
  if (ReadVarint(&input, seq) && input.empty()) return Status::Ok();
  return Status::Corruption("the document index holds a malformed sequence number");
}

}  // namespace

Result<std::unique_ptr<DocIndex>> DocIndex::Open(Log* log) {
  std::unique_ptr<DocIndex> index(new DocIndex(log));
  SV_RETURN_IF_ERROR(index->Recover());
  return index;
}

Status DocIndex::Recover() {
  rocksdb::DB* const db = store_->db();
  std::string bytes;
  const rocksdb::Status read = db->Get(rocksdb::ReadOptions(), store_->docs(), kCheckpoint, &bytes);
  if (read.IsNotFound()) return Status::Ok();
  SV_RETURN_IF_ERROR(FromRocks(read, "reading the document index"));
  Seq checkpoint;
  SV_RETURN_IF_ERROR(ReadSeq(bytes, &checkpoint));
  if (checkpoint > log_->head()) {
    rocksdb::WriteBatch clear;
    SV_RETURN_IF_ERROR(FromRocks(clear.DeleteRange(store_->docs(), "", "\xff"), "clearing"));
    SV_RETURN_IF_ERROR(store_->WriteUnlogged(&clear));
    return store_->Flush(store_->docs());
  }

  const std::string begin(1, kPreviousPrefix), end(1, kPreviousEnd);
  std::unique_ptr<rocksdb::Iterator> it(db->NewIterator(rocksdb::ReadOptions(), store_->docs()));
  it->Seek(begin);
  if (it->Valid() && it->key().starts_with(begin)) {
    first_superseding_ = DecodeBigEndian64(it->key().data() + 1);
    it->SeekForPrev(end);
    last_superseding_ = DecodeBigEndian64(it->key().data() + 1);
  }
  checkpoint_ = checkpoint;
  return FromRocks(it->status(), "reading the document index");
}

Status DocIndex::AdvanceTo(Seq seq, const WaitOptions& wait) {
  while (checkpoint() < seq) {
    SV_RETURN_IF_ERROR(wait.CheckInterrupted());
    if (wait.Expired()) return Status::TimedOut("timed out");
    SV_RETURN_IF_ERROR(AdvanceBatch(seq));
  }
  return Status::Ok();
}

Status DocIndex::AdvanceBatch(Seq seq) {
  MutexLock lock(mutex_);
  const Seq from = checkpoint_.load(std::memory_order_relaxed);
  if (from >= seq) return Status::Ok();
  EntryBatch batch;
  SV_RETURN_IF_ERROR(ReadBatch(*log_, from + 1, seq, &batch));
  return Apply(batch);
}

Status DocIndex::Apply(const EntryBatch& batch) {
  rocksdb::WriteBatch writes;
  std::unordered_map<std::string, Seq> latest;  // of the documents in this batch
  std::string value;
  Seq first_superseding = first_superseding_, last_superseding = last_superseding_;
  rocksdb::Status put;
  for (const Entry& entry : batch.entries()) {
    if (!entry.has_document()) continue;
    auto [it, is_new] = latest.try_emplace(DocKey(entry.key), 0);
    if (is_new) SV_RETURN_IF_ERROR(ReadLatest(it->first, &it->second));
    if (it->second != 0) {
      value.clear();
      AppendVarint(&value, it->second);
      put = writes.Put(store_->docs(), PreviousKey(entry.seq), value);
      first_superseding = std::min(first_superseding, entry.seq);
      last_superseding = entry.seq;
    }
    it->second = entry.seq;
    if (!put.ok()) return FromRocks(put, "writing the document index");
  }
  for (const auto& [doc_key, seq] : latest) {
    value.clear();
    AppendVarint(&value, seq);
    put = writes.Put(store_->docs(), doc_key, value);
    if (!put.ok()) return FromRocks(put, "writing the document index");
  }
  value.clear();
  AppendVarint(&value, batch.last());
  SV_RETURN_IF_ERROR(
      FromRocks(writes.Put(store_->docs(), kCheckpoint, value), "writing the document index"));
  SV_RETURN_IF_ERROR(store_->WriteUnlogged(&writes));
  first_superseding_ = first_superseding;
  last_superseding_ = last_superseding;
  checkpoint_.store(batch.last(), std::memory_order_release);
  return Status::Ok();
}

Status DocIndex::ReadLatest(const std::string& doc_key, Seq* seq) const {
  rocksdb::PinnableSlice value;
  const rocksdb::Status read =
      store_->db()->Get(rocksdb::ReadOptions(), store_->docs(), doc_key, &value);
  *seq = 0;
  if (read.IsNotFound()) return Status::Ok();
  SV_RETURN_IF_ERROR(FromRocks(read, "reading the document index"));
  return ReadSeq(value, seq);
}

Status DocIndex::ListSupersessions(Seq after, Seq upto, std::vector<Supersession>* out) const {
  if (upto < first_superseding_ || after >= last_superseding_) return Status::Ok();
  rocksdb::ReadOptions options;
  const std::string upper = PreviousKey(upto + 1);
  const rocksdb::Slice upper_bound(upper);
  options.iterate_upper_bound = &upper_bound;
  std::unique_ptr<rocksdb::Iterator> it(store_->db()->NewIterator(options, store_->docs()));
  for (it->Seek(PreviousKey(after + 1)); it->Valid(); it->Next()) {
    Supersession s{DecodeBigEndian64(it->key().data() + 1), 0};
    SV_RETURN_IF_ERROR(ReadSeq(it->value(), &s.superseded));
    out->push_back(s);
  }
  return FromRocks(it->status(), "reading the document index");
}

Result<Seq> DocIndex::FindLatest(const ValueView& key, Seq at) const {
  Seq seq;
  SV_RETURN_IF_ERROR(ReadLatest(DocKey(key), &seq));
  // The entries of a document form a chain, newest first.
  while (seq > at) {
    SV_ASSIGN_OR_RETURN(seq, FindPrevious(seq));
  }
  return seq;
}

Result<Seq> DocIndex::FindPrevious(Seq seq) const {
  rocksdb::PinnableSlice value;
  const rocksdb::Status read =
      store_->db()->Get(rocksdb::ReadOptions(), store_->docs(), PreviousKey(seq), &value);
  Seq previous = 0;
  if (read.IsNotFound()) return previous;
  SV_RETURN_IF_ERROR(FromRocks(read, "reading the document index"));
  SV_RETURN_IF_ERROR(ReadSeq(value, &previous));
  return previous;
}

Status DocIndex::Flush() { return store_->Flush(store_->docs()); }

}  // namespace streamview
