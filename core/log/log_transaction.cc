#include "core/log/log_transaction.h"

#include <algorithm>
#include <utility>

#include "core/codec/record.h"

namespace streamview {

LogTransaction::~LogTransaction() {
  if (process_.InForkedChild()) return;  // it is the parent's to end
  // An error here is kept by the store as its background error.
  (void)Rollback();
}

Status LogTransaction::TakeTurn(const WaitOptions& wait) {
  SV_RETURN_IF_ERROR(process_.Check());
  if (has_turn_) return Status::Ok();
  SV_RETURN_IF_ERROR(log_->TakeTurn(wait));
  has_turn_ = true;
  first_ = log_->head() + 1;
  return Status::Ok();
}

Result<Seq> LogTransaction::Append(const ValueView& key, const ValueView& value,
                                   const WaitOptions& wait) {
  SV_RETURN_IF_ERROR(process_.Check());
  SV_RETURN_IF_ERROR(CheckKey(key));
  SV_RETURN_IF_ERROR(TakeTurn(wait));
  SV_RETURN_IF_ERROR(CheckNumber(first_ + records_.size()));
  std::string record;
  AppendRecord(&record, log_->NextTime(), key, value);
  records_.push_back(std::make_shared<const std::string>(std::move(record)));
  prepared_is_current_ = false;
  return first_ + records_.size() - 1;
}

void LogTransaction::Truncate(size_t size) {
  SV_REQUIRE(size <= records_.size());
  if (size == records_.size()) return;
  records_.resize(size);
  prepared_is_current_ = false;
  truncations_++;
}

Status LogTransaction::Prepare(SyncMode sync, const std::string& token) {
  SV_RETURN_IF_ERROR(process_.Check());
  if (prepared_is_current_ && prepared_token_ == token) return Status::Ok();
  // A COMMIT failed after it was prepared, and the transaction went on: one batch must hold it all.
  SV_RETURN_IF_ERROR(Unprepare());
  if (!records_.empty()) SV_RETURN_IF_ERROR(log_->WriteRecords(first_, records_, sync, token));
  prepared_ = records_.size();
  prepared_sync_ = sync;
  prepared_token_ = token;
  prepared_is_current_ = true;
  return Status::Ok();
}

void LogTransaction::Commit() {
  SV_REQUIRE(prepared_is_current_);
  if (prepared_ > 0) log_->Publish(first_, records_, std::move(prepared_token_));
  prepared_ = 0;
  Finish();
}

Status LogTransaction::Rollback() {
  SV_RETURN_IF_ERROR(process_.Check());
  const Status status = Unprepare();
  Finish();
  return status;
}

Status LogTransaction::EntryAt(size_t i, Entry* entry) const {
  SV_REQUIRE(i < records_.size());
  return DecodeRecord(*records_[i], first_ + i, entry);
}

Status LogTransaction::Unprepare() {
  if (prepared_ == 0) return Status::Ok();
  const Status status =
      log_->EraseRecords(first_, prepared_, std::max(prepared_sync_, SyncMode::kNormal));
  prepared_ = 0;
  prepared_is_current_ = false;
  return status;
}

void LogTransaction::Finish() {
  records_.clear();
  derived_.clear();
  prepared_is_current_ = false;
  truncations_++;
  if (has_turn_) {
    has_turn_ = false;
    log_->ReleaseTurn();
  }
}

}  // namespace streamview
