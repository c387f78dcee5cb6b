#include "core/docs/docs_reader.h"

#include "core/base/check.h"
#include "core/codec/key_codec.h"
#include "core/codec/key_range.h"
#include "core/codec/record.h"
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

  DocIndex* docs() const { return docs_; }
  const DocIndex::State& state() const { return state_; }

 private:
  DocIndex* const docs_;
  const DocIndex::State state_;
  const Seq as_of_;  // <= state_.checkpoint
};

// The live documents of a snapshot.
class StoredDocCursor final : public DocCursor {
 public:
  StoredDocCursor(std::shared_ptr<const SnapshotOfDocs> snapshot, const DocRange& range)
      : snapshot_(std::move(snapshot)),
        reverse_(range.reverse),
        keys_(EncodeKeyRange({}, range.lower, range.upper, kFirstDocKey)),
        lower_(keys_.lower),
        upper_(keys_.upper),
        loader_(*snapshot_->docs()->log()) {
    if (keys_.empty()) return;
    Open();
    SkipDead();
  }

  bool Valid() const override { return valid_; }
  Status status() const override { return status_; }
  ValueView key() override {
    SV_REQUIRE(valid_);
    return key_;
  }
  Seq seq() override { return version_.seq; }

  Result<Entry> ReadEntry() override {
    SV_REQUIRE(valid_);
    if (!loaded_) SV_RETURN_IF_ERROR(loader_.Load(version_.seq, &entry_));
    loaded_ = true;
    return entry_;
  }

  void Next() override {
    SV_REQUIRE(valid_);
    Step();
    SkipDead();
  }

 private:
  const ColumnFamily& family() const { return *snapshot_->state().family; }

  void Open() {
    rocksdb::ReadOptions options;
    options.snapshot = snapshot_->state().snapshot.get();
    options.iterate_lower_bound = &lower_;
    if (!keys_.upper.empty()) options.iterate_upper_bound = &upper_;
    rocksdb::DB* const db = snapshot_->docs()->store()->db();
    stored_.reset(db->NewIterator(options, family().handle()));
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
      status_ = LoadVersion();
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

  Status LoadVersion() {
    SV_RETURN_IF_ERROR(ReadVersion(family(), ToView(stored_->value()), &version_));
    if (version_.seq <= snapshot_->seq()) return Status::Ok();
    SV_ASSIGN_OR_RETURN(version_, snapshot_->docs()->AsOf(version_, snapshot_->seq()));
    return Status::Ok();
  }

  const std::shared_ptr<const SnapshotOfDocs> snapshot_;
  const bool reverse_;
  const KeyRange keys_;
  const rocksdb::Slice lower_, upper_;
  std::unique_ptr<rocksdb::Iterator> stored_;

  bool valid_ = false;
  Status status_;
  DocVersion version_;
  ValueView key_;
  std::string scratch_;
  EntryLoader loader_;
  bool loaded_ = false;
  Entry entry_;
};

std::unique_ptr<DocCursor> SnapshotOfDocs::NewCursor(const DocRange& range) const {
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
