#include "core/docs/docs_reader.h"

#include <algorithm>

#include "core/base/check.h"
#include "core/codec/key_codec.h"
#include "core/codec/key_range.h"
#include "core/codec/record.h"
#include "core/log/log_reader.h"
#include "core/storage/rocks.h"

namespace streamview {

namespace {

// Reads committed entries by number, and holds the bytes of the last one.
class EntryLoader {
 public:
  explicit EntryLoader(const Log& log) : log_(log) {}

  Status Load(Seq seq, Entry* entry) {
    SV_RETURN_IF_ERROR(log_.ReadRecord(seq, &record_));
    return DecodeRecord(ToView(record_), seq, entry);
  }

 private:
  const Log& log_;
  rocksdb::PinnableSlice record_;
};

class SnapshotOfDocs final : public DocsSnapshot,
                             public std::enable_shared_from_this<SnapshotOfDocs> {
 public:
  SnapshotOfDocs(DocIndex* docs, DocIndex::State state, Seq as_of)
      : docs_(docs), state_(std::move(state)), as_of_(as_of) {}

  Seq seq() const override { return as_of_; }
  std::unique_ptr<DocCursor> NewCursor(const DocRange& range) const override;
  Result<std::optional<uint64_t>> Count() const override {
    if (!HasCount()) return std::optional<uint64_t>();
    return std::optional(state_.documents);
  }

  DocIndex* docs() const { return docs_; }
  const DocIndex::State& state() const { return state_; }
  rocksdb::DB* db() const { return docs_->store()->db(); }
  const ColumnFamily& family() const { return *state_.family; }

  // Sets *version to the one that counts here, of what the document index has for a document.
  // Errors: those of the index.
  Status ReadVersionHere(std::string_view stored, DocVersion* version) const {
    SV_RETURN_IF_ERROR(ReadVersion(family(), stored, version));
    if (version->seq <= as_of_) return Status::Ok();
    SV_ASSIGN_OR_RETURN(*version, docs_->AsOf(*version, as_of_));
    return Status::Ok();
  }

 private:
  // Not of an earlier state, nor of one that holds the beginning of a transaction.
  bool HasCount() const { return as_of_ == state_.checkpoint; }
  // Whether all documents are read faster by a look at each entry of the log, one after the other,
  // than each at its place. Where there are few it makes no difference.
  bool IsReadByLog(const DocRange& range) const {
    constexpr uint64_t kFewEntries = 1000, kEntriesForAPlace = 8;
    return range.any_order && range.with_entries && !range.lower && !range.upper && HasCount() &&
           as_of_ > kFewEntries && as_of_ / kEntriesForAPlace <= state_.documents;
  }

  DocIndex* const docs_;
  const DocIndex::State state_;
  const Seq as_of_;  // <= state_.checkpoint
};

bool IsPoint(const DocRange& range) {
  return range.lower && range.upper && range.lower->inclusive && range.upper->inclusive &&
         Compare(range.lower->value, range.upper->value) == 0;
}

// What a cursor over the document index has: the version that it stands at, and its entry once that
// was asked for.
class VersionCursor : public DocCursor {
 public:
  bool Valid() const final { return valid_; }
  Status status() const final { return status_; }
  ValueView key() final {
    SV_REQUIRE(valid_);
    return key_;
  }
  Seq seq() final {
    SV_REQUIRE(valid_);
    return version_.seq;
  }
  Result<Entry> ReadEntry() final {
    SV_REQUIRE(valid_);
    if (!loaded_) SV_RETURN_IF_ERROR(loader_.Load(version_.seq, &entry_));
    loaded_ = true;
    return entry_;
  }

 protected:
  explicit VersionCursor(std::shared_ptr<const SnapshotOfDocs> snapshot)
      : snapshot_(std::move(snapshot)), loader_(*snapshot_->docs()->log()) {}

