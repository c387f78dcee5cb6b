// IndexSnapshot: a state of one index, with what the reader's transaction adds; and its cursor,
// which merges the two and leaves out what is superseded.

#pragma once

#include <functional>
#include <memory>

#include "core/engine.h"
#include "core/view/overlay.h"
#include "core/view/view_index.h"

namespace streamview {

class IndexSnapshot final : public ViewSnapshot,
                            public std::enable_shared_from_this<IndexSnapshot> {
 public:
  // `overlay` may be null.
  // `wake` is called when the index has got something to repair.
  IndexSnapshot(std::shared_ptr<ViewIndex> index, std::shared_ptr<const ViewIndex::State> state,
                std::shared_ptr<const Overlay> overlay, std::function<void()> wake)
      : index_(std::move(index)),
        state_(std::move(state)),
        overlay_(std::move(overlay)),
        wake_(std::move(wake)) {}

  Seq seq() const override { return state_->seq; }
  std::unique_ptr<ViewCursor> NewCursor(const ViewRange& range) const override;

  // The value of the log entry.
  Result<Value> ReadDocument(Seq seq) const;

  ViewIndex* index() const { return index_.get(); }
  const ViewIndex::State& state() const { return *state_; }
  const Overlay* overlay() const { return overlay_.get(); }
  // Whether the log entry no longer counts.
  bool IsSuperseded(Seq seq) const {
    return state_->superseded.Contains(seq) || (overlay_ && overlay_->Supersedes(seq));
  }
  void NeedRepair() const {
    if (wake_) wake_();
  }

 private:
  const std::shared_ptr<ViewIndex> index_;
  const std::shared_ptr<const ViewIndex::State> state_;
  const std::shared_ptr<const Overlay> overlay_;
  const std::function<void()> wake_;
};

}  // namespace streamview
