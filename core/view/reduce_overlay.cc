#include "core/view/reduce_overlay.h"

#include "core/storage/rocks.h"
#include "core/view/row_builder.h"

namespace streamview {

Status ReduceOverlay::TakeIn(const Entry& entry, Seq superseded) {
  builder_.Clear();
  const bool failed = errors_.Contains(superseded) || own_errors_.count(superseded) != 0;
  if (superseded != 0 && !failed) SV_RETURN_IF_ERROR(Withdraw(superseded));
  std::string why;
  SV_ASSIGN_OR_RETURN(const bool mapped, index_->Add(entry, &builder_, &why));
  builder_.MoveTo(&changes_);
  if (mapped) return Status::Ok();
  own_errors_.insert(entry.seq);
  return Status::Failed(AtEntry(entry, why));
}

Status ReduceOverlay::Withdraw(Seq seq) {
  if (const std::string* const own = FindRecord(seq)) return index_->Withdraw(seq, *own, &builder_);
  rocksdb::PinnableSlice record;
  SV_RETURN_IF_ERROR(index_->log().ReadRecord(seq, &record));
  return index_->Withdraw(seq, ToView(record), &builder_);
}

}  // namespace streamview
