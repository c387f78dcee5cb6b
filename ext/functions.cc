#include "ext/functions.h"

#include <algorithm>
#include <chrono>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/cache.h"
#include "core/version.h"
#include "ext/arguments.h"
#include "ext/progress.h"
#include "ext/values.h"

namespace streamview {

namespace {

using Arguments = std::span<sqlite3_value* const>;

// --- Arguments

// NULL, or absent: nothing.
Result<std::optional<int64_t>> ReadInteger(const char* what, Arguments arguments, size_t i) {
  if (i >= arguments.size()) return std::optional<int64_t>();
  return streamview::ReadInteger(what, arguments[i]);
}

Result<std::optional<std::string>> ReadName(const char* what, Arguments arguments, size_t i) {
  if (i >= arguments.size()) return std::optional<std::string>();
  return streamview::ReadName(what, arguments[i]);
}

Result<std::shared_ptr<LogSession>> OpenNamedLog(Connection& connection, const char* what,
                                                 Arguments arguments) {
  SV_ASSIGN_OR_RETURN(const std::optional<std::string> name, ReadName(what, arguments, 0));
  SV_ASSIGN_OR_RETURN(const TableName log, connection.logs().FindLog(name));
  return connection.OpenLog(log);
}

// A CHECK constraint of a schema from elsewhere must not make use of what waits, writes, or changes
// the connection; and DIRECTONLY does not see to that (Connection::RunsWriter).
Status CheckNotInWriter(const Connection& connection, const char* function) {
  if (!connection.RunsWriter()) return Status::Ok();
  return Status::Misuse(
      std::string(function) +
      "() cannot be called by a statement that writes: give it a SELECT of its own");
}

// --- sv_wait

// What a call of sv_wait waits for: one view, or all of a log.
struct WaitTarget {
  TableName log;
  std::vector<ViewEntry> views;
  bool is_view = false;
};

Result<WaitTarget> FindTarget(Connection& connection, const std::optional<std::string>& name) {
  SV_ASSIGN_OR_RETURN(const LogOrView found, connection.logs().FindLogOrView(name));
  if (found.view) return WaitTarget{found.log, {*found.view}, /*is_view=*/true};
  SV_ASSIGN_OR_RETURN(std::vector<ViewEntry> views, connection.logs().ListViews(found.log));
  return WaitTarget{found.log, std::move(views)};
}

// Whether the database still has the view.
Result<bool> HasView(Connection& connection, const TableName& log, const ViewEntry& entry) {
  const Result<std::string> id = LogConfig(connection.db(), log).FindView(entry.name);
  if (id.status().code() == StatusCode::kNotFound) return false;
  SV_RETURN_IF_ERROR(id.status());
  return *id == entry.view_id;
}

// Who is where, and how fast, for the error past the timeout.
Status TimedOut(Engine& engine, const WaitTarget& target, Seq seq) {
  const Seq head = engine.Head();
  std::string message;
  for (const ViewEntry& entry : target.views) {
    const Result<std::shared_ptr<View>> view = engine.FindView(entry.view_id);
    if (!view.ok()) continue;
    const ViewStatus status = (*view)->GetStatus();
    if (status.seq >= seq) continue;
    message += entry.name + " is at " + std::to_string(status.seq);
    // A rebuild under way is not what is waited for.
    if (status.seq < head && !status.rebuilding) {
      message += " (" + ToDisplay(ProgressOf(status, std::min(seq, head))) + ")";
    }
    message += ", ";
  }
  if (head < seq) message += target.log.table + " is at " + std::to_string(head) + ", ";
  return Status::TimedOut(message + "waiting for " + std::to_string(seq));
}

// Returns the checkpoint that all views have reached. Where some have failed, the others are waited
// for all the same, and the error names the failed ones.
Result<Seq> WaitForViews(Connection& connection, Engine& engine, const WaitTarget& target, Seq seq,
                         const WaitOptions& wait) {
  Seq reached = engine.Head();
  std::string failed;
  for (const ViewEntry& entry : target.views) {
    const Result<std::shared_ptr<View>> view = engine.FindView(entry.view_id);
    const Result<Seq> checkpoint =
        view.ok() ? (*view)->AdvanceTo(seq, wait) : Result<Seq>(view.status());
    if (checkpoint.ok()) {
      reached = std::min(reached, *checkpoint);
    } else if (checkpoint.status().code() == StatusCode::kFailed) {
      failed += (failed.empty() ? "" : "\n") + checkpoint.status().message();
    } else if (checkpoint.status().code() == StatusCode::kTimedOut) {
      return TimedOut(engine, target, seq);
    } else if (checkpoint.status().code() != StatusCode::kNotFound) {
      return checkpoint.status().WithContext(entry.name);
    } else {
      SV_ASSIGN_OR_RETURN(const bool there, HasView(connection, target.log, entry));
      if (there) return checkpoint.status().WithContext(entry.name);  // else dropped meanwhile
    }
  }
  if (!failed.empty()) return Status::Failed(failed);
  return reached;
}

// Returns once the log has entry `seq`; without a deadline it is an error that it has not.
Status WaitForEntry(Connection& connection, LogSession& session, const WaitTarget& target, Seq seq,
                    const WaitOptions& wait) {
  Engine& engine = *session.engine();
  if (engine.Head() >= seq) return Status::Ok();
  if (session.size() > 0) {
    return Status::InvalidArgument("entry " + std::to_string(seq) + " of " + target.log.table +
                                   " is not committed: this connection's transaction is open");
  }
  if (wait.deadline == WaitOptions::Clock::time_point::max()) {
    return Status::InvalidArgument(target.log.table + " has no entry " + std::to_string(seq) +
                                   ": its head is " + std::to_string(engine.Head()) +
                                   " (give a timeout to wait for the append)");
  }
  if (target.is_view) {
    // No append gets it any further once it has stopped.
    const Status view = WaitForViews(connection, engine, target, engine.Head(), wait).status();
    if (view.code() == StatusCode::kFailed) return view;
  }
  const Status status = engine.WaitForHead(seq, wait);
  return status.code() == StatusCode::kTimedOut ? TimedOut(engine, target, seq) : status;
}

Result<Value> Wait(Connection& connection, Arguments arguments) {
  SV_ASSIGN_OR_RETURN(const std::optional<int64_t> seq, ReadInteger("seq", arguments, 0));
  if (!seq) return Value();
  SV_RETURN_IF_ERROR(CheckNotInWriter(connection, "sv_wait"));
  SV_ASSIGN_OR_RETURN(const std::optional<std::string> name, ReadName("table", arguments, 1));
  SV_ASSIGN_OR_RETURN(const std::optional<int64_t> timeout,
                      ReadInteger("timeout_ms", arguments, 2));

  WaitOptions wait = connection.InterruptibleWait();
  if (timeout) wait.deadline = DeadlineAfter(*timeout);
  SV_ASSIGN_OR_RETURN(const WaitTarget target, FindTarget(connection, name));
  SV_ASSIGN_OR_RETURN(const std::shared_ptr<LogSession> session, connection.OpenLog(target.log));
  Engine& engine = *session->engine();
  const Seq wanted = static_cast<Seq>(*seq);
  SV_RETURN_IF_ERROR(WaitForEntry(connection, *session, target, wanted, wait));
  SV_ASSIGN_OR_RETURN(const Seq reached, WaitForViews(connection, engine, target, wanted, wait));
  return Value::Integer(static_cast<int64_t>(reached));
}

// --- sv_append, sv_adopt

Result<Value> AppendNow(Connection& connection, Arguments arguments) {
  if (connection.InWriteTransaction()) {
    return Status::Misuse(
        "sv_append() commits at once, so it cannot be a part of a transaction: use INSERT");
  }
  SV_ASSIGN_OR_RETURN(const ValueView key, ViewOf(arguments[1]));
  SV_ASSIGN_OR_RETURN(const ValueView value, ViewOf(arguments[2]));
  SV_ASSIGN_OR_RETURN(const std::optional<std::string> name, ReadName("log", arguments, 0));
  SV_ASSIGN_OR_RETURN(const TableName log, connection.logs().FindLog(name));
  // SQLite checks it of statements that write, and this is none.
  SV_ASSIGN_OR_RETURN(const int64_t query_only,
                      QueryInteger(connection.db(), "PRAGMA query_only", 0));
  if (query_only != 0 || sqlite3_db_readonly(connection.db(), log.schema.c_str()) == 1) {
    return Status(StatusCode::kReadOnly, "attempt to write a readonly database");
  }
  SV_ASSIGN_OR_RETURN(const std::shared_ptr<LogSession> session, connection.OpenLog(log));
  const Result<Seq> seq = session->AppendNow(key, value);
  if (seq.status().code() == StatusCode::kLost) {
    return Status::IOError("the process that held " + log.table +
                           " has ended, and it is not known whether the entry was appended");
  }
  SV_RETURN_IF_ERROR(seq.status());
  return Value::Integer(static_cast<int64_t>(*seq));
}

Result<Value> Adopt(Connection& connection, Arguments arguments) {
  SV_ASSIGN_OR_RETURN(const std::optional<std::string> name, ReadName("log", arguments, 0));
  SV_ASSIGN_OR_RETURN(const TableName log, connection.logs().FindLog(name));
  SV_ASSIGN_OR_RETURN(const std::shared_ptr<LogSession> session, connection.AdoptLog(log));
  return Value::Integer(static_cast<int64_t>(session->engine()->Head()));
}

// --- sv_backup

// The absolute path of the directory, without a slash behind.
Result<std::string> ReadDirectory(Connection& connection, const TableName& log, Arguments arguments,
                                  size_t i) {
  SV_ASSIGN_OR_RETURN(const ValueView value, ViewOf(arguments[i]));
  if (value.type() != ValueType::kText || value.bytes().empty() ||
      value.bytes().find('\0') != std::string_view::npos) {
    return Status::InvalidArgument("directory must be the path of a directory, not " +
                                   ToDisplay(value));
  }
  SV_ASSIGN_OR_RETURN(std::string path,
                      LogConfig(connection.db(), log).ResolveNewPath(value.bytes()));
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

Result<Value> Backup(Connection& connection, Arguments arguments) {
  SV_RETURN_IF_ERROR(CheckNotInWriter(connection, "sv_backup"));
  SV_ASSIGN_OR_RETURN(const std::optional<std::string> name, ReadName("log", arguments, 0));
  SV_ASSIGN_OR_RETURN(const TableName log, connection.logs().FindLog(name));
  SV_ASSIGN_OR_RETURN(const std::shared_ptr<LogSession> session, connection.OpenLog(log));
  const std::shared_ptr<Engine> engine = session->engine();
  if (session->identity().directory.empty()) {
    return Status::InvalidArgument(
        "log " + log.table + " is in memory, and so is its database: there is no backup of it");
  }
  SV_ASSIGN_OR_RETURN(const std::string directory, ReadDirectory(connection, log, arguments, 1));
  if (session->has_turn()) {
    return Status::Misuse("cannot back up " + log.table +
                          ": this connection's transaction has written to it; COMMIT first");
  }
  Seq head = 0;
  const Status copied = connection.WaitWhileBusy(log, [&](const WaitOptions& wait) -> Status {
    WaitOptions interruptible = connection.InterruptibleWait();  // copying takes long
    interruptible.deadline = wait.deadline;
    SV_ASSIGN_OR_RETURN(head, engine->Backup(directory, interruptible));
    return Status::Ok();
  });
  if (!copied.ok()) return copied.WithContext("backup of " + log.table);
  return Value::Integer(static_cast<int64_t>(head));
}

// --- The others

Result<Value> LastOwnSeq(Connection& connection, Arguments arguments) {
  SV_ASSIGN_OR_RETURN(const std::shared_ptr<LogSession> session,
                      OpenNamedLog(connection, "log", arguments));
  const std::optional<Seq> seq = session->last_own_seq();
  return seq ? Value::Integer(static_cast<int64_t>(*seq)) : Value();
}

Result<Value> Head(Connection& connection, Arguments arguments) {
  SV_ASSIGN_OR_RETURN(const std::shared_ptr<LogSession> session,
                      OpenNamedLog(connection, "log", arguments));
  const Seq head = session->engine()->Head();
  session->NoteSeen(head);  // what it is told of, later reads must show
  return Value::Integer(static_cast<int64_t>(head));
}

constexpr std::pair<const char*, Consistency> kModes[] = {
    {"session", Consistency::kSession},
    {"latest", Consistency::kLatest},
    {"eventual", Consistency::kEventual},
};

Result<Value> SetConsistency(Connection& connection, Arguments arguments) {
  if (!arguments.empty()) {
    SV_RETURN_IF_ERROR(CheckNotInWriter(connection, "sv_consistency"));
    SV_ASSIGN_OR_RETURN(const ValueView wanted, ViewOf(arguments[0]));
    const std::string name(wanted.type() == ValueType::kText ? wanted.bytes() : "");
    const auto* mode = std::find_if(std::begin(kModes), std::end(kModes), [&](const auto& m) {
      return sqlite3_stricmp(m.first, name.c_str()) == 0;
    });
    if (mode == std::end(kModes)) {
      return Status::InvalidArgument("consistency can be 'session', 'latest' or 'eventual', not " +
                                     ToDisplay(wanted));
    }
    connection.set_consistency(mode->second);
  }
  for (const auto& [name, mode] : kModes) {
    if (mode == connection.consistency()) return Value::Text(name);
  }
  return Value();
}

// Of the cache that all logs of the process share. NULL: the default.
Result<Value> CacheSize(Connection& connection, Arguments arguments) {
  if (!arguments.empty()) {
    SV_RETURN_IF_ERROR(CheckNotInWriter(connection, "sv_cache_size"));
    SV_ASSIGN_OR_RETURN(const std::optional<uint64_t> bytes,
                        ReadBytes("the size of the cache", arguments[0]));
    if (bytes.value_or(kMinCacheBytes) < kMinCacheBytes) {
      return Status::InvalidArgument("the cache must have 8 MB or more, not " +
                                     std::to_string(*bytes) + " bytes");
    }
    SetCacheBytes(bytes.value_or(DefaultCacheBytes()));
  }
  return Value::Integer(static_cast<int64_t>(CacheBytes()));
}

Result<Value> Versions(Connection&, Arguments) {
  return Value::Text(std::string("{\"streamview\":\"") + Version() + "\",\"rocksdb\":\"" +
                     StorageVersion() + "\",\"sqlite\":\"" + sqlite3_libversion() + "\"}");
}

// --- Between SQLite and the above

using Function = Result<Value> (*)(Connection&, Arguments);
using SharedConnection = std::shared_ptr<Connection>;

struct Registration {
  const char* name;
  int arguments;
  void (*call)(sqlite3_context*, int, sqlite3_value**);
  int flags;
};

template <Function kFunction>
void Call(sqlite3_context* context, int argc, sqlite3_value** argv) {
  try {
    Connection& connection = **static_cast<SharedConnection*>(sqlite3_user_data(context));
    const Result<Value> result = connection.AgainIfLost(
        [&] { return kFunction(connection, Arguments(argv, static_cast<size_t>(argc))); });
    if (!result.ok()) return SetResultError(context, result.status());
    SetResult(context, *result, SQLITE_TRANSIENT);
  } catch (const std::bad_alloc&) {
    sqlite3_result_error_nomem(context);
  } catch (const std::exception& e) {
    sqlite3_result_error(context, e.what(), -1);
  } catch (...) {
    sqlite3_result_error(context, "unexpected C++ exception", -1);
  }
}

// They open logs, write files, wait, or change the connection: a schema from elsewhere must not
// make use of them.
constexpr int kDirect = SQLITE_UTF8 | SQLITE_DIRECTONLY;

constexpr Registration kFunctions[] = {
    {"sv_wait", 1, Call<Wait>, kDirect},
    {"sv_wait", 2, Call<Wait>, kDirect},
    {"sv_wait", 3, Call<Wait>, kDirect},
    {"sv_append", 3, Call<AppendNow>, kDirect},
    {"sv_adopt", 1, Call<Adopt>, kDirect},
    {"sv_seq", 0, Call<LastOwnSeq>, kDirect},
    {"sv_seq", 1, Call<LastOwnSeq>, kDirect},
    {"sv_head", 0, Call<Head>, kDirect},
    {"sv_head", 1, Call<Head>, kDirect},
    {"sv_backup", 2, Call<Backup>, kDirect},
    {"sv_consistency", 0, Call<SetConsistency>, kDirect},
    {"sv_consistency", 1, Call<SetConsistency>, kDirect},
    {"sv_cache_size", 0, Call<CacheSize>, kDirect},
    {"sv_cache_size", 1, Call<CacheSize>, kDirect},
    {"sv_version", 0, Call<Versions>, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS},
};

}  // namespace

int RegisterFunctions(sqlite3* db, const std::shared_ptr<Connection>& connection) {
  for (const Registration& f : kFunctions) {
    auto* shared = new (std::nothrow) SharedConnection(connection);
    if (shared == nullptr) return SQLITE_NOMEM;
    // SQLite calls the destructor also where it fails.
    const int code = sqlite3_create_function_v2(
        db, f.name, f.arguments, f.flags, shared, f.call, nullptr, nullptr,
        [](void* p) { delete static_cast<SharedConnection*>(p); });
    if (code != SQLITE_OK) return code;
  }
  return SQLITE_OK;
}

}  // namespace streamview
