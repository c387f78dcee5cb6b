#include "core/index/overlay.h"

#include "core/codec/key_codec.h"

namespace streamview {

Status Overlay::Extend(const LogTransaction& own, const WaitOptions& wait) {
  while (!Covers(own)) {
    SV_RETURN_IF_ERROR(wait.CheckInterrupted());
    SV_RETURN_IF_ERROR(index_->turn().Take(wait));
    TurnHolder holder(index_->turn());
    const auto slice_end = WaitOptions::Clock::now() + WaitOptions::kPollInterval;
    while (!Covers(own) && WaitOptions::Clock::now() < slice_end) {
      SV_RETURN_IF_ERROR(TakeInNext(own));
    }
  }
  return Status::Ok();
}

Status Overlay::TakeInNext(const LogTransaction& own) {
  SV_REQUIRE(index_->turn().IsTaken());
  Entry entry;
  SV_RETURN_IF_ERROR(own.EntryAt(records_.size(), &entry));
  SV_ASSIGN_OR_RETURN(const Seq superseded, FindSuperseded(entry));
  const Status mapped = TakeIn(entry, superseded);
  // With on_error=skip a document that cannot be mapped is recorded once it is committed.
  const bool skipped =
      mapped.code() == StatusCode::kFailed && index_->definition().on_error == OnError::kSkip;
  if (!skipped) SV_RETURN_IF_ERROR(mapped);
  first_ = own.first();
  records_.push_back(own.RecordAt(records_.size()));
  return Status::Ok();
}

// From now on the entry is the latest of its document.
Result<Seq> Overlay::FindSuperseded(const Entry& entry) {
  if (!entry.has_document()) return Seq{0};
  std::string doc_key;
  AppendKeyColumn(&doc_key, entry.key);
  auto [it, is_new] = latest_.try_emplace(std::move(doc_key), 0);
  if (is_new) {
    SV_ASSIGN_OR_RETURN(const DocVersion committed, index_->docs().FindLatest(entry.key, base_));
    it->second = committed.seq;
  }
  return std::exchange(it->second, entry.seq);
}

}  // namespace streamview
