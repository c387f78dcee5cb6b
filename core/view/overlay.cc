#include "core/view/overlay.h"

#include "core/codec/key_codec.h"

namespace streamview {

bool Overlay::Covers(const LogTransaction& own, Seq base) const {
  return truncations_ == own.truncations() && covered_ == own.size() && base_ == base;
}

Status Overlay::Extend(const LogTransaction& own, const DocIndex& docs, Seq base,
                       const WaitOptions& wait) {
  if (truncations_ != own.truncations() || base_ != base) {
    *this = Overlay(std::move(index_));
    truncations_ = own.truncations();
    base_ = base;
  }
  while (covered_ < own.size()) {
    SV_RETURN_IF_ERROR(wait.CheckInterrupted());
    SV_RETURN_IF_ERROR(index_->turn().Take(wait));
    TurnHolder holder(index_->turn());
    const auto slice_end = WaitOptions::Clock::now() + WaitOptions::kPollInterval;
    while (covered_ < own.size() && WaitOptions::Clock::now() < slice_end) {
      SV_RETURN_IF_ERROR(MapNext(own, docs));
    }
  }
  return Status::Ok();
}

Status Overlay::MapNext(const LogTransaction& own, const DocIndex& docs) {
  Entry entry;
  SV_RETURN_IF_ERROR(own.EntryAt(covered_, &entry));
  if (entry.has_document()) SV_RETURN_IF_ERROR(Supersede(entry, docs));
  std::vector<std::pair<std::string, std::string>> rows;
  const Status mapped = index_->MapEntry(entry, &rows);
  // With on_error=skip a document that cannot be mapped is recorded once it is committed.
  const bool skipped =
      mapped.code() == StatusCode::kFailed && index_->definition().on_error == OnError::kSkip;
  if (!skipped) SV_RETURN_IF_ERROR(mapped);
  for (auto& [key, value] : rows) rows_[std::move(key)] = std::move(value);
  first_ = own.first();
  records_.push_back(own.RecordAt(covered_));
  covered_++;
  return Status::Ok();
}

Status Overlay::Supersede(const Entry& entry, const DocIndex& docs) {
  std::string doc_key;
  AppendKeyColumn(&doc_key, entry.key);
  auto [it, is_new] = latest_.try_emplace(std::move(doc_key), 0);
  if (is_new) {
    SV_ASSIGN_OR_RETURN(const DocVersion committed, docs.FindLatest(entry.key, base_));
    it->second = committed.seq;
  }
  if (it->second != 0) superseded_.insert(it->second);
  it->second = entry.seq;
  return Status::Ok();
}

}  // namespace streamview
