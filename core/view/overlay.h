// Overlay: what the uncommitted entries of a transaction add to a view, and what they supersede
// there.

#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/docs/doc_index.h"
#include "core/log/log_transaction.h"
#include "core/view/view_index.h"

namespace streamview {

class Overlay {
 public:
  // On `index`, which it keeps alive: overlays are found again by its address.
  explicit Overlay(std::shared_ptr<ViewIndex> index) : index_(std::move(index)) {}

  // Index entries as the view would store them, superseded ones included.
  const std::map<std::string, std::string>& rows() const { return rows_; }
  // Log entries, committed or of the transaction, that the transaction supersedes.
  bool Supersedes(Seq seq) const { return superseded_.count(seq) != 0; }

  // The stored form of one of the transaction's entries; null where `seq` is none of them. It stays
  // when the transaction has ended.
  const std::string* FindRecord(Seq seq) const {
    return seq >= first_ && seq - first_ < records_.size() ? records_[seq - first_].get() : nullptr;
  }

  // Whether it covers exactly the present entries of `own`, over the view at `base`.
  bool Covers(const LogTransaction& own, Seq base) const;
  // Maps the entries of `own` that are not covered yet; starts anew where entries were taken back
  // or the view has moved. Takes the index's turn. REQUIRES: base <= docs.checkpoint().
  Status Extend(const LogTransaction& own, const DocIndex& docs, Seq base, const WaitOptions& wait);

 private:
  Status MapNext(const LogTransaction& own, const DocIndex& docs);
  Status Supersede(const Entry& entry, const DocIndex& docs);

  std::shared_ptr<ViewIndex> index_;
  uint64_t truncations_ = 0;
  size_t covered_ = 0;
  Seq base_ = 0;
  Seq first_ = 0;  // of the transaction's entries
  std::vector<std::shared_ptr<const std::string>> records_;
  std::map<std::string, std::string> rows_;
  std::unordered_set<Seq> superseded_;
  std::unordered_map<std::string, Seq> latest_;  // encoded document key -> the transaction's entry
};

}  // namespace streamview
