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

  const DocsSnapshot& committed() const { return *committed_; }
  const OwnDocuments& own() const { return *own_; }

 private:
  const std::shared_ptr<const DocsSnapshot> committed_;
  const std::shared_ptr<const OwnDocuments> own_;
};

using OwnVersions = OwnMapCursor<OwnDocuments::Versions>;

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
    std::string_view encoded = merged_.own().key();
    ValueView key;
    const bool is_real = merged_.own().value().key_is_real;
    const bool decoded = ReadKeyColumn(&encoded, is_real, &scratch_, &key);
    SV_REQUIRE(decoded);  // Extend has made it
    return key;
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

std::unique_ptr<DocCursor> OverlaidDocs::NewCursor(const DocRange& range) const {
  const KeyRange keys = EncodeKeyRange({}, range.lower, range.upper, /*first=*/"");
  if (keys.empty()) return committed_->NewCursor(range);
  return std::make_unique<OverlaidDocCursor>(shared_from_this(), range, keys);
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
