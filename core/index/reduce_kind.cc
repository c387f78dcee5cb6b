#include "core/index/reduce_kind.h"

#include <algorithm>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/codec/record.h"
#include "core/index/reduce_check.h"
#include "core/index/reduce_snapshot.h"
#include "core/index/view_index.h"
#include "core/map/reduce_builder.h"
#include "core/storage/family_write.h"
#include "core/storage/rocks.h"

namespace streamview {

namespace {

class ReduceChange final : public IndexChange {
 public:
  explicit ReduceChange(ViewIndex* index) : index_(index), builder_(index->definition()) {}

  Result<bool> TakeIn(const Entry& entry, Seq withdrawn, std::string* why) override {
    Mapper* const mapper = index_->mapper();
    builder_.Clear();
    if (withdrawn != 0) {
      rocksdb::PinnableSlice record;
      SV_RETURN_IF_ERROR(index_->log().ReadRecord(withdrawn, &record));
      Entry superseded;
      SV_RETURN_IF_ERROR(DecodeRecord(ToView(record), withdrawn, &superseded));
      SV_RETURN_IF_ERROR(WithdrawEntry(index_->definition(), mapper, superseded, &builder_));
    }
    SV_ASSIGN_OR_RETURN(const bool mapped,
                        builder_.MapEntry(mapper, entry, /*subtract=*/false, why));
    if (mapped || index_->definition().on_error == OnError::kSkip) {
      bytes_ += builder_.MoveTo(&aggregates_);
    }
    return mapped;
  }
  size_t keys() const override { return aggregates_.size(); }
  size_t bytes() const override { return bytes_; }
  void Write(const IndexState&, FamilyWrite* write) override {
    std::vector<const std::pair<const std::string, Aggregate>*> sorted;
    for (const auto& entry : aggregates_) {
      if (!entry.second.is_zero()) sorted.push_back(&entry);
    }
    std::sort(sorted.begin(), sorted.end(),
              [](const auto* a, const auto* b) { return a->first < b->first; });
    std::string bytes;
    for (const auto* entry : sorted) {
      bytes.clear();
      entry->second.AppendTo(&bytes);
      write->Merge(entry->first, bytes);
    }
  }

 private:
  ViewIndex* const index_;
  ReduceBuilder builder_;
  std::unordered_map<std::string, Aggregate> aggregates_;  // by key in the index
  size_t bytes_ = 0;
};

class ReduceKind final : public IndexKind {
 public:
  std::unique_ptr<IndexChange> NewChange(ViewIndex* index) override {
    return std::make_unique<ReduceChange>(index);
  }

  // A change that is still to be added finds nothing, then, which is the same.
  DropEntry Dead(const SeqSet&) const override {
    return [](std::string_view, std::string_view value) {
      int64_t count;
      return ReadAggregateCount(value, &count) && count == 0;
    };
  }

  std::shared_ptr<const CommittedView> Read(std::shared_ptr<ViewIndex> index,
                                            std::shared_ptr<const IndexState> state,
                                            const std::function<void()>& wake) override {
    return std::make_shared<ReduceSnapshot>(std::move(index), std::move(state), wake);
  }

  Status Check(const ViewIndex& index, const IndexState& state, Mapper* mapper,
               const WaitOptions& wait) override {
    return CheckAggregates(index, state, mapper, wait);
  }
};

}  // namespace

std::unique_ptr<IndexKind> NewReduceKind() { return std::make_unique<ReduceKind>(); }

}  // namespace streamview
