#include "core/docs/docs_reader.h"

#include <iterator>

#include "core/base/check.h"
#include "core/codec/key_codec.h"
#include "core/codec/key_range.h"
#include "core/codec/record.h"
#include "core/docs/doc_overlay.h"
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
  SnapshotOfDocs(DocIndex* docs, DocIndex::State state, Seq as_of,
                 std::shared_ptr<const DocOverlay> overlay)
      : docs_(docs), state_(std::move(state)), as_of_(as_of), overlay_(std::move(overlay)) {}

  Seq seq() const override { return as_of_; }
  std::unique_ptr<DocCursor> NewCursor(const DocRange& range) const override;

  DocIndex* docs() const { return docs_; }
  const DocIndex::State& state() const { return state_; }
  const DocOverlay* overlay() const { return overlay_.get(); }

 private:
  DocIndex* const docs_;
  const DocIndex::State state_;
  const Seq as_of_;  // <= state_.checkpoint
  const std::shared_ptr<const DocOverlay> overlay_;
};

// Committed documents merged with the transaction's, which replace them; the dead left out.
class MergedDocCursor final : public DocCursor {
 public:
  MergedDocCursor(std::shared_ptr<const SnapshotOfDocs> snapshot, const DocRange& range)
      : snapshot_(std::move(snapshot)),
        reverse_(range.reverse),
        keys_(EncodeKeyRange({}, range.lower, range.upper, kFirstDocKey)),
        lower_(keys_.lower),
        upper_(keys_.upper),
        loader_(*snapshot_->docs()->log()) {
    if (keys_.empty()) return;
    OpenStored();
    OpenOwn();
    Settle();
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
    if (!loaded_) {
      SV_RETURN_IF_ERROR(at_own_ ? DecodeRecord(*Own()->second.record, version_.seq, &entry_)
                                 : loader_.Load(version_.seq, &entry_));
      loaded_ = true;
    }
    return entry_;
  }

  void Next() override {
    SV_REQUIRE(valid_);
    Step();
    Settle();
  }

 private:
  using OwnIterator = DocOverlay::Documents::const_iterator;

  const ColumnFamily& family() const { return *snapshot_->state().family; }

