#include "core/session/view_overlay.h"

#include "core/base/check.h"

namespace streamview {

namespace {

Result<Seq> FindSuperseded(const Entry& entry, const OwnDocuments& documents, Engine& engine,
                           Seq base, const WaitOptions& wait) {
  if (!entry.has_document()) return Seq{0};
  if (const Seq own = documents.FindPrevious(entry.seq); own != 0) return own;
  SV_ASSIGN_OR_RETURN(const DocVersion committed, engine.FindVersion(entry.key, base, wait));
  return committed.seq;
}

}  // namespace

Status ViewOverlay::Extend(const OwnDocuments& documents, const CommittedView& committed,
                           Mapper* mapper, const WaitOptions& wait) {
  SV_REQUIRE(run_.IsBeginningOf(documents.run()) && committed.seq() == base_);
  const size_t covered = run_.size();
  run_ = documents.run();
  WaitOptions::Clock::time_point next_poll;
  for (size_t i = covered; i < run_.size(); i++) {
    if (const auto now = WaitOptions::Clock::now(); now >= next_poll) {
      SV_RETURN_IF_ERROR(wait.CheckInterrupted());
      next_poll = now + WaitOptions::kPollInterval;
    }
    const Entry entry = run_.Read(run_.first() + i);
    SV_ASSIGN_OR_RETURN(const Seq superseded,
                        FindSuperseded(entry, documents, *engine_, base_, wait));
    const Status mapped = TakeIn(entry, superseded, committed, mapper);
    // With on_error=skip a document that cannot be mapped is recorded once it is committed.
    const bool skipped =
        mapped.code() == StatusCode::kFailed && definition_.on_error == OnError::kSkip;
    if (!skipped) SV_RETURN_IF_ERROR(mapped);
  }
  return Status::Ok();
}

}  // namespace streamview
