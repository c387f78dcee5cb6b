#include "core/remote/remote_transaction.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/check.h"
#include "core/base/without_failing.h"

namespace streamview {

namespace {

// About as many bytes of records go with one message.
constexpr size_t kBatchBytes = 256u << 10;

// Takes records apart into batches; what is too large for one goes in pieces.
class Batches {
 public:
  explicit Batches(const Records& records) : records_(records) {}

  // Goes to the next batch. The last one has no tail.
  void Next() {
    batch_.clear();
    tail_ = {};
    size_t room = kBatchBytes;
    for (; record_ < records_.size() && room > 0; record_++) {
      const std::string_view rest = std::string_view(*records_[record_]).substr(offset_);
      if (rest.size() > room) {
        tail_ = rest.substr(0, room);
        offset_ += room;
        return;
      }
      batch_.push_back(rest);
      room -= rest.size();
      offset_ = 0;
    }
  }
  bool IsLast() const { return record_ == records_.size(); }
  // Of the first, what is left of a record that the batches before it had the beginning of.
  const std::vector<std::string_view>& records() const { return batch_; }
  // The beginning of the next record.
  std::string_view tail() const { return tail_; }

 private:
  const Records& records_;
  size_t record_ = 0;  // the next one
  size_t offset_ = 0;  // in it
  std::vector<std::string_view> batch_;
  std::string_view tail_;
};

}  // namespace

RemoteTransaction::~RemoteTransaction() {
  // If it cannot be said, it ends with the connection.
  if (lease_ != 0 && !client_->process().InForkedChild()) {
    WithoutFailing([this] { (void)Rollback(); });
  }
}

Result<LogEnd> RemoteTransaction::TakeTurn(const WaitOptions& wait) {
  SV_RETURN_IF_ERROR(client_->process().Check());
  if (lease_ != 0) return end_;
  SV_ASSIGN_OR_RETURN(const Answer answer, client_->Call(wire::Op::kTakeTurn, wait));
  lease_ = answer.lease;
  SV_RETURN_IF_ERROR(Client::Decode(answer, &end_));
  return end_;
}

Status RemoteTransaction::Prepare(const Records& records, SyncMode sync, const std::string& token) {
  SV_RETURN_IF_ERROR(client_->process().Check());
  SV_REQUIRE_OR_RETURN(lease_ != 0 || records.empty());
  is_prepared_ = lease_ == 0;
  if (is_prepared_) return Status::Ok();
  Batches batches(records);
  bool anew = true;
  for (batches.Next(); !batches.IsLast(); batches.Next()) {
    SV_RETURN_IF_ERROR(client_
                           ->Call(wire::Op::kUpload, WaitOptions(), lease_, anew, batches.records(),
                                  batches.tail())
                           .status());
    anew = false;
  }
  SV_RETURN_IF_ERROR(
      client_->Call(wire::Op::kPrepare, WaitOptions(), lease_, anew, batches.records(), sync, token)
          .status());
  is_prepared_ = true;
  return Status::Ok();
}

Status RemoteTransaction::Commit() {
  SV_REQUIRE_OR_RETURN(is_prepared_);
  const Status committed = End(wire::Op::kCommit);
  if (committed.ok() || committed.code() == StatusCode::kLost) return committed;
  // A commit does not fail: the holder does not know the transaction any more.
  return Status::Lost(committed.message());
}

Status RemoteTransaction::Rollback() {
  const uint64_t lease = lease_;
  const Status status = End(wire::Op::kRollback);
  // If the holder did not hear of it, it rolls back what it is told to give up.
  if (!status.ok()) client_->Release(lease);
  return status;
}

void RemoteTransaction::Abandon() { (void)End(wire::Op::kAbandon); }

Status RemoteTransaction::End(wire::Op op) {
  is_prepared_ = false;
  const uint64_t lease = std::exchange(lease_, 0);
  if (lease == 0) return client_->process().Check();
  return client_->Call(op, WaitOptions(), lease).status();
}

}  // namespace streamview
