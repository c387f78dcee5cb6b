#include "core/index/row_overlay.h"

#include "core/map/row_builder.h"

namespace streamview {

Status RowOverlay::TakeIn(const Entry& entry, Seq superseded) {
  if (superseded != 0) superseded_.insert(superseded);
  if (entry.is_tombstone()) return Status::Ok();
  RowBuilder builder(index().definition());
  std::string why;
  SV_ASSIGN_OR_RETURN(const bool mapped, builder.MapEntry(index().mapper(), entry, &why));
  if (!mapped) return Status::Failed(AtEntry(entry, why));
  builder.ForEachSorted([this](Seq, std::string_view key, std::string_view value) {
    rows_.insert_or_assign(std::string(key), std::string(value));
  });
  return Status::Ok();
}

}  // namespace streamview
