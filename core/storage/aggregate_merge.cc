#include "core/storage/aggregate_merge.h"

#include <deque>
#include <string>

#include "core/codec/aggregate.h"
#include "core/storage/rocks.h"

namespace streamview {

namespace {

// Exceptions (no memory) and damaged aggregates become RocksDB's error "corruption": a throw would
// end the process where a compaction calls.
class AggregateMerge final : public rocksdb::MergeOperator {
 public:
  const char* Name() const override { return "streamview.AggregateMerge"; }

  bool FullMergeV2(const MergeOperationInput& in, MergeOperationOutput* out) const override {
    try {
      Aggregate sum;
      if (in.existing_value != nullptr && !sum.Decode(ToView(*in.existing_value)).ok())
        return false;
      for (const rocksdb::Slice& operand : in.operand_list) {
        if (!AddTo(&sum, operand)) return false;
      }
      out->new_value.clear();
      sum.AppendTo(&out->new_value);
      return true;
    } catch (...) {
      return false;
    }
  }

  bool PartialMergeMulti(const rocksdb::Slice&, const std::deque<rocksdb::Slice>& operands,
                         std::string* result, rocksdb::Logger*) const override {
    try {
      Aggregate sum;
      for (const rocksdb::Slice& operand : operands) {
        if (!AddTo(&sum, operand)) return false;
      }
      result->clear();
      sum.AppendTo(result);
      return true;
    } catch (...) {
      return false;
    }
  }

 private:
  static bool AddTo(Aggregate* sum, const rocksdb::Slice& operand) {
    Aggregate part;
    if (!part.Decode(ToView(operand)).ok()) return false;
    sum->Add(part);
    return true;
  }
};

}  // namespace

std::shared_ptr<rocksdb::MergeOperator> NewAggregateMerge() {
  return std::make_shared<AggregateMerge>();
}

}  // namespace streamview
