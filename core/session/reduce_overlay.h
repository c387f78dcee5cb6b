// The overlay of a view that reduces: how the entries change its aggregates.

#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_set>

#include "core/codec/aggregate.h"
#include "core/map/reduce_builder.h"
#include "core/session/view_overlay.h"

namespace streamview {

class ReduceOverlay final : public ViewOverlay {
 public:
  using Changes = std::map<std::string, Aggregate>;  // by key in the index

  ReduceOverlay(Engine* engine, const ViewDefinition& definition, Seq base)
      : ViewOverlay(engine, definition, base), builder_(definition) {}

  std::shared_ptr<ViewOverlay> Clone() const override {
    return std::make_shared<ReduceOverlay>(*this);
  }
  std::shared_ptr<const ViewSnapshot> Over(
      std::shared_ptr<const CommittedView> committed) const override;

  const Changes& changes() const { return changes_; }

 private:
  Status TakeIn(const Entry& entry, Seq superseded, const CommittedView& committed,
                Mapper* mapper) override;
  // Takes out what an entry has added.
  Status Withdraw(Seq seq, const CommittedView& committed, Mapper* mapper);

  ReduceBuilder builder_;
  Changes changes_;
  std::unordered_set<Seq> failed_;  // entries of the session that the map failed on
};

}  // namespace streamview
