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

Status Malformed() {
  return Status::Corruption("the document index holds a malformed sequence number");
}

Status ReadSeq(const rocksdb::Slice& bytes, Seq* seq) {
  std::string_view input = ToView(bytes);
  return ReadVarint(&input, seq) && input.empty() ? Status::Ok() : Malformed();
}

constexpr uint64_t kTombstoneBit = 1, kRealBit = 2;
constexpr int kSeqShift = 2;

}  // namespace

DocVersion VersionOf(const Entry& entry) {
  return {entry.seq, entry.is_tombstone(), entry.key.type() == ValueType::kReal};
}

void AppendVersion(std::string* dst, const DocVersion& version) {
  AppendVarint(dst, version.seq << kSeqShift | (version.key_is_real ? kRealBit : 0) |
                        (version.is_tombstone ? kTombstoneBit : 0));
}

Status ReadVersion(std::string_view bytes, DocVersion* version) {
  uint64_t packed;
  SV_RETURN_IF_ERROR(ReadSeq(ToSlice(bytes), &packed));
  version->seq = packed >> kSeqShift;
  version->key_is_real = (packed & kRealBit) != 0;
  version->is_tombstone = (packed & kTombstoneBit) != 0;
  return Status::Ok();
}

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
  SV_ASSIGN_OR_RETURN(settled_, LastEnd(checkpoint));
  return FromRocks(it->status(), "reading the document index");
}

// The last entry up to `seq` that ends a transaction.
Result<Seq> DocIndex::LastEnd(Seq seq) const {
  for (; seq > 0; seq--) {
    SV_ASSIGN_OR_RETURN(const bool continues, log_->Continues(seq));
    if (!continues) break;
  }
  return seq;
}

Status DocIndex::AdvanceTo(Seq seq, const WaitOptions& wait) {
  while (checkpoint() < seq) {
    SV_RETURN_IF_ERROR(wait.CheckInterrupted());
    if (wait.Expired()) return Status::TimedOut("timed out");
    SV_RETURN_IF_ERROR(AdvanceBatch(seq));
  }
  return Status::Ok();
}

Status DocIndex::SettleAt(Seq seq, const WaitOptions& wait) {
  SV_RETURN_IF_ERROR(AdvanceTo(seq, wait));
  while (settled_.load(std::memory_order_acquire) < seq) {
    SV_RETURN_IF_ERROR(wait.CheckInterrupted());
    if (wait.Expired()) return Status::TimedOut("timed out");
    SV_RETURN_IF_ERROR(AdvanceBatch(log_->head()));  // which ends a transaction
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
  std::unordered_map<std::string, DocVersion> latest;  // of the documents in this batch
  std::string value;
  Seq first_superseding = first_superseding_, last_superseding = last_superseding_;
  rocksdb::Status put;
  for (const Entry& entry : batch.entries()) {
    if (!entry.has_document()) continue;
    auto [it, is_new] = latest.try_emplace(DocKey(entry.key));
    if (is_new) SV_RETURN_IF_ERROR(ReadLatest(it->first, &it->second));
    if (it->second.seq != 0) {
      value.clear();
      AppendVersion(&value, it->second);
      put = writes.Put(store_->docs(), PreviousKey(entry.seq), value);
      first_superseding = std::min(first_superseding, entry.seq);
      last_superseding = entry.seq;
    }
    it->second = VersionOf(entry);
    if (!put.ok()) return FromRocks(put, "writing the document index");
  }
  for (const auto& [doc_key, version] : latest) {
    value.clear();
    AppendVersion(&value, version);
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
  if (const Seq end = batch.last_end(); end != 0) settled_.store(end, std::memory_order_release);
  return Status::Ok();
}

Status DocIndex::ReadLatest(const std::string& doc_key, DocVersion* version) const {
  rocksdb::PinnableSlice value;
  const rocksdb::Status read =
      store_->db()->Get(rocksdb::ReadOptions(), store_->docs(), doc_key, &value);
  *version = DocVersion();
  if (read.IsNotFound()) return Status::Ok();
  SV_RETURN_IF_ERROR(FromRocks(read, "reading the document index"));
  return ReadVersion(ToView(value), version);
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
    DocVersion superseded;
    SV_RETURN_IF_ERROR(ReadVersion(ToView(it->value()), &superseded));
    s.superseded = superseded.seq;
    out->push_back(s);
  }
  return FromRocks(it->status(), "reading the document index");
}

Status DocIndex::AddSuperseded(Seq after, Seq upto, SeqSet* set) const {
  constexpr Seq kStep = 1 << 16;  // at a time: a block of the set
  std::vector<Supersession> list;
  std::vector<Seq> seqs;
  while (after < upto) {
    const Seq end = std::min(upto, after + kStep);
    list.clear();
    SV_RETURN_IF_ERROR(ListSupersessions(after, end, &list));
    seqs.clear();
    for (const Supersession& s : list) seqs.push_back(s.superseded);
    if (!seqs.empty()) *set = set->With(seqs);
    after = end;
  }
  return Status::Ok();
}

Result<DocVersion> DocIndex::FindLatest(const ValueView& key, Seq at) const {
  DocVersion version;
  SV_RETURN_IF_ERROR(ReadLatest(DocKey(key), &version));
  return AsOf(version, at);
}

Result<DocVersion> DocIndex::AsOf(DocVersion version, Seq at) const {
  // The entries of a document form a chain, newest first.
  while (version.seq > at) {
    SV_ASSIGN_OR_RETURN(version, FindPrevious(version.seq));
  }
  return version;
}

Result<DocVersion> DocIndex::FindPrevious(Seq seq) const {
  rocksdb::PinnableSlice value;
  const rocksdb::Status read =
      store_->db()->Get(rocksdb::ReadOptions(), store_->docs(), PreviousKey(seq), &value);
  DocVersion previous;
  if (read.IsNotFound()) return previous;
  SV_RETURN_IF_ERROR(FromRocks(read, "reading the document index"));
  SV_RETURN_IF_ERROR(ReadVersion(ToView(value), &previous));
  return previous;
}

DocIndex::State DocIndex::TakeState() {
  MutexLock lock(mutex_);
  return {settled_.load(std::memory_order_relaxed), TakeSnapshot(store_->db())};
}

Status DocIndex::Flush() { return store_->Flush(store_->docs()); }

}  // namespace streamview