  const std::shared_ptr<const SnapshotOfDocs> snapshot_;
  EntryLoader loader_;
  bool valid_ = false, loaded_ = false;
  Status status_;
  DocVersion version_;
  ValueView key_;
  std::string scratch_;
  Entry entry_;
};

// At most one document.
class PointCursor final : public VersionCursor {
 public:
  PointCursor(std::shared_ptr<const SnapshotOfDocs> snapshot, const ValueView& key)
      : VersionCursor(std::move(snapshot)), encoded_(EncodeKeyColumn(key)) {
    status_ = Find();
  }

  void Next() override {
    SV_REQUIRE(valid_);
    valid_ = false;
  }

 private:
  Status Find() {
    rocksdb::ReadOptions options;
    options.snapshot = snapshot_->state().snapshot.get();
    const ColumnFamily& family = snapshot_->family();
    rocksdb::PinnableSlice stored;
    const rocksdb::Status read = snapshot_->db()->Get(options, family.handle(), encoded_, &stored);
    if (read.IsNotFound()) return Status::Ok();
    SV_RETURN_IF_ERROR(family.CheckRead(read, "reading the documents"));
    SV_RETURN_IF_ERROR(snapshot_->ReadVersionHere(ToView(stored), &version_));
    if (version_.seq == 0 || version_.is_tombstone) return Status::Ok();
    std::string_view encoded = encoded_;
    valid_ = ReadKeyColumn(&encoded, version_.key_is_real, &scratch_, &key_);
    SV_REQUIRE(valid_);  // it was made here
    return Status::Ok();
  }

  const std::string encoded_;
};

// All live documents, in the order of the log: what is superseded or deleted is left out.
class LogOrderCursor final : public DocCursor {
 public:
  explicit LogOrderCursor(std::shared_ptr<const SnapshotOfDocs> snapshot)
      : snapshot_(std::move(snapshot)) {
    status_ = Begin();
  }

  bool Valid() const override { return log_ != nullptr && log_->Valid(); }
  Status status() const override {
    return status_.ok() && log_ != nullptr ? log_->status() : status_;
  }
  ValueView key() override { return log_->entry().key; }
  Seq seq() override { return log_->entry().seq; }
  Result<Entry> ReadEntry() override { return log_->entry(); }
  void Next() override {
    log_->Next();
    SkipOthers();
  }

 private:
  Status Begin() {
    const Seq last = snapshot_->seq();
    SV_ASSIGN_OR_RETURN(superseded_, snapshot_->docs()->Superseded(last));
    log_ = NewLogCursor(*snapshot_->docs()->log(), {1, last}, BlockCache::kSpare);
    SkipOthers();
    return Status::Ok();
  }
  void SkipOthers() {
    for (; log_->Valid(); log_->Next()) {
      const Entry& entry = log_->entry();
      if (!entry.has_document() || entry.is_tombstone()) continue;
      if (superseded_.empty() || !superseded_.Contains(entry.seq)) return;
    }
  }

  const std::shared_ptr<const SnapshotOfDocs> snapshot_;
  SeqSet superseded_;
  std::unique_ptr<LogCursor> log_;
  Status status_;
};

// The live documents of a snapshot.
class StoredDocCursor final : public VersionCursor {
 public:
  StoredDocCursor(std::shared_ptr<const SnapshotOfDocs> snapshot, const DocRange& range)
      : VersionCursor(std::move(snapshot)),
        reverse_(range.reverse),
        keys_(EncodeKeyRange({}, range.lower, range.upper, kFirstDocKey)),
        lower_(keys_.lower),
        upper_(keys_.upper) {
    if (keys_.empty()) return;
    Open();
    SkipDead();
  }

  void Next() override {
    SV_REQUIRE(valid_);
    Step();
    SkipDead();
  }

 private:
  const ColumnFamily& family() const { return snapshot_->family(); }

  void Open() {
    rocksdb::ReadOptions options;
    options.snapshot = snapshot_->state().snapshot.get();
    options.iterate_lower_bound = &lower_;
    if (!keys_.upper.empty()) options.iterate_upper_bound = &upper_;
    stored_.reset(snapshot_->db()->NewIterator(options, family().handle()));
    if (reverse_) {
      stored_->SeekToLast();
    } else {
      stored_->SeekToFirst();
    }
  }

