#include "core/docs/doc_overlay.h"

#include "core/codec/key_codec.h"

namespace streamview {

Status DocOverlay::Extend(const LogTransaction& own) {
  if (truncations_ != own.truncations()) {
    *this = DocOverlay();
    truncations_ = own.truncations();
  }
  for (; covered_ < own.size(); covered_++) {
    Entry entry;
    SV_RETURN_IF_ERROR(own.EntryAt(covered_, &entry));
    if (!entry.has_document()) continue;
    std::string key;
    AppendKeyColumn(&key, entry.key);
    documents_[std::move(key)] = {VersionOf(entry), own.RecordAt(covered_)};
  }
  return Status::Ok();
}

}  // namespace streamview
