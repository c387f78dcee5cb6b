#include "core/log_tail.h"

#include <algorithm>
#include <string>

namespace streamview {

namespace {

// How far a view that is behind is advanced at a time, so that its changes come as it goes.
constexpr Seq kViewStep = 1000;

}  // namespace

Status LogTail::Begin(Seq view_at_least, const WaitOptions& wait) {
  last_ = engine_->Head();
  SV_REQUIRE_OR_RETURN(view_at_least <= last_ || view_at_least == kLatest);
  if (next_ > last_ + 1) {
    return Status::InvalidArgument("there is no entry " + std::to_string(next_ - 1) +
                                   " to go on from: the head of the log is " +
                                   std::to_string(last_));
  }
  return view_ == nullptr ? Status::Ok() : AdvanceView(std::min(view_at_least, last_), wait);
}

Status LogTail::AdvanceView(Seq seq, const WaitOptions& wait) {
  const Result<Seq> advanced = view_->AdvanceTo(seq, wait);
  if (!advanced.ok() && advanced.status().code() != StatusCode::kFailed) return advanced.status();
  last_ = advanced.ok() ? *advanced : view_->checkpoint();
  stopped_ = advanced.status();
  return Status::Ok();
}

Result<bool> LogTail::Next() {
  if (cursor_ != nullptr) {
    cursor_->Next();
  } else if (next_ <= last_) {
    cursor_ = engine_->ScanLog({next_, last_});
  }
  if (cursor_ != nullptr) {
    if (cursor_->Valid()) {
      next_ = cursor_->entry().seq + 1;
      return true;
    }
    const Status ended = cursor_->status();
    cursor_.reset();
    SV_RETURN_IF_ERROR(ended);
  }
  SV_RETURN_IF_ERROR(stopped_);
  return false;
}

Status LogTail::Await(const WaitOptions& wait) {
  SV_RETURN_IF_ERROR(engine_->WaitForHead(next_, wait));
  const Seq head = engine_->Head();
  if (view_ == nullptr) {
    last_ = head;
    return Status::Ok();
  }
  return AdvanceView(std::min(head, next_ + kViewStep - 1), wait);
}

}  // namespace streamview
