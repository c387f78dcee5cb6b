// Requests that write.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/codec/record.h"
#include "core/remote/request.h"

namespace streamview {

namespace {

using wire::Op;

// Whether records can be appended behind `end`: what Transaction::Prepare requires.
Status CheckRecord(const std::string& record, LogEnd* end) {
  Entry entry;
  SV_RETURN_IF_ERROR(CheckNumber(end->seq + 1));
  if (!DecodeRecord(record, end->seq + 1, &entry).ok()) return Malformed();
  SV_RETURN_IF_ERROR(CheckKey(entry.key));
  if (entry.time_ms < end->time_ms || entry.continues) return Malformed();
  *end = {entry.seq, entry.time_ms};
  return Status::Ok();
}

Status TakeTurnFor(const Serving& serving, Request& request, Leases& leases) {
  SV_RETURN_IF_ERROR(TakeFields(request));
  const auto lease = std::make_shared<TransactionLease>(serving.engine->Begin());
  MutexLock use(lease->own_mutex);
  SV_ASSIGN_OR_RETURN(lease->end, lease->transaction->TakeTurn(request.wait));
  Give(request, lease->end);
  SV_ASSIGN_OR_RETURN(request.lease, leases.Add(lease));
  return Status::Ok();
}

Status Upload(const Serving& serving, Request& request, Leases& leases) {
  uint64_t number;
  bool anew;
  std::vector<std::string_view> records;
  std::string_view tail;
  SV_RETURN_IF_ERROR(TakeFields(request, &number, &anew, &records, &tail));
  SV_ASSIGN_OR_RETURN(const std::shared_ptr<TransactionLease> lease,
                      leases.Find<TransactionLease>(number));
  MutexLock use(lease->own_mutex);
  return lease->Add(anew, records, tail, serving.transaction_bytes);
}

Status Prepare(const Serving& serving, Request& request, Leases& leases) {
  uint64_t number;
  bool anew;
  std::vector<std::string_view> records;
  SyncMode sync;
  std::string token;
  SV_RETURN_IF_ERROR(TakeFields(request, &number, &anew, &records, &sync, &token));
  constexpr size_t kMaxTokenBytes = 1000;
  if (token.size() > kMaxTokenBytes) return Malformed();
  if (!token.empty() && !serving.conditional) {
    return Status::Misuse("the process that holds the log cannot look into the database");
  }
  SV_ASSIGN_OR_RETURN(const std::shared_ptr<TransactionLease> lease,
                      leases.Find<TransactionLease>(number));
  MutexLock use(lease->own_mutex);
  SV_RETURN_IF_ERROR(lease->Add(anew, records, "", serving.transaction_bytes));
  if (lease->transaction == nullptr || !lease->unfinished.empty()) return Malformed();
  LogEnd end = lease->end;
  for (const Record& record : lease->records) SV_RETURN_IF_ERROR(CheckRecord(*record, &end));
  lease->is_prepared = false;
  SV_RETURN_IF_ERROR(lease->transaction->Prepare(lease->records, sync, token));
  lease->is_prepared = true;
  lease->token = token;
  serving.decisions->Note(token, wire::TransactionState::kPrepared);
  return Status::Ok();
}

Status EndTransaction(const Serving& serving, Request& request, Leases& leases) {
  uint64_t number;
  SV_RETURN_IF_ERROR(TakeFields(request, &number));
  SV_ASSIGN_OR_RETURN(const std::shared_ptr<TransactionLease> lease,
                      leases.Find<TransactionLease>(number));
  MutexLock use(lease->own_mutex);
  const bool commits = request.op == Op::kCommit;
  if (lease->transaction == nullptr || (commits && !lease->is_prepared)) return Malformed();
  // Before others can append: whoever finds it ended finds out how.
  serving.decisions->Note(
      lease->is_prepared ? lease->token : "",
      commits ? wire::TransactionState::kCommitted : wire::TransactionState::kRolledBack);
  const Status ended = commits ? lease->transaction->Commit() : lease->transaction->Rollback();
  lease->transaction.reset();
  leases.Release(number);
  return ended;
}

Status AppendNow(const Serving& serving, Request& request) {
  ValueView key, value;
  SyncMode sync;
  SV_RETURN_IF_ERROR(TakeFields(request, &key, &value, &sync));
  SV_ASSIGN_OR_RETURN(const Seq seq, serving.engine->AppendNow(key, value, sync, request.wait));
  Give(request, seq);
  return Status::Ok();
}

}  // namespace

Status DoWrite(const Serving& serving, Request& request, Leases& leases) {
  switch (request.op) {
    case Op::kHead:
      return TakeFields(request);  // each answer has it
    case Op::kTakeTurn:
      return TakeTurnFor(serving, request, leases);
    case Op::kUpload:
      return Upload(serving, request, leases);
    case Op::kPrepare:
      return Prepare(serving, request, leases);
    case Op::kCommit:
    case Op::kRollback:
      return EndTransaction(serving, request, leases);
    case Op::kAbandon: {
      uint64_t number;
      SV_RETURN_IF_ERROR(TakeFields(request, &number));
      SV_ASSIGN_OR_RETURN(const std::shared_ptr<TransactionLease> lease,
                          leases.Find<TransactionLease>(number));
      leases.Release(number);
      serving.decisions->Decide(lease, nullptr);
      return Status::Ok();
    }
    case Op::kTransactionState: {
      std::string token;
      SV_RETURN_IF_ERROR(TakeFields(request, &token));
      Give(request, serving.decisions->StateOf(token));
      return Status::Ok();
    }
    case Op::kAppendNow:
      return AppendNow(serving, request);
    default:
      return Malformed();
  }
}

}  // namespace streamview
