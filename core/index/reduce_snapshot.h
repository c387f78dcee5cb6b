// ReduceSnapshot: a state of an index of aggregates.

#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "core/engine.h"
#include "core/index/view_index.h"

namespace streamview {

class ReduceSnapshot final : public CommittedView,
                             public std::enable_shared_from_this<ReduceSnapshot> {
 public:
  // `wake` may be null.
  ReduceSnapshot(std::shared_ptr<ViewIndex> index, std::shared_ptr<const IndexState> state,
                 std::function<void()> wake)
      : index_(std::move(index)), state_(std::move(state)), wake_(std::move(wake)) {}

  Seq seq() const override { return state_->seq; }
  std::unique_ptr<ViewCursor> NewCursor(const ViewRange& range) const override;
  std::unique_ptr<IndexCursor> Scan(const KeyRange& keys, bool reverse) const override;
  Result<bool> MapFailedOn(Seq seq) const override { return state_->errors.Contains(seq); }
  Status NoteDamage(const std::string& what) const override { return index_->NoteDamage(what); }

  ViewIndex* index() const { return index_.get(); }
  const IndexState& state() const { return *state_; }
  // To be called when the index has got something to repair; may be empty.
  const std::function<void()>& wake() const { return wake_; }

 private:
  const std::shared_ptr<ViewIndex> index_;
  const std::shared_ptr<const IndexState> state_;
  const std::function<void()> wake_;
};

}  // namespace streamview
