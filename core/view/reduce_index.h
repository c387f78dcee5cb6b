// ReduceIndex: the index of a view with reduce. For each distinct key it keeps what the rows under
// it add up to (core/view/reduce_builder.h), not the rows.
//
// As the index advances it adds what each entry emits, and takes out what the entry that it
// supersedes has added: that one is mapped again, since a map is a pure function. Both are written
// as changes that RocksDB adds up (core/storage/aggregate_merge.h), so nothing of what is there is
// read. A change may be applied only once; that it is, follows from its being written together with
// the checkpoint.
//
// An entry of the index is dead when it counts no rows.

#pragma once

#include <map>
#include <memory>
#include <string>

#include "core/view/reduce_builder.h"
#include "core/view/view_index.h"

namespace streamview {

class ReduceIndex final : public ViewIndex {
 public:
  explicit ReduceIndex(Parts parts) : ViewIndex(std::move(parts)) {}

  Result<std::shared_ptr<const ViewSnapshot>> Read(std::shared_ptr<const State> state,
                                                   const LogTransaction* own,
                                                   const std::function<void()>& wake,
                                                   const WaitOptions& wait) override;
  Status Check(const State& state, Mapper* mapper, const WaitOptions& wait) override;

  // Both REQUIRE that the caller has the turn. The first is builder->MapEntry with the index's map.
  Result<bool> Add(const Entry& entry, ReduceBuilder* builder, std::string* why);
  // Takes out what an entry of which this is the record has added. Errors: kCorruption where the
  // map fails on it now; those that say nothing about the entry.
  Status Withdraw(Seq seq, std::string_view record, ReduceBuilder* builder);

 private:
  class ReduceChange;
  std::unique_ptr<Change> NewChange() override;
  DropEntry Dead(const SeqSet& superseded) const override;
};

}  // namespace streamview
