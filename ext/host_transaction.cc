#include "ext/host_transaction.h"

#include <algorithm>
#include <utility>

#include "core/base/check.h"
#include "core/base/without_failing.h"
#include "core/engine_registry.h"
#include "ext/log_finder.h"
#include "ext/takeover.h"
#include "ext/values.h"

namespace streamview {

HostTransaction::HostTransaction(SessionHost& host, SchemaChanges::EngineFinder find_engine,
                                 SchemaChanges::LogRemover remove_log)
    : host_(host),
      db_(host.db()),
      schema_changes_(std::move(find_engine), std::move(remove_log)),
      write_watch_(db_) {}

// --- SQLite's transaction callbacks

void HostTransaction::Begin() {
  if (state_ == State::kNone) write_watch_.Begin();
  state_ = State::kWriting;
}

// Each table is told once of a COMMIT; one that is told again is told of a new one. What has been
// written since, to ordinary tables, SQLite has told nobody.
Status HostTransaction::Sync(const void* table) {
  SV_REQUIRE(state_ != State::kNone);
  const bool again = std::find(synced_.begin(), synced_.end(), table) != synced_.end();
  const bool is_first = state_ != State::kPrepared || again;
  if (is_first) synced_.clear();
  synced_.push_back(table);
  if (!is_first) return Status::Ok();

  state_ = State::kWriting;
  SV_RETURN_IF_ERROR(refused_commit_);
  for (Part& part : parts_) SV_RETURN_IF_ERROR(Prepare(part));
  state_ = State::kPrepared;
  return Status::Ok();
}

void HostTransaction::Commit() {
  if (state_ == State::kNone) return;
  SV_REQUIRE(state_ == State::kPrepared);
  for (Part& part : parts_) WithoutFailing([&] { part.log->Commit(); });
  End(/*committed=*/true);
  schema_changes_.Commit();
}

Status HostTransaction::Rollback() {
  if (state_ == State::kNone) return Status::Ok();
  Status result;
  for (Part& part : parts_) {
    Status status = Status::NoMemory();
    WithoutFailing([&] { status = part.log->Rollback(); });
    if (result.ok()) result = std::move(status);
  }
  End(/*committed=*/false);
  schema_changes_.RollbackTo(0);
  return result;
}

void HostTransaction::End(bool committed) {
  write_watch_.End(committed);
  state_ = State::kNone;
  // What could not be ended, for lack of memory, ends with the next transaction.
  std::erase_if(parts_, [](const Part& part) { return !part.log->has_turn(); });
  savepoints_.Clear();
  synced_.clear();
  refused_commit_ = Status::Ok();
}

void HostTransaction::Savepoint(int n) {
  SV_REQUIRE(state_ != State::kNone);
  savepoints_.Open(n, [this] {
    Mark mark{{}, schema_changes_.size()};
    for (const Part& part : parts_) mark.sizes.push_back(part.log->size());
    return mark;
  });
}

void HostTransaction::Release(int n) {
  SV_REQUIRE(state_ != State::kNone);
  savepoints_.Release(n);
}

void HostTransaction::RollbackTo(int n) {
  SV_REQUIRE(state_ != State::kNone);
  state_ = State::kWriting;
  write_watch_.NoteUndone();
  Mark mark = savepoints_.RollbackTo(n);
  mark.sizes.resize(parts_.size());
  for (size_t i = 0; i < parts_.size(); i++) {
    LogSession& log = *parts_[i].log;
    if (mark.sizes[i] < log.size()) log.Truncate(mark.sizes[i]);
  }
  schema_changes_.RollbackTo(mark.changes);
}

// --- appending

template <typename Attempt>
Status HostTransaction::AgainIfLost(LogSession& log, const Attempt& attempt) {
  const auto reopen_and_attempt = [&]() -> Status {
    if (log.engine()->IsKnownLost()) SV_RETURN_IF_ERROR(host_.Reopen(log.name()));
    return attempt();
  };
  return RepeatIfLost(reopen_and_attempt,
                      [](const Status& status) { return status.code() == StatusCode::kLost; });
}

Status HostTransaction::TakeTurn(const std::shared_ptr<LogSession>& log) {
  SV_REQUIRE(state_ != State::kNone);
  if (log->has_turn()) return Status::Ok();
  // Before it has the turn: whatever has it must be told of the end.
  const auto is_it = [&](const Part& part) { return part.log == log; };
  if (std::none_of(parts_.begin(), parts_.end(), is_it)) parts_.push_back({log, {}});
  return AgainIfLost(*log, [&] {
    return host_.WaitWhileBusy(log->name(),
                               [&](const WaitOptions& wait) { return log->TakeTurn(wait); });
  });
}

Result<Seq> HostTransaction::Append(LogSession& log, const ValueView& key, const ValueView& value) {
  SV_REQUIRE(state_ != State::kNone && log.has_turn());
  state_ = State::kWriting;
  return log.Append(key, value, WaitOptions());
}

void HostTransaction::NoteBaseline() {
  if (state_ == State::kNone) write_watch_.NoteBaseline();
}

Status HostTransaction::Prepare(Part& part) {
  LogSession& log = *part.log;
  if (!log.has_turn()) return Status::Ok();
  SV_ASSIGN_OR_RETURN(SyncMode sync, log.ResolveSync());
  SV_RETURN_IF_ERROR(ChooseToken(part));
  const std::string& token = part.pending.token;
  // The database's part survives a crash of the process, whatever its mode; so must the log's.
  if (!token.empty()) sync = std::max(sync, SyncMode::kNormal);
  return AgainIfLost(log, [&] { return log.Prepare(sync, token); });
}

// A transaction that also changes the database is marked in both, so that after a crash one can be
// asked about the other.
Status HostTransaction::ChooseToken(Part& part) {
  const LogSession& log = *part.log;
  PendingToken& pending = part.pending;
  const bool can_survive = !log.identity().directory.empty();
  if (log.size() == 0 || !can_survive) return Status::Ok();
  if (pending.token.empty()) {
    SV_ASSIGN_OR_RETURN(const bool conditional, IsConditional());
    if (!conditional) return Status::Ok();
  }
  const Result<TableName> name = LogFinder(db_).FindRenamed(
      log.name(), [&](const LogIdentity& identity) { return identity == log.identity(); });
  // Dropped by the same transaction: what it appended goes with it.
  if (name.status().code() == StatusCode::kNotFound) return Status::Ok();
  SV_RETURN_IF_ERROR(name.status());
  LogConfig config(db_, *name);
  if (pending.token.empty()) {
    SV_ASSIGN_OR_RETURN(pending.before, config.LoadToken());
  }
  if (pending.token.empty() || pending.version != log.own_version()) {
    pending.token = NewLogId() + "-" + std::to_string(*log.last_own_seq());
    pending.version = log.own_version();
  }
  return config.PutToken(pending.token);
}

Result<bool> HostTransaction::IsConditional() {
  const auto appends = [](const Part& part) { return part.log->size() > 0; };
  const bool several = std::count_if(parts_.begin(), parts_.end(), appends) > 1;
  if (several || !schema_changes_.empty()) return true;
  return write_watch_.ChangedDatabase();
}

std::string HostTransaction::CommittedToken(const LogIdentity& log, std::string seen) const {
  for (const auto& [session, pending] : parts_) {
    const bool is_own = !pending.token.empty() && seen == pending.token;
    if (is_own && session->identity() == log) return pending.before;
  }
  return seen;
}

// --- changes of the schema

Status HostTransaction::Join() {
  joined_ = false;
  SV_RETURN_IF_ERROR(ExecuteSql(db_, "INSERT INTO main.sv_transaction DEFAULT VALUES"));
  if (joined_) return Status::Ok();
  return Status::Misuse("the name sv_transaction is reserved: rename the table of that name");
}

void HostTransaction::Joined() {
  SV_REQUIRE(state_ != State::kNone);
  state_ = State::kWriting;
  joined_ = true;
}

int HostTransaction::RefuseDrop(const TableName& table, Status why) {
  const int code = SqliteCode(why.code());
  sqlite3_log(code, "%s", why.message().c_str());
  if (sqlite3_get_autocommit(db_) != 0) {
    refused_commit_ = std::move(why);
    return SqliteCode(Join().code());
  }
  const Result<int64_t> writable = QueryInteger(db_, "PRAGMA writable_schema", 0);
  if (!writable.ok()) return code;
  refused_connect_ = {table, std::move(why)};
  // Lets SQLite forget the schema, the connected table with it, and read it again. Nothing else of
  // it changes.
  Status reset = ExecuteSql(db_, "PRAGMA writable_schema = RESET");
  if (reset.ok() && *writable != 0) reset = ExecuteSql(db_, "PRAGMA writable_schema = ON");
  if (reset.ok()) return SQLITE_SCHEMA;
  refused_connect_.reset();
  return code;
}

Status HostTransaction::TakeRefusal(const TableName& table) {
  if (!refused_connect_ || !SameName(refused_connect_->table.table, table.table) ||
      !SameName(refused_connect_->table.schema, table.schema)) {
    return Status::Ok();
  }
  const Status why = refused_connect_->why;
  refused_connect_.reset();
  return why;
}

}  // namespace streamview
