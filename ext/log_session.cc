#include "ext/log_session.h"

#include <algorithm>
#include <utility>

#include "core/engine_registry.h"
#include "ext/host_sql.h"

namespace streamview {

LogSession::LogSession(SessionHost& host, TableName log, LogSettings settings,
                       std::shared_ptr<Engine> engine)
    : Session(std::move(engine)),
      host_(host),
      log_(std::move(log)),
      database_(DatabaseFile(host.db(), log_.schema)),
      settings_(std::move(settings)) {}

void LogSession::Close() {
  Session::Close();
  EndTransaction();
}

bool LogSession::IsAttached() const {
  return sqlite3_db_readonly(host_.db(), log_.schema.c_str()) >= 0 &&
         DatabaseFile(host_.db(), log_.schema) == database_;
}

template <typename Call>
Status LogSession::AgainIfLost(const Call& attempt) {
  Status status = attempt();
  for (int i = 0; status.code() == StatusCode::kLost && i < kMaxTakeovers; ++i) {
    status = host_.Reopen(log_);
    if (status.ok()) status = attempt();
  }
  return status;
}

Status LogSession::TakeTurn() {
  if (has_turn()) return Status::Ok();
  return AgainIfLost([this] { return TryTakeTurn(); });
}

Status LogSession::TryTakeTurn() {
  return host_.WaitWhileBusy(log_,
                             [this](const WaitOptions& wait) { return Session::TakeTurn(wait); });
}

Result<Seq> LogSession::Append(const ValueView& key, const ValueView& value) {
  SV_RETURN_IF_ERROR(TakeTurn());
  return Session::Append(key, value, WaitOptions());
}

Result<Seq> LogSession::AppendNow(const ValueView& key, const ValueView& value) {
  SV_ASSIGN_OR_RETURN(const SyncMode sync, ResolveSync());
  Seq seq = 0;
  SV_RETURN_IF_ERROR(host_.WaitWhileBusy(log_, [&](const WaitOptions& wait) -> Status {
    SV_ASSIGN_OR_RETURN(seq, Session::AppendNow(key, value, sync, wait));
    return Status::Ok();
  }));
  return seq;
}

Result<SyncMode> LogSession::ResolveSync() const {
  if (settings_.sync) return *settings_.sync;
  SV_ASSIGN_OR_RETURN(
      const int64_t synchronous,
      QueryInteger(host_.db(), "PRAGMA " + QuoteIdentifier(log_.schema) + ".synchronous", 2));
  return synchronous == 0 ? SyncMode::kOff : synchronous == 1 ? SyncMode::kNormal : SyncMode::kFull;
}

Status LogSession::Sync() {
  if (!has_turn()) return Status::Ok();
  SV_ASSIGN_OR_RETURN(SyncMode sync, ResolveSync());
  SV_RETURN_IF_ERROR(ChooseToken());
  // The database's part survives a crash of the process, whatever its mode; so must the log's.
  if (!token_.empty()) sync = std::max(sync, SyncMode::kNormal);
  return AgainIfLost([&] { return Prepare(sync, token_); });
}

// A transaction that also changes the database is marked in both, so that after a crash one can be
// asked about the other.
Status LogSession::ChooseToken() {
  const bool can_survive = !settings_.identity.directory.empty();
  if (size() == 0 || !can_survive) return Status::Ok();
  if (token_.empty()) {
    SV_ASSIGN_OR_RETURN(const bool conditional, host_.IsConditional());
    if (!conditional) return Status::Ok();
  }
  const Result<TableName> log = host_.CurrentName(log_, settings_.identity);
  // Dropped by the same transaction: what it appended goes with it.
  if (log.status().code() == StatusCode::kNotFound) return Status::Ok();
  SV_RETURN_IF_ERROR(log.status());
  LogConfig config(host_.db(), *log);
  if (token_.empty()) {
    SV_ASSIGN_OR_RETURN(token_before_, config.LoadToken());
  }
  if (token_.empty() || token_version_ != own_version()) {
    token_ = NewLogId() + "-" + std::to_string(*last_own_seq());
    token_version_ = own_version();
  }
  return config.PutToken(token_);
}

void LogSession::Commit() {
  Session::Commit();
  EndTransaction();
}

Status LogSession::Rollback() {
  const Status status = Session::Rollback();
  EndTransaction();
  return status;
}

void LogSession::EndTransaction() {
  savepoints_.Clear();
  token_.clear();
}

void LogSession::Savepoint(int n) { savepoints_.Open(n, size()); }

void LogSession::Release(int n) { savepoints_.Release(n); }

void LogSession::RollbackTo(int n) {
  if (const size_t kept = savepoints_.RollbackTo(n); kept < size()) Truncate(kept);
}

}  // namespace streamview
