#include "core/index/reduce_check.h"

#include <iterator>
#include <map>
#include <string>

#include "core/codec/index_entry.h"
#include "core/codec/key_codec.h"
#include "core/index/index_check.h"
#include "core/map/reduce_builder.h"

namespace streamview {

namespace {

// Each pass takes the keys of a range: from where the last one ended as far as there is memory for
// them.
class ReduceCheck final : private IndexCheck {
 public:
  ReduceCheck(const ViewIndex& index, const IndexState& state, Mapper* mapper,
              const WaitOptions& wait, size_t memory)
      : IndexCheck(index, state, wait),
        definition_(index.definition()),
        mapper_(mapper),
        memory_(memory) {}

  Status Run() {
    SV_RETURN_IF_ERROR(CheckSuperseded());
    for (std::string from(kFirstIndexKey); !from.empty(); from = upper_) {
      SV_RETURN_IF_ERROR(AddUp(from));
      SV_RETURN_IF_ERROR(Compare(from));
      first_pass_ = false;
    }
    return Conclude();
  }

 private:
  using Aggregates = std::map<std::string, Aggregate>;  // by key in the index

  // Fills expected_ with the aggregates of the keys between `from` and upper_ (empty: no end).
  Status AddUp(const std::string& from) {
    expected_.clear();
    bytes_ = 0;
    upper_.clear();
    return ForEachCounting([&](const Entry& entry) -> Status {
      ReduceBuilder rows(definition_);
      std::string why;
      SV_ASSIGN_OR_RETURN(const bool mapped, rows.MapEntry(mapper_, entry, false, &why));
      if (first_pass_) CheckError(entry, mapped);
      Aggregates emitted;
      rows.MoveTo(&emitted);
      for (auto& [key, aggregate] : emitted) {
        if (key >= from && (upper_.empty() || key < upper_)) Expect(key, aggregate);
      }
      return Status::Ok();
    });
  }

  void Expect(const std::string& key, const Aggregate& aggregate) {
    const auto [found, is_new] = expected_.try_emplace(key);
    found->second.Add(aggregate);
    if (is_new) bytes_ += key.size() + kBytesOfAnAggregate;
    while (bytes_ > memory_ && expected_.size() > 1) {
      const auto last = std::prev(expected_.end());
      upper_ = last->first;
      bytes_ -= upper_.size() + kBytesOfAnAggregate;
      expected_.erase(last);
    }
  }

  Status Compare(const std::string& from) {
    auto next = expected_.cbegin();
    const auto lacks_until = [&](std::string_view key) {
      for (; next != expected_.cend() && (key.empty() || next->first < key); ++next) {
        findings_.Add("the index lacks " + Describe(next->first, next->second));
      }
    };
    SV_RETURN_IF_ERROR(
        ForEachStored(from, [&](std::string_view key, std::string_view value) -> Result<bool> {
          if (!upper_.empty() && key >= upper_) return false;
          Aggregate stored;
          if (const Status decoded = stored.Decode(value); !decoded.ok()) {
            findings_.Add(decoded.message());
            return true;
          }
          lacks_until(key);
          const bool expected = next != expected_.cend() && next->first == key;
          if (!expected && !stored.is_zero()) {
            findings_.Add("the index has " + Describe(key, stored) + ", which no entry emits");
          } else if (expected && stored != next->second) {
            findings_.Add("the index has " + Describe(key, stored) + ", and the log " +
                          Describe(key, next->second));
          }
          if (expected) ++next;
          return true;
        }));
    lacks_until("");
    return Status::Ok();
  }

  std::string Describe(std::string_view key, const Aggregate& aggregate) const {
    std::string text;
    const bool counts_value = key.front() == kValuesPrefix;
    if (counts_value) key.remove_prefix(1);
    while (!key.empty()) {
      std::string scratch;
      ValueView column;
      std::string_view rest = key;
      // A number that is no integer can only be a REAL.
      if (!ReadKeyColumn(&rest, false, &scratch, &column)) {
        rest = key;
        if (!ReadKeyColumn(&rest, true, &scratch, &column)) return "a key that does not decode";
      }
      text += (text.empty() ? "" : ", ") + ToDisplay(column);
      key = rest;
    }
    text = (counts_value ? "value (" : "row (") + text + ") with count " +
           std::to_string(aggregate.count);
    if (!aggregate.sums.empty()) {
      text += " and sum " + ToDisplay(ValueView::Real(aggregate.sums.front().ToReal()));
    }
    return text;
  }

  const ViewDefinition& definition_;
  Mapper* const mapper_;
  const size_t memory_;
  bool first_pass_ = true;
  Aggregates expected_;
  size_t bytes_ = 0;
  std::string upper_;
};

}  // namespace

Status CheckAggregates(const ViewIndex& index, const IndexState& state, Mapper* mapper,
                       const WaitOptions& wait, size_t memory) {
  return ReduceCheck(index, state, mapper, wait, memory).Run();
}

}  // namespace streamview
