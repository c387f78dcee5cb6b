#include "ext/log_session.h"

#include <utility>

#include "ext/host_sql.h"

namespace streamview {

LogSession::LogSession(SessionHost& host, TableName log, LogSettings settings,
                       std::shared_ptr<Engine> engine)
    : Session(std::move(engine)),
      host_(host),
      log_(std::move(log)),
      database_(DatabaseFile(host.db(), log_.schema)),
      settings_(std::move(settings)) {}

bool LogSession::IsAttached() const {
  return sqlite3_db_readonly(host_.db(), log_.schema.c_str()) >= 0 &&
         DatabaseFile(host_.db(), log_.schema) == database_;
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

}  // namespace streamview
