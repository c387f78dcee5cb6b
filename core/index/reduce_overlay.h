// ReduceOverlay: how the uncommitted entries of a transaction change the aggregates of an index.

#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_set>

#include "core/index/overlay.h"
#include "core/map/reduce_builder.h"

namespace streamview {

class ReduceOverlay final : public Overlay {
 public:
  using Changes = std::map<std::string, Aggregate>;  // by key in the index

  ReduceOverlay(const std::shared_ptr<ViewIndex>& index, const LogTransaction& own,
                const IndexState& base)
      : Overlay(index, own, base), builder_(index->definition()), errors_(base.errors) {}

  const Changes& changes() const { return changes_; }

 private:
  Status TakeIn(const Entry& entry, Seq superseded) override;
  Status Withdraw(Seq seq);

  ReduceBuilder builder_;
  Changes changes_;
  SeqSet errors_;                       // the committed entries that the map failed on
  std::unordered_set<Seq> own_errors_;  // those of the transaction
};

}  // namespace streamview