  void OpenStored() {
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

  void OpenOwn() {
    if (snapshot_->overlay() == nullptr) return;
    const DocOverlay::Documents& documents = snapshot_->overlay()->documents();
    own_begin_ = documents.lower_bound(keys_.lower);
    own_end_ = keys_.upper.empty() ? documents.end() : documents.lower_bound(keys_.upper);
  }

  OwnIterator Own() const { return reverse_ ? std::prev(own_end_) : own_begin_; }

  // Which of the two comes next; both where the transaction replaces a committed document.
  void Choose() {
    const bool has_stored = stored_->Valid(), has_own = own_begin_ != own_end_;
    int order = has_stored && has_own ? Own()->first.compare(ToView(stored_->key())) : 0;
    if (reverse_) order = -order;
    at_own_ = has_own && (!has_stored || order <= 0);
    at_stored_ = has_stored && (!has_own || order >= 0);
  }

  void Step() {
    if (at_own_) {
      if (reverse_) {
        --own_end_;
      } else {
        ++own_begin_;
      }
    }
    if (at_stored_) {
      if (reverse_) {
        stored_->Prev();
      } else {
        stored_->Next();
      }
    }
  }

  // Goes on to the next live document, from the present position on.
  void Settle() {
    valid_ = loaded_ = false;
    for (;; Step()) {
      status_ = family().CheckRead(stored_->status(), "reading the documents");
      Choose();
      if (!status_.ok() || (!at_own_ && !at_stored_)) return;
      status_ = LoadVersion();
      if (!status_.ok()) return;
      if (version_.seq == 0 || version_.is_tombstone) continue;
      std::string_view encoded = at_own_ ? Own()->first : ToView(stored_->key());
      if (!ReadKeyColumn(&encoded, version_.key_is_real, &scratch_, &key_)) {
        status_ = family().NoteDamage("the document index holds a malformed key");
        return;
      }
      valid_ = true;
      return;
    }
  }

  Status LoadVersion() {
    if (at_own_) {
      version_ = Own()->second.version;
      return Status::Ok();
    }
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
  OwnIterator own_begin_{}, own_end_{};
  bool at_own_ = false, at_stored_ = false;

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
  return std::make_unique<MergedDocCursor>(shared_from_this(), range);
}

// The entries of one document, newest first.
class HistoryCursor final : public LogCursor {
 public:
  struct OwnEntry {
    Seq seq;
    std::shared_ptr<const std::string> record;
  };

  // `own`: in the order of the log.
  HistoryCursor(DocIndex* docs, std::vector<OwnEntry> own, DocVersion committed)
      : docs_(docs), own_(std::move(own)), committed_(committed), loader_(*docs->log()) {
    Settle();
  }

  bool Valid() const override { return valid_; }
  Status status() const override { return status_; }
  const Entry& entry() const override { return entry_; }

  void Next() override {
    SV_REQUIRE(valid_);
    if (!own_.empty()) {
      own_.pop_back();
    } else {
      Result<DocVersion> previous = docs_->FindPrevious(committed_.seq);
      status_ = previous.status();
      committed_ = previous.ok() ? *previous : DocVersion();
    }
    Settle();
  }

 private:
  void Settle() {
    valid_ = false;
    if (!status_.ok()) return;
    if (!own_.empty()) {
      status_ = DecodeRecord(*own_.back().record, own_.back().seq, &entry_);
    } else if (committed_.seq != 0) {
      status_ = loader_.Load(committed_.seq, &entry_);
    } else {
      return;
    }
    valid_ = status_.ok();
  }

  DocIndex* const docs_;
  std::vector<OwnEntry> own_;  // what is left of it: the present one is the last
  DocVersion committed_;
  EntryLoader loader_;
  Entry entry_;
  bool valid_ = false;
  Status status_;
};

// What `own` makes of the documents, kept with the transaction from one read to the next.
Result<std::shared_ptr<const DocOverlay>> OverlayOf(const DocIndex* docs,
                                                    const LogTransaction& own) {
  std::shared_ptr<void>& kept = own.Derived(docs);
  std::shared_ptr<DocOverlay> overlay = std::static_pointer_cast<DocOverlay>(kept);
  if (overlay && overlay->Covers(own)) return std::shared_ptr<const DocOverlay>(overlay);
  kept.reset();
  if (!overlay) {
    overlay = std::make_shared<DocOverlay>();
  } else if (overlay.use_count() > 1) {
    overlay = std::make_shared<DocOverlay>(*overlay);  // an open cursor still reads it
  }
  SV_RETURN_IF_ERROR(overlay->Extend(own));
  kept = overlay;
  return std::shared_ptr<const DocOverlay>(overlay);
}

}  // namespace

Result<std::shared_ptr<const DocsSnapshot>> ReadDocs(DocIndex* docs, Seq at_least,
                                                     const LogTransaction* own,
                                                     const WaitOptions& wait) {
  std::shared_ptr<const DocOverlay> overlay;
  if (own != nullptr && own->size() > 0) {
    SV_ASSIGN_OR_RETURN(overlay, OverlayOf(docs, *own));
  }
  DocIndex::State state;
  do {  // again where the index has been emptied in between
    SV_RETURN_IF_ERROR(docs->SettleAt(at_least, wait));
    SV_ASSIGN_OR_RETURN(state, docs->TakeState());
  } while (state.seq < at_least);
  const Seq seq = state.seq;
  return std::shared_ptr<const DocsSnapshot>(
      std::make_shared<SnapshotOfDocs>(docs, std::move(state), seq, std::move(overlay)));
}

Result<std::shared_ptr<const DocsSnapshot>> ReadDocsAsOf(DocIndex* docs, Seq as_of,
                                                         const WaitOptions& wait) {
  DocIndex::State state;
  do {  // as above
    SV_RETURN_IF_ERROR(docs->AdvanceTo(as_of, wait));
    SV_ASSIGN_OR_RETURN(state, docs->TakeState());
  } while (state.checkpoint < as_of);
  return std::shared_ptr<const DocsSnapshot>(
      std::make_shared<SnapshotOfDocs>(docs, std::move(state), as_of, nullptr));
}

Result<Seq> FindDocument(DocIndex* docs, const ValueView& key, const LogTransaction* own,
                         const WaitOptions& wait) {
  DocVersion version;
  if (own != nullptr && own->size() > 0) {
    SV_ASSIGN_OR_RETURN(const std::shared_ptr<const DocOverlay> overlay, OverlayOf(docs, *own));
    std::string encoded;
    AppendKeyColumn(&encoded, key);
    const auto found = overlay->documents().find(encoded);
    if (found != overlay->documents().end()) version = found->second.version;
  }
  if (version.seq == 0) {
    const Seq head = docs->log()->head();
    SV_RETURN_IF_ERROR(docs->AdvanceTo(head, wait));
    SV_ASSIGN_OR_RETURN(version, docs->FindLatest(key, head));
  }
  return version.is_tombstone ? 0 : version.seq;
}

Result<std::unique_ptr<LogCursor>> ScanHistory(DocIndex* docs, const ValueView& key,
                                               const LogTransaction* own, const WaitOptions& wait) {
  const Seq head = docs->log()->head();
  SV_RETURN_IF_ERROR(docs->AdvanceTo(head, wait));
  SV_ASSIGN_OR_RETURN(const DocVersion committed, docs->FindLatest(key, head));
  std::vector<HistoryCursor::OwnEntry> own_entries;
  std::string wanted, encoded;
  AppendKeyColumn(&wanted, key);
  for (size_t i = 0; own != nullptr && i < own->size(); i++) {
    Entry entry;
    SV_RETURN_IF_ERROR(own->EntryAt(i, &entry));
    if (!entry.has_document()) continue;
    encoded.clear();
    AppendKeyColumn(&encoded, entry.key);
    if (encoded == wanted) own_entries.push_back({entry.seq, own->RecordAt(i)});
  }
  return std::unique_ptr<LogCursor>(
      std::make_unique<HistoryCursor>(docs, std::move(own_entries), committed));
}

}  // namespace streamview
