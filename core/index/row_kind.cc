#include "core/index/row_kind.h"

#include <utility>

#include "core/codec/index_entry.h"
#include "core/index/count_cache.h"
#include "core/index/row_check.h"
#include "core/index/row_snapshot.h"
#include "core/index/run_cache.h"
#include "core/index/view_index.h"
#include "core/map/row_builder.h"
#include "core/storage/family_write.h"

namespace streamview {

namespace {

// Nothing is taken out: the set of superseded entries says what counts.
class RowChange final : public IndexChange {
 public:
  RowChange(ViewIndex* index, RunCache* run_cache)
      : index_(index), run_cache_(run_cache), rows_(index->definition()) {}

  Result<bool> TakeIn(const Entry& entry, Seq, std::string* why) override {
    if (entry.is_tombstone()) return true;
    return rows_.MapEntry(index_->mapper(), entry, why);
  }
  size_t keys() const override { return rows_.rows(); }
  size_t bytes() const override { return rows_.bytes(); }
  void Write(const IndexState& state, FamilyWrite* write) override {
    rows_.ForEachSorted([&](Seq seq, std::string_view key, std::string_view value) {
      // What was superseded since need not be written.
      if (state.superseded.Contains(seq)) return;
      write->Put(key, value);
      run_cache_->NoteChange(key, state.version);
    });
  }

 private:
  ViewIndex* const index_;
  RunCache* const run_cache_;
  RowBuilder rows_;
};

class RowKind final : public IndexKind {
 public:
  std::unique_ptr<IndexChange> NewChange(ViewIndex* index) override {
    return std::make_unique<RowChange>(index, &run_cache_);
  }

  DropEntry Dead(const SeqSet& superseded) const override {
    if (superseded.empty()) return DropEntry();
    return [superseded](std::string_view, std::string_view value) {
      Seq seq;
      return ReadIndexSeq(value, &seq) && superseded.Contains(seq);
    };
  }

  std::shared_ptr<const CommittedView> Read(std::shared_ptr<ViewIndex> index,
                                            std::shared_ptr<const IndexState> state,
                                            const std::function<void()>& wake) override {
    return std::make_shared<RowSnapshot>(std::move(index), &run_cache_, &count_cache_,
                                         std::move(state), wake);
  }

  Status Check(const ViewIndex& index, const IndexState& state, Mapper* mapper,
               const WaitOptions& wait) override {
    return CheckRows(index, state, mapper, wait);
  }

 private:
  RunCache run_cache_;
  CountCache count_cache_;
};

}  // namespace

std::unique_ptr<IndexKind> NewRowKind() { return std::make_unique<RowKind>(); }

}  // namespace streamview
