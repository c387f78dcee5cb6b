#include "core/view/reduce_index.h"

#include <algorithm>
#include <unordered_map>
#include <vector>

#include "core/codec/record.h"
#include "core/storage/family_write.h"
#include "core/storage/rocks.h"
#include "core/view/reduce_check.h"
#include "core/view/reduce_snapshot.h"
#include "core/view/row_builder.h"

namespace streamview {

class ReduceIndex::ReduceChange final : public Change {
 public:
  explicit ReduceChange(ReduceIndex* index) : index_(index), builder_(index->definition()) {}

  Result<bool> TakeIn(const Entry& entry, Seq withdrawn, std::string* why) override {
    builder_.Clear();
    if (withdrawn != 0) {
      rocksdb::PinnableSlice record;
      SV_RETURN_IF_ERROR(index_->log().ReadRecord(withdrawn, &record));
      SV_RETURN_IF_ERROR(index_->Withdraw(withdrawn, ToView(record), &builder_));
    }
    SV_ASSIGN_OR_RETURN(const bool mapped, index_->Add(entry, &builder_, why));
    if (mapped || index_->definition().on_error == OnError::kSkip) {
      bytes_ += builder_.MoveTo(&aggregates_);
    }
    return mapped;
  }
  size_t keys() const override { return aggregates_.size(); }
  size_t bytes() const override { return bytes_; }
  void Write(const State&, FamilyWrite* write) override {
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
  ReduceIndex* const index_;
  ReduceBuilder builder_;
  std::unordered_map<std::string, Aggregate> aggregates_;  // by key in the index
  size_t bytes_ = 0;
};

std::unique_ptr<ViewIndex::Change> ReduceIndex::NewChange() {
  return std::make_unique<ReduceChange>(this);
}

// A change that is still to be added finds nothing, then, which is the same.
DropEntry ReduceIndex::Dead(const SeqSet&) const {
  return [](std::string_view, std::string_view value) {
    int64_t count;
    return ReadAggregateCount(value, &count) && count == 0;
  };
}

Result<bool> ReduceIndex::Add(const Entry& entry, ReduceBuilder* builder, std::string* why) {
  return builder->MapEntry(mapper(), entry, /*subtract=*/false, why);
}

Status ReduceIndex::Withdraw(Seq seq, std::string_view record, ReduceBuilder* builder) {
  Entry entry;
  SV_RETURN_IF_ERROR(DecodeRecord(record, seq, &entry));
  std::string why;
  SV_ASSIGN_OR_RETURN(const bool mapped,
                      builder->MapEntry(mapper(), entry, /*subtract=*/true, &why));
  if (mapped) return Status::Ok();
  return Status::Corruption("view " + definition().name + ": " + AtEntry(entry, why) +
                            ", and it was mapped before, so what it has added is not known");
}

Result<std::shared_ptr<const ViewSnapshot>> ReduceIndex::Read(std::shared_ptr<const State> state,
                                                              const LogTransaction* own,
                                                              const std::function<void()>& wake,
                                                              const WaitOptions& wait) {
  const auto self = std::static_pointer_cast<ReduceIndex>(shared_from_this());
  std::shared_ptr<const ReduceOverlay> overlay;
  if (own != nullptr) {
    SV_ASSIGN_OR_RETURN(overlay, OverlayOf<ReduceOverlay>(self, *own, *state, wait));
  }
  return std::shared_ptr<const ViewSnapshot>(
      std::make_shared<ReduceSnapshot>(self, std::move(state), std::move(overlay), wake));
}

Status ReduceIndex::Check(const State& state, Mapper* mapper, const WaitOptions& wait) {
  return CheckAggregates(*this, state, mapper, wait);
}

}  // namespace streamview
