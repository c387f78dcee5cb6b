#include "core/session/own_documents.h"

#include <utility>

#include "core/base/check.h"
#include "core/codec/key_codec.h"
#include "core/codec/key_range.h"
#include "core/session/merge_cursor.h"

namespace streamview {

namespace {

class OverlaidDocs final : public DocsSnapshot, public std::enable_shared_from_this<OverlaidDocs> {
 public:
  OverlaidDocs(std::shared_ptr<const DocsSnapshot> committed,
               std::shared_ptr<const OwnDocuments> own)
      : committed_(std::move(committed)), own_(std::move(own)) {}

  Seq seq() const override { return committed_->seq(); }
  std::unique_ptr<DocCursor> NewCursor(const DocRange& range) const override;
  // What is committed, and what each own version changes about it.
  Result<std::optional<uint64_t>> Count() const override;

  const DocsSnapshot& committed() const { return *committed_; }
  const OwnDocuments& own() const { return *own_; }

 private:
  const std::shared_ptr<const DocsSnapshot> committed_;
  const std::shared_ptr<const OwnDocuments> own_;
};

using OwnVersions = OwnMapCursor<OwnDocuments::Versions>;

// The key of an own version; its bytes may be in `scratch`.
ValueView ReadOwnKey(const OwnVersions& own, std::string* scratch) {
  std::string_view encoded = own.key();
  ValueView key;
  const bool decoded = ReadKeyColumn(&encoded, own.value().key_is_real, scratch, &key);
  SV_REQUIRE(decoded);  // Extend has made it
  return key;
}

// A document's own version takes the place of the committed one.
class OverlaidDocCursor final : public DocCursor {
 public:
  OverlaidDocCursor(std::shared_ptr<const OverlaidDocs> docs, const DocRange& range,
                    const KeyRange& keys)
      : docs_(std::move(docs)),
        merged_(docs_->committed().NewCursor(range),
                OwnVersions(docs_->own().latest(), keys, range.reverse)) {
    SkipTombstones();
  }

  bool Valid() const override { return merged_.Valid(); }
  void Next() override {
    merged_.Next();
    SkipTombstones();
  }
  Status status() const override { return merged_.status(); }
  ValueView key() override {
    if (!merged_.at_own()) return merged_.stored().key();
    return ReadOwnKey(merged_.own(), &scratch_);
  }
  Seq seq() override {
    return merged_.at_own() ? merged_.own().value().seq : merged_.stored().seq();
  }
  Result<Entry> ReadEntry() override {
    if (merged_.at_own()) return docs_->own().run().Read(seq());
    return merged_.stored().ReadEntry();
  }

 private:
  void SkipTombstones() {
    while (merged_.at_own() && merged_.own().value().is_tombstone) merged_.Next();
  }

  const std::shared_ptr<const OverlaidDocs> docs_;
  MergeCursor<DocCursor, OwnVersions> merged_;
  std::string scratch_;  // for the bytes of an own key
};

// In no order: first the committed documents of which the session has no version of its own, then
// its own ones.
class UnorderedDocCursor final : public DocCursor {
 public:
  UnorderedDocCursor(std::shared_ptr<const OverlaidDocs> docs, const DocRange& range,
                     const KeyRange& keys)
      : docs_(std::move(docs)),
        stored_(docs_->committed().NewCursor(range)),
        own_(docs_->own().latest(), keys, /*reverse=*/false) {
    SkipOthers();
  }

  bool Valid() const override { return stored_->Valid() || (status().ok() && own_.Valid()); }
  Status status() const override { return stored_->status(); }
  void Next() override {
    if (stored_->Valid()) {
      stored_->Next();
    } else {
      own_.Next();
    }
    SkipOthers();
  }
  ValueView key() override {
    if (stored_->Valid()) return stored_->key();
    return ReadOwnKey(own_, &scratch_);
  }
  Seq seq() override { return stored_->Valid() ? stored_->seq() : own_.value().seq; }
  Result<Entry> ReadEntry() override {
    if (stored_->Valid()) return stored_->ReadEntry();
    return docs_->own().run().Read(seq());
  }

 private:
  void SkipOthers() {
    while (stored_->Valid() && docs_->own().Find(stored_->key())) stored_->Next();
    if (stored_->Valid()) return;
    while (own_.Valid() && own_.value().is_tombstone) own_.Next();
  }

  const std::shared_ptr<const OverlaidDocs> docs_;
  const std::unique_ptr<DocCursor> stored_;
  OwnVersions own_;
  std::string scratch_;
};

std::unique_ptr<DocCursor> OverlaidDocs::NewCursor(const DocRange& range) const {
  const KeyRange keys = EncodeKeyRange({}, range.lower, range.upper, /*first=*/"");
  if (keys.empty()) return committed_->NewCursor(range);
  if (range.any_order) {
    return std::make_unique<UnorderedDocCursor>(shared_from_this(), range, keys);
  }
  return std::make_unique<OverlaidDocCursor>(shared_from_this(), range, keys);
}

Result<std::optional<uint64_t>> OverlaidDocs::Count() const {
  SV_ASSIGN_OR_RETURN(std::optional<uint64_t> count, committed_->Count());
  if (!count) return count;
  std::string scratch;
  for (OwnVersions own(own_->latest(), KeyRange{}, /*reverse=*/false); own.Valid(); own.Next()) {
    const KeyBound key{Value(ReadOwnKey(own, &scratch)), /*inclusive=*/true};
    DocRange range;
    range.lower = range.upper = key;
    const std::unique_ptr<DocCursor> committed = committed_->NewCursor(range);
    SV_RETURN_IF_ERROR(committed->status());
    if (committed->Valid()) --*count;
    if (!own.value().is_tombstone) ++*count;
  }
  return count;
}

}  // namespace

void OwnDocuments::Extend(const OwnRun& run) {
  SV_REQUIRE(run_.IsBeginningOf(run));
  run_ = run;
  while (previous_.size() < run.size()) {
    const Entry entry = run.Read(run.first() + previous_.size());
    Seq previous = 0;
    if (entry.has_document()) {
      DocVersion& latest = latest_[EncodeKeyColumn(entry.key)];
      previous = std::exchange(latest, VersionOf(entry)).seq;
    }
    previous_.push_back(previous);
  }
}

std::optional<DocVersion> OwnDocuments::Find(const ValueView& key) const {
  const auto found = latest_.find(EncodeKeyColumn(key));
  if (found == latest_.end()) return std::nullopt;
  return found->second;
}

std::shared_ptr<const DocsSnapshot> OverlayDocs(std::shared_ptr<const DocsSnapshot> committed,
                                                std::shared_ptr<const OwnDocuments> own) {
  return std::make_shared<OverlaidDocs>(std::move(committed), std::move(own));
}

}  // namespace streamview
