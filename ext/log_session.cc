#include "ext/log_session.h"

#include <algorithm>
#include <utility>

#include "core/engine_registry.h"
#include "ext/host_sql.h"

namespace streamview {

LogSession::LogSession(SessionHost& host, TableName log, LogSettings settings,
                       std::shared_ptr<Engine> engine)
    : host_(host),
      log_(std::move(log)),
      database_(DatabaseFile(host.db(), log_.schema)),
      settings_(std::move(settings)),
      engine_(std::move(engine)),
      seen_(engine_->Head()) {}

void LogSession::Close() {
  DismissReaders();
  EndTransaction();
  engine_.reset();
}

bool LogSession::IsAttached() const {
  return sqlite3_db_readonly(host_.db(), log_.schema.c_str()) >= 0 &&
         DatabaseFile(host_.db(), log_.schema) == database_;
}

const Transaction* LogSession::open_transaction() const {
  return transaction_ != nullptr && transaction_->size() > 0 ? transaction_.get() : nullptr;
}

Status LogSession::TakeTurn() {
  if (has_turn_) return Status::Ok();
  if (transaction_ == nullptr) transaction_ = engine_->Begin();
  SV_RETURN_IF_ERROR(host_.WaitWhileBusy(
      log_, [this](const WaitOptions& wait) { return transaction_->TakeTurn(wait); }));
  has_turn_ = true;
  return Status::Ok();
}

Result<Seq> LogSession::Append(const ValueView& key, const ValueView& value) {
  SV_RETURN_IF_ERROR(TakeTurn());
  const bool first = open_transaction() == nullptr;
  SV_ASSIGN_OR_RETURN(const Seq seq, transaction_->Append(key, value, WaitOptions()));
  if (first) first_uncommitted_ = seq;
  ++own_version_;
  return seq;
}

Result<Seq> LogSession::AppendNow(const ValueView& key, const ValueView& value) {
  SV_ASSIGN_OR_RETURN(const SyncMode sync, ResolveSync());
  Seq seq = 0;
  SV_RETURN_IF_ERROR(host_.WaitWhileBusy(log_, [&](const WaitOptions& wait) -> Status {
    SV_ASSIGN_OR_RETURN(seq, engine_->AppendNow(key, value, sync, wait));
    return Status::Ok();
  }));
  last_committed_own_ = seq;
  NoteSeen(seq);
  return seq;
}

std::optional<Seq> LogSession::last_own_seq() const {
  const Transaction* open = open_transaction();
  return open == nullptr ? last_committed_own_ : first_uncommitted_ + open->size() - 1;
}

Result<SyncMode> LogSession::ResolveSync() const {
  if (settings_.sync) return *settings_.sync;
  SV_ASSIGN_OR_RETURN(
      const int64_t synchronous,
      QueryInteger(host_.db(), "PRAGMA " + QuoteIdentifier(log_.schema) + ".synchronous", 2));
  return synchronous == 0 ? SyncMode::kOff : synchronous == 1 ? SyncMode::kNormal : SyncMode::kFull;
}

Status LogSession::Sync() {
  if (transaction_ == nullptr) return Status::Ok();
  SV_ASSIGN_OR_RETURN(SyncMode sync, ResolveSync());
  SV_RETURN_IF_ERROR(ChooseToken());
  // The database's part survives a crash of the process, whatever its mode; so must the log's.
  if (!token_.empty()) sync = std::max(sync, SyncMode::kNormal);
  SV_RETURN_IF_ERROR(transaction_->Prepare(sync, token_));
  DismissReaders();  // here, since it may run out of memory, and Commit must not
  return Status::Ok();
}

// A transaction that also changes the database is marked in both, so that after a crash one can be
// asked about the other.
Status LogSession::ChooseToken() {
  const bool can_survive = !settings_.identity.directory.empty();
  if (open_transaction() == nullptr || !can_survive) return Status::Ok();
  if (token_.empty()) {
    SV_ASSIGN_OR_RETURN(const bool conditional, host_.IsConditional());
    if (!conditional) return Status::Ok();
  }
  const Result<TableName> log = host_.CurrentName(log_, settings_.identity);
  // Dropped by the same transaction: what it appended goes with it.
  if (log.status().code() == StatusCode::kNotFound) return Status::Ok();
  SV_RETURN_IF_ERROR(log.status());
  if (token_.empty() || token_version_ != own_version_) {
    token_ = NewLogId() + "-" + std::to_string(*last_own_seq());
    token_version_ = own_version_;
  }
  return LogConfig(host_.db(), *log).PutToken(token_);
}

void LogSession::Commit() {
  if (open_transaction() != nullptr) {
    last_committed_own_ = last_own_seq();
    NoteSeen(*last_committed_own_);
    transaction_->Commit();
  }
  EndTransaction();
}

Status LogSession::Rollback() {
  DismissReaders();
  Status status;
  if (transaction_ != nullptr) {
    status = transaction_->Rollback();
    ++own_version_;
  }
  EndTransaction();
  return status;
}

void LogSession::EndTransaction() {
  transaction_.reset();
  has_turn_ = false;
  savepoints_.Clear();
  token_.clear();
}

void LogSession::Savepoint(int n) {
  savepoints_.Open(n, transaction_ == nullptr ? 0 : transaction_->size());
}

void LogSession::Release(int n) { savepoints_.Release(n); }

void LogSession::RollbackTo(int n) {
  const size_t size = savepoints_.RollbackTo(n);
  if (transaction_ == nullptr || transaction_->size() <= size) return;
  DismissReaders();
  transaction_->Truncate(size);
  ++own_version_;
}

void LogSession::DismissReaders() {
  for (OpenTransactionReader* reader : std::exchange(readers_, {})) reader->LeaveTransaction();
}

Seq LogSession::RequiredSeq() const {
  switch (host_.consistency()) {
    case Consistency::kSession:
      return seen_;
    case Consistency::kLatest:
      return engine_->Head();
    case Consistency::kEventual:
      break;
  }
  return 0;
}

}  // namespace streamview
