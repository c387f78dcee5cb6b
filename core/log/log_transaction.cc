#include "core/log/log_transaction.h"

#include <algorithm>
#include <utility>

#include "core/base/check.h"

namespace streamview {

LogTransaction::~LogTransaction() {
  if (process_.InForkedChild()) return;  // it is the parent's to end
  // An error here is kept by the store as its background error.
  (void)Rollback();
}

Result<LogEnd> LogTransaction::TakeTurn(const WaitOptions& wait) {
  SV_RETURN_IF_ERROR(process_.Check());
  if (!has_turn_) SV_RETURN_IF_ERROR(log_->TakeTurn(wait));
  has_turn_ = true;
  return log_->end();
}

Status LogTransaction::Prepare(const Records& records, SyncMode sync, const std::string& token) {
  SV_RETURN_IF_ERROR(process_.Check());
  SV_REQUIRE_OR_RETURN(has_turn_ || records.empty());
  // A COMMIT failed after it was prepared, and the transaction went on: one batch must hold it all.
  SV_RETURN_IF_ERROR(Unprepare());
  Records prepared = records;
  std::string prepared_token = token;
  if (!records.empty()) {
    SV_RETURN_IF_ERROR(log_->WriteRecords(log_->head() + 1, records, sync, token));
  }
  prepared_ = std::move(prepared);
  prepared_sync_ = sync;
  prepared_token_ = std::move(prepared_token);
  is_prepared_ = true;
  return Status::Ok();
}

Status LogTransaction::Commit() {
  SV_REQUIRE(is_prepared_);
  if (!prepared_.empty()) {
    log_->Publish(log_->head() + 1, prepared_, std::move(prepared_token_));
    prepared_.clear();
  }
  Finish();
  return Status::Ok();
}

Status LogTransaction::Rollback() {
  SV_RETURN_IF_ERROR(process_.Check());
  const Status status = Unprepare();
  Finish();
  return status;
}

void LogTransaction::Abandon() {
  if (process_.InForkedChild()) return;
  is_prepared_ = false;
  if (prepared_.empty()) return Finish();
  prepared_.clear();
  has_turn_ = false;  // nobody gets it any more
  log_->Abandon();
}

Status LogTransaction::Unprepare() {
  is_prepared_ = false;
  if (prepared_.empty()) return Status::Ok();
  const Status status = log_->EraseRecords(log_->head() + 1, prepared_.size(),
                                           std::max(prepared_sync_, SyncMode::kNormal));
  prepared_.clear();
  return status;
}

void LogTransaction::Finish() {
  is_prepared_ = false;
  if (!has_turn_) return;
  has_turn_ = false;
  log_->ReleaseTurn();
}

}  // namespace streamview