  void Step() {
    if (reverse_) {
      stored_->Prev();
    } else {
      stored_->Next();
    }
  }

  // Goes on to the next live document, from the present position on.
  void SkipDead() {
    valid_ = loaded_ = false;
    for (;; Step()) {
      status_ = family().CheckRead(stored_->status(), "reading the documents");
      if (!status_.ok() || !stored_->Valid()) return;
      status_ = snapshot_->ReadVersionHere(ToView(stored_->value()), &version_);
      if (!status_.ok()) return;
      if (version_.seq == 0 || version_.is_tombstone) continue;
      std::string_view encoded = ToView(stored_->key());
      if (!ReadKeyColumn(&encoded, version_.key_is_real, &scratch_, &key_)) {
        status_ = family().NoteDamage("the document index holds a malformed key");
        return;
      }
      valid_ = true;
      return;
    }
  }

  const bool reverse_;
  const KeyRange keys_;
  const rocksdb::Slice lower_, upper_;
  std::unique_ptr<rocksdb::Iterator> stored_;
};

std::unique_ptr<DocCursor> SnapshotOfDocs::NewCursor(const DocRange& range) const {
  if (IsPoint(range)) {
    return std::make_unique<PointCursor>(shared_from_this(), range.lower->value);
  }
  if (IsReadByLog(range)) return std::make_unique<LogOrderCursor>(shared_from_this());
  return std::make_unique<StoredDocCursor>(shared_from_this(), range);
}

// The entries of one document, newest first.
class HistoryCursor final : public LogCursor {
 public:
  HistoryCursor(DocIndex* docs, Seq latest) : docs_(docs), loader_(*docs->log()) { Load(latest); }

  bool Valid() const override { return valid_; }
  Status status() const override { return status_; }
  const Entry& entry() const override { return entry_; }

  void Next() override {
    SV_REQUIRE(valid_);
    valid_ = false;
    const Result<DocVersion> previous = docs_->FindPrevious(entry_.seq);
    status_ = previous.status();
    if (previous.ok()) Load(previous->seq);
  }

 private:
  void Load(Seq seq) {
    if (seq == 0) return;
    status_ = loader_.Load(seq, &entry_);
    valid_ = status_.ok();
  }

  DocIndex* const docs_;
  EntryLoader loader_;
  Entry entry_;
  bool valid_ = false;
  Status status_;
};

}  // namespace

Result<std::shared_ptr<const DocsSnapshot>> ReadDocs(DocIndex* docs, Seq at_least,
                                                     const WaitOptions& wait) {
  DocIndex::State state;
  do {  // again where the index has been emptied in between
    SV_RETURN_IF_ERROR(docs->SettleAt(at_least, wait));
    SV_ASSIGN_OR_RETURN(state, docs->TakeState());
  } while (state.seq < at_least);
  const Seq seq = state.seq;
  return std::shared_ptr<const DocsSnapshot>(
      std::make_shared<SnapshotOfDocs>(docs, std::move(state), seq));
}

Result<std::shared_ptr<const DocsSnapshot>> ReadDocsAsOf(DocIndex* docs, Seq as_of,
                                                         const WaitOptions& wait) {
  DocIndex::State state;
  do {  // as above
    SV_RETURN_IF_ERROR(docs->AdvanceTo(as_of, wait));
    SV_ASSIGN_OR_RETURN(state, docs->TakeState());
  } while (state.checkpoint < as_of);
  return std::shared_ptr<const DocsSnapshot>(
      std::make_shared<SnapshotOfDocs>(docs, std::move(state), as_of));
}

Result<std::unique_ptr<LogCursor>> ScanHistory(DocIndex* docs, const ValueView& key,
                                               const WaitOptions& wait) {
  const Seq head = docs->log()->head();
  SV_RETURN_IF_ERROR(docs->AdvanceTo(head, wait));
  SV_ASSIGN_OR_RETURN(const DocVersion latest, docs->FindLatest(key, head));
  return std::unique_ptr<LogCursor>(std::make_unique<HistoryCursor>(docs, latest.seq));
}

}  // namespace streamview
