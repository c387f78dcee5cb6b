// RowSnapshot: a state of an index of rows; and its cursor, which leaves out what is superseded.

#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "core/engine.h"
#include "core/index/count_cache.h"
#include "core/index/run_cache.h"
#include "core/index/view_index.h"

namespace streamview {

class RowSnapshot final : public CommittedView, public std::enable_shared_from_this<RowSnapshot> {
 public:
  // The caches are the index's, and live as long. `wake` may be null.
  RowSnapshot(std::shared_ptr<ViewIndex> index, RunCache* run_cache, CountCache* count_cache,
              std::shared_ptr<const IndexState> state, std::function<void()> wake)
      : index_(std::move(index)),
        run_cache_(run_cache),
        count_cache_(count_cache),
        state_(std::move(state)),
        wake_(std::move(wake)) {}

  Seq seq() const override { return state_->seq; }
  std::unique_ptr<ViewCursor> NewCursor(const ViewRange& range) const override;
  std::unique_ptr<IndexCursor> Scan(const KeyRange& keys, bool reverse) const override;
  Result<bool> MapFailedOn(Seq seq) const override { return state_->errors.Contains(seq); }
  Status NoteDamage(const std::string& what) const override { return index_->NoteDamage(what); }

  // The value of the log entry.
  Result<Value> ReadDocument(Seq seq) const;

  ViewIndex* index() const { return index_.get(); }
  RunCache& run_cache() const { return *run_cache_; }
  CountCache& count_cache() const { return *count_cache_; }
  const IndexState& state() const { return *state_; }
  // To be called when the index has got something to repair; may be empty.
  const std::function<void()>& wake() const { return wake_; }

 private:
  const std::shared_ptr<ViewIndex> index_;
  RunCache* const run_cache_;
  CountCache* const count_cache_;
  const std::shared_ptr<const IndexState> state_;
  const std::function<void()> wake_;
};

}  // namespace streamview
