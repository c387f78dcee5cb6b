#include "core/docs/doc_index.h"

#include <algorithm>

#include "core/base/check.h"
#include "core/codec/key_codec.h"
#include "core/codec/varint.h"
#include "core/storage/family_write.h"
#include "core/storage/rocks.h"

namespace streamview {

namespace {

// The last of the entries that ends a transaction; 0: all are of one that goes on.
Seq EndWithin(std::span<const Entry> entries) {
  for (size_t i = entries.size(); i-- > 0;) {
    if (!entries[i].continues) return entries[i].seq;
  }
  return 0;
}

// The column family's key spaces (docs/format.md). Document keys begin with 0x05 or more.
constexpr char kCheckpointKey[] = "\0checkpoint";
const rocksdb::Slice kCheckpoint(kCheckpointKey, sizeof(kCheckpointKey) - 1);
constexpr char kCountKey[] = "\0documents";
const rocksdb::Slice kCount(kCountKey, sizeof(kCountKey) - 1);
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

constexpr char kReading[] = "reading the document index";

Status Malformed(const ColumnFamily& family) {
  return family.NoteDamage("the document index holds a malformed sequence number");
}

Status NotBefore(const ColumnFamily& family, Seq seq) {
  return family.NoteDamage("the document index has entry " + std::to_string(seq) +
                           " supersede one that is not before it");
}

// The entry that a key of the previous space is about. Errors: kDamaged.
Status ReadPreviousKey(const ColumnFamily& family, const rocksdb::Slice& key, Seq* seq) {
  if (key.size() != 1 + sizeof(Seq)) return Malformed(family);
  *seq = DecodeBigEndian64(key.data() + 1);
  return Status::Ok();
}

// Fewer entries than this are not written at once.
constexpr Seq kFewEntries = 1000;
// Supersessions that are kept in memory once they are written, for the views that follow.
constexpr size_t kRecent = 8192;
constexpr size_t kBytesOfAnEntry = 96;  // in the map, beside the key

constexpr uint64_t kTombstoneBit = 1, kRealBit = 2;
constexpr int kSeqShift = 2;

}  // namespace

void AppendVersion(std::string* dst, const DocVersion& version) {
  AppendVarint(dst, version.seq << kSeqShift | (version.key_is_real ? kRealBit : 0) |
                        (version.is_tombstone ? kTombstoneBit : 0));
}

Status ReadVersion(const ColumnFamily& family, std::string_view bytes, DocVersion* version) {
  uint64_t packed;
  if (!ReadVarint(&bytes, &packed) || !bytes.empty()) return Malformed(family);
  version->seq = packed >> kSeqShift;
  version->key_is_real = (packed & kRealBit) != 0;
  version->is_tombstone = (packed & kTombstoneBit) != 0;
  return Status::Ok();
}

DocIndex::DocIndex(Log* log, DerivedStore* store)
    : log_(log),
      store_(store),
      batches_(log),
      family_(store->docs()),
      loss_(store->LossOf(family_->name())),
      pending_run_(&store->building_memory()) {}

Result<std::unique_ptr<DocIndex>> DocIndex::Open(Log* log, DerivedStore* store) {
  std::unique_ptr<DocIndex> index(new DocIndex(log, store));
  SV_RETURN_IF_ERROR(index->Recover());
  return index;
}

Status DocIndex::Recover() {
  MutexLock lock(mutex_);
  const Result<bool> usable = RecoverWritten();
  if (!usable.ok() && usable.status().code() != StatusCode::kDamaged) return usable.status();
  return usable.ok() && *usable ? Status::Ok() : Reset();
}

Result<bool> DocIndex::RecoverWritten() {
  const Family family = this->family();
  std::string bytes;
  const rocksdb::Status read =
      store_->db()->Get(rocksdb::ReadOptions(), family->handle(), kCheckpoint, &bytes);
  if (read.IsNotFound()) return true;
  SV_RETURN_IF_ERROR(family->CheckRead(read, kReading));
  Checkpoint written;
  if (!ReadCheckpoint(bytes, &written)) return Malformed(*family);
  if (written.epoch != log_->epoch() || written.seq > log_->head()) return false;
  SV_ASSIGN_OR_RETURN(const std::optional<uint64_t> documents, RecoverCount(*family, written));
  if (!documents) return false;
  SV_RETURN_IF_ERROR(RecoverSuperseding(*family));
  checkpoint_ = written.seq;
  {
    MutexLock lock(pending_mutex_);
    written_ = written.seq;
    documents_ = *documents;
    recent_from_ = written.seq + 1;
  }
  SV_ASSIGN_OR_RETURN(settled_, LastEnd(written.seq));
  return true;
}

Result<std::optional<uint64_t>> DocIndex::RecoverCount(const ColumnFamily& family,
                                                       const Checkpoint& checkpoint) const {
  std::string bytes;
  const rocksdb::Status read =
      store_->db()->Get(rocksdb::ReadOptions(), family.handle(), kCount, &bytes);
  if (read.IsNotFound()) return std::optional<uint64_t>();
  SV_RETURN_IF_ERROR(family.CheckRead(read, kReading));
  std::string expected;
  AppendCheckpoint(&expected, checkpoint);
  if (!bytes.starts_with(expected)) return std::optional<uint64_t>();
  std::string_view rest = std::string_view(bytes).substr(expected.size());
  uint64_t documents;
  if (!ReadVarint(&rest, &documents) || !rest.empty()) return Malformed(family);
  return std::optional(documents);
}

Status DocIndex::RecoverSuperseding(const ColumnFamily& family) {
  const std::string begin(1, kPreviousPrefix), end(1, kPreviousEnd);
  std::unique_ptr<rocksdb::Iterator> it(
      store_->db()->NewIterator(rocksdb::ReadOptions(), family.handle()));
  it->Seek(begin);
  if (it->Valid() && it->key().starts_with(begin)) {
    Seq first = 0, last = 0;
    SV_RETURN_IF_ERROR(ReadPreviousKey(family, it->key(), &first));
    it->SeekForPrev(end);
    SV_RETURN_IF_ERROR(family.CheckRead(it->status(), kReading));
    SV_RETURN_IF_ERROR(ReadPreviousKey(family, it->key(), &last));
    first_superseding_ = first;
    last_superseding_ = last;
  }
  return family.CheckRead(it->status(), kReading);
}

Status DocIndex::ResetIfDamaged() { return is_damaged() ? Reset() : Status::Ok(); }

Status DocIndex::Reset() {
  const Family old = family();
  SV_RETURN_IF_ERROR(store_->ReplaceDocs());
  // Who reads has taken the family and the checkpoint with the mutex.
  MutexLock lock(pending_mutex_);
  family_ = store_->docs();
  if (std::string why = old->damage(); !why.empty()) loss_ = std::move(why);
  checkpoint_ = 0;
  settled_ = 0;
  first_superseding_ = UINT64_MAX;
  last_superseding_ = 0;
  documents_ = 0;
  pending_.clear();
  pending_bytes_ = 0;
  pending_run_.Clear();
  written_ = 0;
  superseded_.clear();
  recent_from_ = 1;
  return Status::Ok();
}

DocIndex::Family DocIndex::family() const {
  MutexLock lock(pending_mutex_);
  return family_;
}

void DocIndex::NoteBackground(const Status& status) {
  MutexLock lock(pending_mutex_);
  background_status_ = status;
}

Status DocIndex::background_status() const {
  MutexLock lock(pending_mutex_);
  return background_status_;
}

std::string DocIndex::loss() const {
  MutexLock lock(pending_mutex_);
  return loss_;
}

uint64_t DocIndex::BytesOnDisk() const { return store_->BytesOnDisk(family()->handle()); }

Status DocIndex::CheckReaches(Seq seq) const {
  if (seq <= checkpoint()) return Status::Ok();
  return Status::Damaged("the document index is being built anew from the log: try again");
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
  SV_REQUIRE(seq <= log_->head());
  while (checkpoint() < seq || is_damaged()) {
    SV_RETURN_IF_ERROR(wait.CheckInterrupted());
    if (wait.Expired()) return Status::TimedOut();
    SV_RETURN_IF_ERROR(AdvanceBatch(seq));
  }
  return Status::Ok();
}

Status DocIndex::SettleAt(Seq seq, const WaitOptions& wait) {
  SV_REQUIRE(seq <= log_->head());
  SV_RETURN_IF_ERROR(AdvanceTo(seq, wait));
  while (settled_.load(std::memory_order_acquire) < seq) {
    SV_RETURN_IF_ERROR(wait.CheckInterrupted());
    if (wait.Expired()) return Status::TimedOut();
    SV_RETURN_IF_ERROR(AdvanceBatch(log_->head()));  // which ends a transaction
  }
  return Status::Ok();
}

Status DocIndex::AdvanceBatch(Seq seq) {
  MutexLock lock(mutex_);
  SV_RETURN_IF_ERROR(ResetIfDamaged());
  const Seq from = checkpoint_.load(std::memory_order_relaxed);
  if (from >= seq) return Status::Ok();
  SV_ASSIGN_OR_RETURN(const SharedBatch batch, batches_.Read(from + 1, seq));
  return Apply(batch->From(from + 1));
}

Status DocIndex::AdvanceOver(const EntryBatch& batch) {
  SV_RETURN_IF_ERROR(AdvanceTo(batch.first() - 1, WaitOptions()));
  MutexLock lock(mutex_);
  const Seq next = checkpoint() + 1;
  return batch.Has(next) ? Apply(batch.From(next)) : Status::Ok();
}

Status DocIndex::Apply(std::span<const Entry> entries) {
  Versions written;
  SV_RETURN_IF_ERROR(ReadWritten(entries, &written));
  bool may_wait;
  {
    MutexLock lock(pending_mutex_);
    for (const Entry& entry : entries) {
      if (entry.has_document()) AddVersion(entry, written);
      checkpoint_.store(entry.seq, std::memory_order_release);
    }
    const Seq count = checkpoint() - written_;
    pending_run_.Set(count, pending_bytes_);
    may_wait = count < kFewEntries || pending_run_.MayGrow(log_->head() - checkpoint());
  }
  if (const Seq end = EndWithin(entries); end != 0) settled_.store(end, std::memory_order_release);
  return may_wait ? Status::Ok() : WritePending();
}

// The versions, as the column family has them, of the batch's documents that are not pending.
Status DocIndex::ReadWritten(std::span<const Entry> entries, Versions* versions) {
  Family family;
  {
    MutexLock lock(pending_mutex_);
    if (written_ == 0) return Status::Ok();
    family = family_;
    for (const Entry& entry : entries) {
      if (!entry.has_document()) continue;
      std::string doc_key = DocKey(entry.key);
      if (pending_.count(doc_key) == 0) versions->try_emplace(std::move(doc_key));
    }
  }
  for (auto& [doc_key, version] : *versions) {
    SV_RETURN_IF_ERROR(ReadLatest(*family, doc_key, &version));
  }
  return Status::Ok();
}

// Changes nothing where it throws.
void DocIndex::AddVersion(const Entry& entry, const Versions& written) {
  std::string doc_key = DocKey(entry.key);
  auto document = pending_.find(doc_key);
  if (document == pending_.end()) {
    const auto found = written.find(doc_key);
    const size_t bytes = doc_key.size() + kBytesOfAnEntry;
    document =
        pending_.emplace(std::move(doc_key), found == written.end() ? DocVersion() : found->second)
            .first;
    pending_bytes_ += bytes;
  }
  if (document->second.seq != 0) {
    superseded_.emplace_back(entry.seq, document->second);
    pending_bytes_ += sizeof(superseded_[0]);
    if (entry.seq < first_superseding_) first_superseding_ = entry.seq;
    last_superseding_ = entry.seq;
  }
  const DocVersion version = VersionOf(entry);
  const bool was_live = document->second.seq != 0 && !document->second.is_tombstone;
  if (was_live && version.is_tombstone) --documents_;
  if (!was_live && !version.is_tombstone) ++documents_;
  document->second = version;
}

// On error nothing is lost: what is pending stays so.
Status DocIndex::WritePending() {
  std::vector<const std::pair<const std::string, DocVersion>*> documents;
  std::vector<std::pair<Seq, DocVersion>> superseded;
  uint64_t count;
  {
    MutexLock lock(pending_mutex_);
    if (written_ == checkpoint()) return Status::Ok();
    count = documents_;
    // Nobody else changes them, so they can be read on with the lock released.
    for (const auto& document : pending_) documents.push_back(&document);
    superseded.assign(FindRecent(written_ + 1), superseded_.cend());
  }
  std::sort(documents.begin(), documents.end(),
            [](const auto* a, const auto* b) { return a->first < b->first; });
  FamilyWrite write(store_, family()->handle(), documents.size() + superseded.size());
  std::string value;
  AppendCheckpoint(&value, {log_->epoch(), checkpoint()});
  write.Put(ToView(kCheckpoint), value);
  AppendVarint(&value, count);
  write.Put(ToView(kCount), value);
  const auto put = [&](std::string_view key, const DocVersion& version) {
    value.clear();
    AppendVersion(&value, version);
    write.Put(key, value);
  };
  for (const auto& [seq, version] : superseded) put(PreviousKey(seq), version);
  for (const auto* document : documents) put(document->first, document->second);
  SV_RETURN_IF_ERROR(write.Commit());
  MutexLock lock(pending_mutex_);
  pending_.clear();
  pending_bytes_ = 0;
  pending_run_.Clear();
  written_ = checkpoint();
  if (superseded_.size() > kRecent) {
    const auto end = superseded_.end() - kRecent / 2;
    recent_from_ = std::prev(end)->first + 1;
    superseded_.erase(superseded_.begin(), end);
  }
  return Status::Ok();
}

// Of what is written.
Status DocIndex::ReadLatest(const ColumnFamily& family, const std::string& doc_key,
                            DocVersion* version) const {
  rocksdb::PinnableSlice value;
  const rocksdb::Status read =
      store_->db()->Get(rocksdb::ReadOptions(), family.handle(), doc_key, &value);
  *version = DocVersion();
  if (read.IsNotFound()) return Status::Ok();
  SV_RETURN_IF_ERROR(family.CheckRead(read, kReading));
  SV_RETURN_IF_ERROR(ReadVersion(family, ToView(value), version));
  return version->seq <= checkpoint() ? Status::Ok() : NotBefore(family, checkpoint() + 1);
}

Status DocIndex::ListSupersessions(Seq after, Seq upto, std::vector<Supersession>* out,
                                   size_t limit) const {
  std::vector<Supersession> recent;
  Seq recent_from;
  Family family;
  {
    MutexLock lock(pending_mutex_);
    SV_RETURN_IF_ERROR(CheckReaches(upto));
    if (upto < first_superseding_ || after >= last_superseding_) return Status::Ok();
    family = family_;
    recent_from = recent_from_;
    for (auto it = FindRecent(after + 1); it != superseded_.end() && it->first <= upto; ++it) {
      recent.push_back({it->first, it->second.seq});
    }
  }
  if (after + 1 < recent_from) {
    SV_RETURN_IF_ERROR(ListWritten(*family, after, std::min(upto, recent_from - 1), out, limit));
    if (out->size() >= limit) return Status::Ok();
  }
  out->insert(out->end(), recent.begin(), recent.end());
  return Status::Ok();
}

std::deque<std::pair<Seq, DocVersion>>::const_iterator DocIndex::FindRecent(Seq seq) const {
  return std::lower_bound(superseded_.begin(), superseded_.end(), seq,
                          [](const auto& entry, Seq wanted) { return entry.first < wanted; });
}

Status DocIndex::ListWritten(const ColumnFamily& family, Seq after, Seq upto,
                             std::vector<Supersession>* out, size_t limit) const {
  rocksdb::ReadOptions options;
  const std::string upper = PreviousKey(upto + 1);
  const rocksdb::Slice upper_bound(upper);
  options.iterate_upper_bound = &upper_bound;
  std::unique_ptr<rocksdb::Iterator> it(store_->db()->NewIterator(options, family.handle()));
  for (it->Seek(PreviousKey(after + 1)); it->Valid() && out->size() < limit; it->Next()) {
    Supersession s{};
    DocVersion superseded;
    SV_RETURN_IF_ERROR(ReadPreviousKey(family, it->key(), &s.by));
    SV_RETURN_IF_ERROR(ReadVersion(family, ToView(it->value()), &superseded));
    s.superseded = superseded.seq;
    if (s.superseded >= s.by) return NotBefore(family, s.by);
    out->push_back(s);
  }
  return family.CheckRead(it->status(), kReading);
}

Status DocIndex::AddSuperseded(Seq after, Seq upto, SeqSet* set) const {
  constexpr size_t kPage = 1 << 16;
  std::vector<Supersession> list;
  std::vector<Seq> seqs;
  do {
    list.clear();
    SV_RETURN_IF_ERROR(ListSupersessions(after, upto, &list, kPage));
    if (list.empty()) break;
    seqs.clear();
    for (const Supersession& s : list) seqs.push_back(s.superseded);
    *set = set->With(seqs);
    after = list.back().by;
  } while (list.size() >= kPage);
  return Status::Ok();
}

Result<SeqSet> DocIndex::Superseded(Seq upto) const {
  SeqSet set;
  Seq after = 0;
  {
    MutexLock lock(superseded_mutex_);
    if (superseded_upto_ <= upto) {
      set = superseded_set_;
      after = superseded_upto_;
    }
  }
  // The log decides about it, so it is the same whoever comes first.
  SV_RETURN_IF_ERROR(AddSuperseded(after, upto, &set));
  MutexLock lock(superseded_mutex_);
  if (superseded_upto_ < upto) {
    superseded_set_ = set;
    superseded_upto_ = upto;
  }
  return set;
}

Result<DocVersion> DocIndex::FindLatest(const ValueView& key, Seq at) const {
  const std::string doc_key = DocKey(key);
  DocVersion version;
  Family family;
  {
    MutexLock lock(pending_mutex_);
    SV_RETURN_IF_ERROR(CheckReaches(at));
    family = family_;
    const auto found = pending_.find(doc_key);
    if (found != pending_.end()) version = found->second;
  }
  if (version.seq == 0) SV_RETURN_IF_ERROR(ReadLatest(*family, doc_key, &version));
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
  Family family;
  {
    MutexLock lock(pending_mutex_);
    SV_RETURN_IF_ERROR(CheckReaches(seq));
    family = family_;
    const auto found = FindRecent(seq);
    if (found != superseded_.end() && found->first == seq) return found->second;
    if (seq >= recent_from_) return DocVersion();
  }
  rocksdb::PinnableSlice value;
  const rocksdb::Status read =
      store_->db()->Get(rocksdb::ReadOptions(), family->handle(), PreviousKey(seq), &value);
  DocVersion previous;
  if (read.IsNotFound()) return previous;
  SV_RETURN_IF_ERROR(family->CheckRead(read, kReading));
  SV_RETURN_IF_ERROR(ReadVersion(*family, ToView(value), &previous));
  // Else a chain of versions might have no end.
  if (previous.seq >= seq) return NotBefore(*family, seq);
  return previous;
}

Result<DocIndex::State> DocIndex::TakeState() {
  MutexLock lock(mutex_);
  SV_RETURN_IF_ERROR(ResetIfDamaged());
  SV_RETURN_IF_ERROR(WritePending());
  std::shared_ptr<const rocksdb::Snapshot> snapshot = TakeSnapshot(store_->db());
  MutexLock pending_lock(pending_mutex_);
  return State{settled_.load(std::memory_order_relaxed), checkpoint(), documents_, family_,
               std::move(snapshot)};
}

Status DocIndex::Write() {
  MutexLock lock(mutex_);
  return WritePending();
}

Status DocIndex::Flush() {
  SV_RETURN_IF_ERROR(Write());
  return store_->Flush(family()->handle());
}

Status DocIndex::Compact() {
  const Family family = this->family();
  return store_->Compact(*family);
}

Status DocIndex::Close() {
  SV_RETURN_IF_ERROR(Write());
  return store_->FlushUnlessLittle(*family());
}

}  // namespace streamview
