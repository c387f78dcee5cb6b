// ReduceSnapshot: a state of a ReduceIndex, with what the reader's transaction changes.

#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "core/engine.h"
#include "core/view/reduce_index.h"
#include "core/view/reduce_overlay.h"

namespace streamview {

class ReduceSnapshot final : public ViewSnapshot,
                             public std::enable_shared_from_this<ReduceSnapshot> {
 public:
  // `overlay` and `wake` may be null.
  ReduceSnapshot(std::shared_ptr<ReduceIndex> index, std::shared_ptr<const ViewIndex::State> state,
                 std::shared_ptr<const ReduceOverlay> overlay, std::function<void()> wake)
      : index_(std::move(index)),
        state_(std::move(state)),
        overlay_(std::move(overlay)),
        wake_(std::move(wake)) {}

  Seq seq() const override { return state_->seq; }
  std::unique_ptr<ViewCursor> NewCursor(const ViewRange& range) const override;

  ReduceIndex* index() const { return index_.get(); }
  const ViewIndex::State& state() const { return *state_; }
  const ReduceOverlay::Changes* own_changes() const {
    return overlay_ != nullptr ? &overlay_->changes() : nullptr;
  }
  // To be called when the index has got something to repair; may be empty.
  const std::function<void()>& wake() const { return wake_; }

 private:
  const std::shared_ptr<ReduceIndex> index_;
  const std::shared_ptr<const ViewIndex::State> state_;
  const std::shared_ptr<const ReduceOverlay> overlay_;
  const std::function<void()> wake_;
};

}  // namespace streamview
