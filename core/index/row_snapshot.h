// RowSnapshot: a state of an index of rows, with what the reader's transaction adds; and its
// cursor, which merges the two and leaves out what is superseded.

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "core/engine.h"
#include "core/index/row_overlay.h"
#include "core/index/run_cache.h"
#include "core/index/view_index.h"

namespace streamview {

class RowSnapshot final : public ViewSnapshot, public std::enable_shared_from_this<RowSnapshot> {
 public:
  // `run_cache` is the index's, and lives as long. `overlay` and `wake` may be null.
  RowSnapshot(std::shared_ptr<ViewIndex> index, RunCache* run_cache,
              std::shared_ptr<const IndexState> state, std::shared_ptr<const RowOverlay> overlay,
              std::function<void()> wake)
      : index_(std::move(index)),
        run_cache_(run_cache),
        state_(std::move(state)),
        overlay_(std::move(overlay)),
        wake_(std::move(wake)) {}

  Seq seq() const override { return state_->seq; }
  std::unique_ptr<ViewCursor> NewCursor(const ViewRange& range) const override;

  // The value of the log entry.
  Result<Value> ReadDocument(Seq seq) const;

  ViewIndex* index() const { return index_.get(); }
  RunCache& run_cache() const { return *run_cache_; }
  const IndexState& state() const { return *state_; }
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
  const std::shared_ptr<ViewIndex> index_;
  RunCache* const run_cache_;
  const std::shared_ptr<const IndexState> state_;
  const std::shared_ptr<const RowOverlay> overlay_;
  const std::function<void()> wake_;
};

}  // namespace streamview
