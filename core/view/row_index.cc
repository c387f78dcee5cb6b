#include "core/view/row_index.h"

#include "core/codec/index_entry.h"
#include "core/storage/family_write.h"
#include "core/view/row_builder.h"
#include "core/view/row_check.h"
#include "core/view/row_snapshot.h"

namespace streamview {

// Nothing is taken out: the set of superseded entries says what counts.
class RowIndex::RowChange final : public Change {
 public:
  explicit RowChange(RowIndex* index) : index_(index), rows_(index->definition()) {}

  Result<bool> TakeIn(const Entry& entry, Seq, std::string* why) override {
    if (entry.is_tombstone()) return true;
    return rows_.MapEntry(index_->mapper(), entry, why);
  }
  size_t keys() const override { return rows_.rows(); }
  size_t bytes() const override { return rows_.bytes(); }
  void Write(const State& state, FamilyWrite* write) override {
    rows_.ForEachSorted([&](Seq seq, std::string_view key, std::string_view value) {
      // What was superseded since need not be written.
      if (state.superseded.Contains(seq)) return;
      write->Put(key, value);
      index_->run_cache_.NoteChange(key, state.version);
    });
  }

 private:
  RowIndex* const index_;
  RowBuilder rows_;
};

std::unique_ptr<ViewIndex::Change> RowIndex::NewChange() {
  return std::make_unique<RowChange>(this);
}

DropEntry RowIndex::Dead(const SeqSet& superseded) const {
  if (superseded.empty()) return DropEntry();
  return [superseded](std::string_view, std::string_view value) {
    Seq seq;
    return ReadIndexSeq(value, &seq) && superseded.Contains(seq);
  };
}

Status RowIndex::MapEntry(const Entry& entry,
                          std::vector<std::pair<std::string, std::string>>* rows) {
  if (entry.is_tombstone()) return Status::Ok();
  RowBuilder builder(definition());
  std::string why;
  SV_ASSIGN_OR_RETURN(const bool mapped, builder.MapEntry(mapper(), entry, &why));
  if (!mapped) return Status::Failed(AtEntry(entry, why));
  builder.ForEachSorted(
      [&](Seq, std::string_view key, std::string_view value) { rows->emplace_back(key, value); });
  return Status::Ok();
}

Result<std::shared_ptr<const ViewSnapshot>> RowIndex::Read(std::shared_ptr<const State> state,
                                                           const LogTransaction* own,
                                                           const std::function<void()>& wake,
                                                           const WaitOptions& wait) {
  const auto self = std::static_pointer_cast<RowIndex>(shared_from_this());
  std::shared_ptr<const RowOverlay> overlay;
  if (own != nullptr) {
    SV_ASSIGN_OR_RETURN(overlay, OverlayOf<RowOverlay>(self, *own, *state, wait));
  }
  return std::shared_ptr<const ViewSnapshot>(
      std::make_shared<RowSnapshot>(self, std::move(state), std::move(overlay), wake));
}

Status RowIndex::Check(const State& state, Mapper* mapper, const WaitOptions& wait) {
  return CheckRows(*this, state, mapper, wait);
}

}  // namespace streamview
