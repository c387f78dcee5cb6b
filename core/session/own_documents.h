// OwnDocuments: which documents the uncommitted entries of a session make, change and delete; and
// the documents that it sees, the committed ones with these in their places.

#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/engine.h"
#include "core/session/own_entries.h"

namespace streamview {

class OwnDocuments {
 public:
  // The latest version of each document that the entries have touched, by encoded key.
  using Versions = std::map<std::string, DocVersion>;

  // The entries that it covers.
  const OwnRun& run() const { return run_; }
  // Takes in the entries of `run` that it does not cover yet. Where it throws, the documents are of
  // no use any more. REQUIRES: this->run().IsBeginningOf(run)
  void Extend(const OwnRun& run);

  const Versions& latest() const { return latest_; }
  // Nothing: no entry has touched the document.
  std::optional<DocVersion> Find(const ValueView& key) const;
  // The entry of the run that another one of it superseded; 0: none. REQUIRES: run().Has(seq)
  Seq FindPrevious(Seq seq) const {
    SV_REQUIRE(run_.Has(seq));
    return previous_[seq - run_.first()];
  }

 private:
  OwnRun run_;
  Versions latest_;
  std::vector<Seq> previous_;  // by entry of the run
};

// The documents of `committed`, with those of `own`.
std::shared_ptr<const DocsSnapshot> OverlayDocs(std::shared_ptr<const DocsSnapshot> committed,
                                                std::shared_ptr<const OwnDocuments> own);

// The own entries of one document, newest first.
class OwnHistoryCursor {
 public:
  OwnHistoryCursor(std::shared_ptr<const OwnDocuments> documents, const ValueView& key)
      : documents_(std::move(documents)) {
    const std::optional<DocVersion> latest = documents_->Find(key);
    Read(latest ? latest->seq : 0);
  }

  bool Valid() const { return entry_.seq != 0; }
  void Next() { Read(documents_->FindPrevious(entry_.seq)); }
  const Entry& entry() const { return entry_; }
  // They are later than all that is committed.
  int Compare(const LogCursor&) const { return -1; }

 private:
  void Read(Seq seq) { entry_ = seq != 0 ? documents_->run().Read(seq) : Entry(); }

  std::shared_ptr<const OwnDocuments> documents_;
  Entry entry_;
};

}  // namespace streamview
