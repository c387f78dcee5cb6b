// RowSnapshot: a state of a RowIndex, with what the reader's transaction adds; and its cursor,
// which merges the two and leaves out what is superseded.

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "core/engine.h"
#include "core/view/row_index.h"
#include "core/view/row_overlay.h"

namespace streamview {

class RowSnapshot final : public ViewSnapshot, public std::enable_shared_from_this<RowSnapshot> {
 public:
  // `overlay` and `wake` may be null.
  RowSnapshot(std::shared_ptr<RowIndex> index, std::shared_ptr<const RowIndex::State> state,
              std::shared_ptr<const RowOverlay> overlay, std::function<void()> wake)
      : index_(std::move(index)),
        state_(std::move(state)),
        overlay_(std::move(overlay)),
        wake_(std::move(wake)) {}

  Seq seq() const override { return state_->seq; }
  std::unique_ptr<ViewCursor> NewCursor(const ViewRange& range) const override;

  // The value of the log entry.
  Result<Value> ReadDocument(Seq seq) const;

  RowIndex* index() const { return index_.get(); }
  const RowIndex::State& state() const { return *state_; }
  // Whether the log entry no longer counts.
  bool IsSuperseded(Seq seq) const {
    return state_->superseded.Contains(seq) || (overlay_ && overlay_->Supersedes(seq));
  }
  const std::map<std::string, std::string>* own_rows() const {
    return overlay_ != nullptr ? &overlay_->rows() : nullptr;
  }
  // To be called when the index has got something to repair; may be empty.
  const std::function<void()>& wake() const { return wake_; }

 private:
  const std::shared_ptr<RowIndex> index_;
  const std::shared_ptr<const RowIndex::State> state_;
  const std::shared_ptr<const RowOverlay> overlay_;
  const std::function<void()> wake_;
};

}  // namespace streamview
