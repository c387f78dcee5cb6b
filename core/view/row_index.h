// RowIndex: the index of a view without reduce. Each row that an entry emits is an entry of the
// index (core/codec/index_entry.h).
//
// It names the log entry that it comes from; whether it still counts is one bit in the set of
// superseded log entries, which grows as the index advances. Nothing of what is there is read.
//
// (After Qader, Cheng and Hristidis, "A Comparative Study of Secondary Indexing Techniques in
// LSM-based NoSQL Databases", SIGMOD 2018: the lazy stand-alone index.)

#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/view/run_cache.h"
#include "core/view/view_index.h"

namespace streamview {

class RowIndex final : public ViewIndex {
 public:
  explicit RowIndex(Parts parts) : ViewIndex(std::move(parts)) {}

  Result<std::shared_ptr<const ViewSnapshot>> Read(std::shared_ptr<const State> state,
                                                   const LogTransaction* own,
                                                   const std::function<void()>& wake,
                                                   const WaitOptions& wait) override;
  Status Check(const State& state, Mapper* mapper, const WaitOptions& wait) override;

  // Maps one entry into the index's format: pairs of key and value. REQUIRES: the caller has the
  // turn. Errors: kFailed where the map fails on the entry; those that say nothing about it.
  Status MapEntry(const Entry& entry, std::vector<std::pair<std::string, std::string>>* rows);
  RunCache& run_cache() { return run_cache_; }

 private:
  class RowChange;
  std::unique_ptr<Change> NewChange() override;
  DropEntry Dead(const SeqSet& superseded) const override;

  RunCache run_cache_;
};

}  // namespace streamview
