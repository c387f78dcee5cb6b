#include "core/session/row_overlay.h"

#include <utility>

#include "core/codec/index_entry.h"
#include "core/codec/key_range.h"
#include "core/map/row_builder.h"
#include "core/row_cursor.h"
#include "core/session/merge_cursor.h"

namespace streamview {

namespace {

using OverlaidRows = OverlaidView<RowOverlay>;

// What a RowCursor walks: stored and own entries, those left out that the session supersedes. Where
// a stored and an own one have the same key, the stored one is of a version that is superseded.
class MergedRows {
 public:
  MergedRows(std::shared_ptr<const OverlaidRows> view, const KeyRange& keys, bool reverse)
      : view_(std::move(view)),
        merged_(view_->committed().Scan(keys, reverse),
                OwnMapCursor<RowOverlay::Rows>(view_->overlay().rows(), keys, reverse)) {
    SkipSuperseded();
  }

  bool Valid() const { return merged_.Valid() && damage_.ok(); }
  void Next() {
    merged_.Next();
    SkipSuperseded();
  }
  Status status() const { return damage_.ok() ? merged_.status() : damage_; }
  std::string_view key() const {
    return merged_.at_own() ? merged_.own().key() : merged_.stored().key();
  }
  std::string_view value() const {
    return merged_.at_own() ? merged_.own().value() : merged_.stored().value();
  }
  Seq seq() const { return seq_; }
  uint64_t row() const { return row_; }
  Status Malformed(const std::string& why) const { return view_->NoteDamage(why); }
  Result<Value> ReadDocument(Seq seq) const {
    const RowOverlay& overlay = view_->overlay();
    if (overlay.run().Has(seq)) return Value(overlay.run().Read(seq).value);
    const std::unique_ptr<LogCursor> entry = overlay.engine().ScanLog({seq, seq});
    if (!entry->Valid()) return entry->status();
    return Value(entry->entry().value);
  }

 private:
  void SkipSuperseded() {
    for (; merged_.Valid(); merged_.Next()) {
      if (!ReadIndexRow(value(), &seq_, &row_)) {
        damage_ = Malformed("an index entry holds no sequence number");
        return;
      }
      if (!view_->overlay().Supersedes(seq_)) return;
    }
  }

  const std::shared_ptr<const OverlaidRows> view_;
  MergeCursor<IndexCursor, OwnMapCursor<RowOverlay::Rows>> merged_;
  Seq seq_ = 0;  // of the present entry
  uint64_t row_ = 0;
  Status damage_;
};

}  // namespace

template <>
std::unique_ptr<ViewCursor> OverlaidRows::NewCursor(const ViewRange& range) const {
  const KeyRange keys = EncodeKeyRange(range.equal, range.lower, range.upper, kFirstIndexKey);
  if (keys.empty()) return std::make_unique<EmptyCursor>();
  return std::make_unique<RowCursor<MergedRows>>(overlay().definition(), shared_from_this(), keys,
                                                 range.reverse);
}

std::shared_ptr<const ViewSnapshot> RowOverlay::Over(
    std::shared_ptr<const CommittedView> committed) const {
  return std::make_shared<OverlaidRows>(
      std::move(committed), std::static_pointer_cast<const RowOverlay>(shared_from_this()));
}

Status RowOverlay::TakeIn(const Entry& entry, Seq superseded, const CommittedView&,
                          Mapper* mapper) {
  if (superseded != 0) superseded_.insert(superseded);
  if (entry.is_tombstone()) return Status::Ok();
  RowBuilder builder(definition());
  std::string why;
  SV_ASSIGN_OR_RETURN(const bool mapped, builder.MapEntry(mapper, entry, &why));
  if (!mapped) return Status::Failed(AtEntry(entry, why));
  builder.ForEachSorted([this](Seq, std::string_view key, std::string_view value) {
    rows_.insert_or_assign(std::string(key), std::string(value));
  });
  return Status::Ok();
}

}  // namespace streamview
