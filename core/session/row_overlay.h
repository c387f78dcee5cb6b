// The overlay of a view that does not reduce: the rows that the entries emit, and the log entries
// whose rows they hide.

#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_set>

#include "core/session/view_overlay.h"

namespace streamview {

class RowOverlay final : public ViewOverlay {
 public:
  using Rows = std::map<std::string, std::string>;

  RowOverlay(Engine* engine, ViewDefinition definition, Seq base)
      : ViewOverlay(engine, std::move(definition), base) {}

  std::shared_ptr<ViewOverlay> Clone() const override {
    return std::make_shared<RowOverlay>(*this);
  }
  std::shared_ptr<const ViewSnapshot> Over(
      std::shared_ptr<const CommittedView> committed) const override;

  // Index entries as the view would store them, superseded ones included.
  const Rows& rows() const { return rows_; }
  // Log entries, committed or the session's, that the session supersedes.
  bool Supersedes(Seq seq) const { return superseded_.count(seq) != 0; }

 private:
  Status TakeIn(const Entry& entry, Seq superseded, const CommittedView& committed,
                Mapper* mapper) override;

  Rows rows_;
  std::unordered_set<Seq> superseded_;
};

}  // namespace streamview
