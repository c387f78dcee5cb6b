#include "core/session/reduce_overlay.h"

#include <utility>

#include "core/codec/key_range.h"
#include "core/map/row_builder.h"
#include "core/reduce_cursor.h"
#include "core/row_cursor.h"
#include "core/session/merge_cursor.h"

namespace streamview {

namespace {

using OverlaidAggregates = OverlaidView<ReduceOverlay>;

// What a ReduceCursor walks: the aggregates that count rows, own changes added.
class MergedAggregates {
 public:
  using Snapshot = OverlaidAggregates;

  // `view` must outlive it.
  MergedAggregates(const OverlaidAggregates& view, const KeyRange& keys, bool reverse)
      : view_(view),
        merged_(view.committed().Scan(keys, reverse),
                OwnMapCursor<ReduceOverlay::Changes>(view.overlay().changes(), keys, reverse)) {
    SkipDead();
  }

  bool Valid() const { return merged_.Valid() && damage_.ok(); }
  void Next() {
    merged_.Next();
    SkipDead();
  }
  Status status() const { return damage_.ok() ? merged_.status() : damage_; }
  std::string_view key() const {
    return merged_.at_stored() ? merged_.stored().key() : merged_.own().key();
  }
  const Aggregate& aggregate() const { return aggregate_; }

 private:
  void SkipDead() {
    for (; merged_.Valid(); merged_.Next()) {
      damage_ = Read();
      if (!damage_.ok() || aggregate_.count > 0) return;
    }
  }

  Status Read() {
    aggregate_ = Aggregate();
    if (merged_.at_stored()) {
      const Status decoded = aggregate_.Decode(merged_.stored().value());
      if (!decoded.ok()) return view_.NoteDamage(decoded.message());
    }
    if (merged_.at_own()) aggregate_.Add(merged_.own().value());
    if (aggregate_.count >= 0) return Status::Ok();
    return view_.NoteDamage("an index entry counts " + std::to_string(aggregate_.count) + " rows");
  }

  const OverlaidAggregates& view_;
  MergeCursor<IndexCursor, OwnMapCursor<ReduceOverlay::Changes>> merged_;
  Aggregate aggregate_;
  Status damage_;
};

}  // namespace

template <>
std::unique_ptr<ViewCursor> OverlaidAggregates::NewCursor(const ViewRange& range) const {
  const KeyRange keys = EncodeKeyRange(range.equal, range.lower, range.upper, kFirstReduceRow);
  if (keys.empty()) return std::make_unique<EmptyCursor>();
  return std::make_unique<ReduceCursor<MergedAggregates>>(overlay().definition(),
                                                          shared_from_this(), keys, range.reverse);
}

std::shared_ptr<const ViewSnapshot> ReduceOverlay::Over(
    std::shared_ptr<const CommittedView> committed) const {
  return std::make_shared<OverlaidAggregates>(
      std::move(committed), std::static_pointer_cast<const ReduceOverlay>(shared_from_this()));
}

Status ReduceOverlay::TakeIn(const Entry& entry, Seq superseded, const CommittedView& committed,
                             Mapper* mapper) {
  builder_.Clear();
  if (superseded != 0) SV_RETURN_IF_ERROR(Withdraw(superseded, committed, mapper));
  std::string why;
  SV_ASSIGN_OR_RETURN(const bool mapped,
                      builder_.MapEntry(mapper, entry, /*subtract=*/false, &why));
  builder_.MoveTo(&changes_);
  if (mapped) return Status::Ok();
  failed_.insert(entry.seq);
  return Status::Failed(AtEntry(entry, why));
}

Status ReduceOverlay::Withdraw(Seq seq, const CommittedView& committed, Mapper* mapper) {
  if (run().Has(seq)) {
    if (failed_.count(seq) != 0) return Status::Ok();
    return WithdrawEntry(definition(), mapper, run().Read(seq), &builder_);
  }
  SV_ASSIGN_OR_RETURN(const bool failed, committed.MapFailedOn(seq));
  if (failed) return Status::Ok();
  const std::unique_ptr<LogCursor> entry = engine().ScanLog({seq, seq});
  if (!entry->Valid()) return entry->status();
  return WithdrawEntry(definition(), mapper, entry->entry(), &builder_);
}

}  // namespace streamview
