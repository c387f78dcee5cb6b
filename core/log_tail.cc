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
  if (next_ > last_ + 1) {
    return Status::InvalidArgument("there is no entry " + std::to_string(next_ - 1) +
                                   " to go on from: the head of the log is " +
                                   std::to_string(last_));
  }
  if (view_ == nullptr) return Status::Ok();
  SV_ASSIGN_OR_RETURN(last_, view_->AdvanceTo(view_at_least, wait));
  return Status::Ok();
}

Result<bool> LogTail::Next() {
  if (cursor_ != nullptr) {
    cursor_->Next();
  } else if (next_ <= last_) {
    cursor_ = engine_->ScanLog({next_, last_}, nullptr);
  } else {
    return false;
  }
  if (cursor_->Valid()) {
    next_ = cursor_->entry().seq + 1;
    return true;
  }
  const Status ended = cursor_->status();
  cursor_.reset();
  SV_RETURN_IF_ERROR(ended);
  return false;
}

Status LogTail::Await(const WaitOptions& wait) {
  SV_RETURN_IF_ERROR(engine_->WaitForHead(next_, wait));
  const Seq head = engine_->Head();
  if (view_ == nullptr) {
    last_ = head;
    return Status::Ok();
  }
  SV_ASSIGN_OR_RETURN(last_, view_->AdvanceTo(std::min(head, next_ + kViewStep - 1), wait));
  return Status::Ok();
}

}  // namespace streamview
