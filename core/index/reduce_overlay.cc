#include "core/index/reduce_overlay.h"

#include "core/map/row_builder.h"
#include "core/storage/rocks.h"

namespace streamview {

Status ReduceOverlay::TakeIn(const Entry& entry, Seq superseded) {
  builder_.Clear();
  const bool failed = errors_.Contains(superseded) || own_errors_.count(superseded) != 0;
  if (superseded != 0 && !failed) SV_RETURN_IF_ERROR(Withdraw(superseded));
  std::string why;
  SV_ASSIGN_OR_RETURN(const bool mapped,
                      builder_.MapEntry(index().mapper(), entry, /*subtract=*/false, &why));
  builder_.MoveTo(&changes_);
  if (mapped) return Status::Ok();
  own_errors_.insert(entry.seq);
  return Status::Failed(AtEntry(entry, why));
}

Status ReduceOverlay::Withdraw(Seq seq) {
  const std::string* const own = FindRecord(seq);
  rocksdb::PinnableSlice committed;
  if (own == nullptr) SV_RETURN_IF_ERROR(index().log().ReadRecord(seq, &committed));
  return WithdrawEntry(index().definition(), index().mapper(), seq,
                       own != nullptr ? *own : ToView(committed), &builder_);
}

}  // namespace streamview
