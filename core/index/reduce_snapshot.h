// ReduceSnapshot: a state of an index of aggregates, with what the reader's transaction changes.

#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "core/engine.h"
#include "core/index/reduce_overlay.h"
#include "core/index/view_index.h"

namespace streamview {

class ReduceSnapshot final : public ViewSnapshot,
                             public std::enable_shared_from_this<ReduceSnapshot> {
 public:
  // `overlay` and `wake` may be null.
  ReduceSnapshot(std::shared_ptr<ViewIndex> index, std::shared_ptr<const IndexState> state,
                 std::shared_ptr<const ReduceOverlay> overlay, std::function<void()> wake)
      : index_(std::move(index)),
        state_(std::move(state)),
        overlay_(std::move(overlay)),
        wake_(std::move(wake)) {}

  Seq seq() const override { return state_->seq; }
  std::unique_ptr<ViewCursor> NewCursor(const ViewRange& range) const override;

  ViewIndex* index() const { return index_.get(); }
  const IndexState& state() const { return *state_; }
  const ReduceOverlay::Changes* own_changes() const {
    return overlay_ != nullptr ? &overlay_->changes() : nullptr;
  }
  // To be called when the index has got something to repair; may be empty.
  const std::function<void()>& wake() const { return wake_; }

 private:
  const std::shared_ptr<ViewIndex> index_;
  const std::shared_ptr<const IndexState> state_;
  const std::shared_ptr<const ReduceOverlay> overlay_;
  const std::function<void()> wake_;
};

}  // namespace streamview
