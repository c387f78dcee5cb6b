// RowOverlay: what the uncommitted entries of a transaction add to a RowIndex, and what they
// supersede there.

#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/view/overlay.h"
#include "core/view/row_index.h"

namespace streamview {

class RowOverlay final : public Overlay {
 public:
  RowOverlay(const std::shared_ptr<RowIndex>& index, const LogTransaction& own,
             const ViewIndex::State& base)
      : Overlay(index, own, base), index_(index.get()) {}

  // Index entries as the view would store them, superseded ones included.
  const std::map<std::string, std::string>& rows() const { return rows_; }
  // Log entries, committed or of the transaction, that the transaction supersedes.
  bool Supersedes(Seq seq) const { return superseded_.count(seq) != 0; }

 private:
  Status TakeIn(const Entry& entry, Seq superseded) override {
    if (superseded != 0) superseded_.insert(superseded);
    std::vector<std::pair<std::string, std::string>> rows;
    SV_RETURN_IF_ERROR(index_->MapEntry(entry, &rows));
    for (auto& [key, value] : rows) rows_[std::move(key)] = std::move(value);
    return Status::Ok();
  }

  RowIndex* index_;
  std::map<std::string, std::string> rows_;
  std::unordered_set<Seq> superseded_;
};

}  // namespace streamview
