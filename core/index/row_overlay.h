// RowOverlay: what the uncommitted entries of a transaction add to an index of rows, and what they
// supersede there.

#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_set>

#include "core/index/overlay.h"

namespace streamview {

class RowOverlay final : public Overlay {
 public:
  RowOverlay(const std::shared_ptr<ViewIndex>& index, const LogTransaction& own,
             const IndexState& base)
      : Overlay(index, own, base) {}

  // Index entries as the view would store them, superseded ones included.
  const std::map<std::string, std::string>& rows() const { return rows_; }
  // Log entries, committed or of the transaction, that the transaction supersedes.
  bool Supersedes(Seq seq) const { return superseded_.count(seq) != 0; }

 private:
  Status TakeIn(const Entry& entry, Seq superseded) override;

  std::map<std::string, std::string> rows_;
  std::unordered_set<Seq> superseded_;
};

}  // namespace streamview
