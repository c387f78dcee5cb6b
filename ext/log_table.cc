#include "ext/log_table.h"

#include <algorithm>
#include <utility>

#include "ext/seq_range.h"
#include "ext/takeover.h"
#include "ext/values.h"

namespace streamview {

namespace {

using VtabStatus = sqlite_vtab::Status;

enum Column { kSeq, kTime, kKey, kValue, kCommand };
constexpr const char* kColumnNames[] = {"seq", "time", "key", "value"};

VtabStatus Declare(const sqlite_vtab::ConnectArgs<Connection>& args) {
  sqlite3_vtab_config(args.db, SQLITE_VTAB_DIRECTONLY);
  // PRIMARY KEY is for those who ask which columns there are: SQLite makes nothing of it here.
  const std::string sql =
      "CREATE TABLE x(seq INTEGER PRIMARY KEY NOT NULL, time INTEGER NOT NULL, key, value, " +
      QuoteIdentifier(args.table) + " HIDDEN)";
  return VtabError(args.db, sqlite3_declare_vtab(args.db, sql.c_str()));
}

Status CheckName(const std::string& name) {
  for (const char* column : kColumnNames) {
    if (SameName(column, name)) {
      return Status::InvalidArgument("a log cannot be called \"" + name +
                                     "\": that is the name of one of its columns");
    }
  }
  return Status::Ok();
}

}  // namespace

// --- CREATE, DROP, RENAME

VtabStatus LogTable::Create(const sqlite_vtab::ConnectArgs<Connection>& args,
                            std::unique_ptr<LogTable>& table) {
  const TableName name{std::string(args.schema), std::string(args.table)};
  SV_RETURN_IF_ERROR(CheckName(name.table));
  const Result<LogOptions> options = ParseLogOptions(args.options);
  if (!options.ok()) return options.status();
  if (VtabStatus status = Declare(args); !status.ok()) return status;
  const Result<bool> utf8 = StoresUtf8(args.db);
  if (!utf8.ok()) return utf8.status();

  Result<std::shared_ptr<LogSession>> session = args.aux->CreateLog(name, *options);
  if (!session.ok()) return session.status();
  table = std::make_unique<LogTable>(*args.aux, name, *utf8);
  table->set_session(*std::move(session));
  return {};
}

VtabStatus LogTable::Connect(const sqlite_vtab::ConnectArgs<Connection>& args,
                             std::unique_ptr<LogTable>& table) {
  const TableName name{std::string(args.schema), std::string(args.table)};
  if (const Status refused = args.aux->transaction().TakeRefusal(name); !refused.ok())
    return refused;
  if (VtabStatus status = Declare(args); !status.ok()) return status;
  const Result<bool> utf8 = StoresUtf8(args.db);
  if (!utf8.ok()) return utf8.status();
  table = std::make_unique<LogTable>(*args.aux, name, *utf8);
  return {};
}

Status LogTable::CheckNoViews(const std::string& action) const {
  SV_ASSIGN_OR_RETURN(const std::vector<ViewEntry> views, connection().logs().ListViews(name()));
  if (views.empty()) return Status::Ok();
  std::string names;
  for (const ViewEntry& view : views) names += (names.empty() ? "" : ", ") + view.name;
  return Status::Constraint("cannot " + action + " the log " + name().table +
                            ": drop its views first: " + names);
}

VtabStatus LogTable::Destroy() {
  const Status refused = CheckMayDrop();
  if (!refused.ok()) return RefuseDrop(refused);
  return DropLog();
}

Status LogTable::CheckMayDrop() {
  SV_RETURN_IF_ERROR(LogConfig(connection().db(), name()).CheckNotHidden());
  SV_RETURN_IF_ERROR(CheckNoViews("drop"));
  // A directory that another process uses is not to be deleted.
  const Status open = Session().status();
  return open.code() == StatusCode::kBusy || open.IsCutShort() ? open : Status::Ok();
}

Status LogTable::DropLog() {
  LogConfig config(connection().db(), name());
  const Status known = config.Load().status();
  if (known.code() == StatusCode::kNotFound) return Status::Ok();
  if (known.IsCutShort()) return known;
  // A directory that cannot be opened is not ours to delete.
  const Result<std::shared_ptr<LogSession>> session = Session();
  if (session.status().IsCutShort()) return session.status();
  SV_RETURN_IF_ERROR(transaction().Join());
  SV_RETURN_IF_ERROR(config.Drop());
  if (session.ok()) transaction().schema_changes().LogDropped((*session)->identity());
  return Status::Ok();
}

VtabStatus LogTable::Rename(const char* new_name) { return RenameLog(new_name); }

Status LogTable::RenameLog(const std::string& new_name) {
  SV_RETURN_IF_ERROR(CheckName(new_name));
  SV_RETURN_IF_ERROR(CheckNoViews("rename"));
  LogConfig config(connection().db(), name());
  const Status known = config.Load().status();
  if (known.IsCutShort()) return known;
  // (SQLite has renamed the table already: LogFinder would not find it.)
  if (known.code() == StatusCode::kNotFound) {
    return Status::CannotOpen("cannot rename the log " + name().table + ": the table " +
                              name().table + "_config is lost; sv_adopt makes it anew");
  }
  return config.Rename(new_name);
}

// --- reading

sqlite_vtab::EncodedPlan LogTable::Plan::Encode() const {
  std::string plan;
  for (size_t i = 0; i < terms.size(); i++) AppendTerm(&plan, kColumnNames[kSeq], terms[i]);
  EndPlan(&plan, terms.reverse);
  return {0, std::move(plan)};
}

std::optional<LogTable::Plan> LogTable::Plan::Decode(int, std::string_view text) {
  std::optional<PlanTerms> terms = ParsePlan(text);
  if (!terms) return std::nullopt;
  return Plan{*std::move(terms)};
}

namespace {

// Nothing for what is no comparison of seq, or rowid.
std::optional<Term> TermOnSeq(const sqlite_vtab::Constraint& constraint) {
  const auto on_seq = [&](Term term) -> std::optional<Term> {
    if (!constraint.usable() || constraint.column() > kSeq) return std::nullopt;
    return term;
  };
  switch (constraint.op()) {
    case SQLITE_INDEX_CONSTRAINT_EQ:
      return on_seq(Term::kEqual);
    case SQLITE_INDEX_CONSTRAINT_GT:
      return on_seq(Term::kGreater);
    case SQLITE_INDEX_CONSTRAINT_GE:
      return on_seq(Term::kGreaterOrEqual);
    case SQLITE_INDEX_CONSTRAINT_LT:
      return on_seq(Term::kLess);
    case SQLITE_INDEX_CONSTRAINT_LE:
      return on_seq(Term::kLessOrEqual);
    default:
      return std::nullopt;
  }
}

}  // namespace

// Every usable comparison of seq (or rowid) with a value is used; SQLite checks it again, which
// costs little and lets it decide about affinity. All else is SQLite's.
//
// min(seq) and max(seq) are ORDER BY seq LIMIT 1 to SQLite, min() only because seq is declared NOT
// NULL: else it would ask for an order with the NULLs last, which virtual tables are not told of.
//
//   idxStr   ext/plan_text.h: a term on seq for each argument
//   idxNum   0
//   costs    one row, or 1,000,000 divided by 4 for each bound
VtabStatus LogTable::BestIndex(sqlite_vtab::IndexInfo& info, Plan& plan) {
  double rows = 1e6;
  for (const sqlite_vtab::Constraint& constraint : info.constraints()) {
    const std::optional<Term> term = TermOnSeq(constraint);
    if (!term) continue;
    info.Use(constraint, sqlite_vtab::Omit::kNo);
    plan.terms.terms += static_cast<char>(*term);
    rows = *term == Term::kEqual ? 1 : std::max(1.0, rows / 4);
    if (*term == Term::kEqual) info.SetUnique();
  }
  info.SetEstimates(rows + 1, static_cast<sqlite3_int64>(rows));

  // seq is unique: what else the order asks for does not matter.
  const std::vector<sqlite_vtab::OrderTerm> order = info.order_by();
  if (!order.empty() && order.front().column <= kSeq) {
    plan.terms.reverse = order.front().descending;
    info.ConsumeOrderBy();
  }
  return {};
}

VtabStatus LogTable::Open(std::unique_ptr<Cursor>& cursor) {
  cursor = std::make_unique<Cursor>(*this);
  return {};
}

VtabStatus LogTable::Cursor::Filter(const Plan& plan, sqlite_vtab::Values arguments) {
  for (int reading = 1;; reading++) {
    const bool is_first = reading_ == nullptr;
    const Status read = Read(plan, arguments);
    const bool again = is_first && IsWorthReadingAnew(read, reading);
    if (!again || !Readings::Leave(&group_)) return read;
    reading_ = nullptr;
  }
}

Status LogTable::Cursor::Read(const Plan& plan, sqlite_vtab::Values arguments) {
  valid_ = false;
  cursor_.reset();
  SV_ASSIGN_OR_RETURN(session_, table_.Session());
  SeqRange range;
  for (size_t i = 0; i < arguments.size(); i++) range.Narrow(plan.terms[i], arguments[i]);
  if (range.empty()) return Status::Ok();
  const LogRange seqs{static_cast<Seq>(range.first), static_cast<Seq>(range.last),
                      plan.terms.reverse};
  if (reading_ == nullptr) {
    SV_RETURN_IF_ERROR(table_.Read(seqs, &group_, &cursor_));
    reading_ = &*group_->reading;
  }
  if (engine_ == nullptr) engine_ = reading_->engine;
  range_ = seqs;
  return cursor_ != nullptr ? Settle() : Scan();
}

// The entries stay what they are, whoever holds the log: so it goes on where the holder has ended.
Status LogTable::Cursor::Scan() {
  const auto attempt = [this]() -> Status {
    if (engine_->IsKnownLost()) {
      SV_ASSIGN_OR_RETURN(session_, table_.Session());
      cursor_.reset();
      engine_ = session_->engine();
      if (engine_->Head() < reading_->snapshot.head) {
        return Status::IOError("the log " + table_.name().table +
                               " lost its last entries when the process that held it ended");
      }
    }
    cursor_ = ScanLog(*engine_, range_, reading_->snapshot);
    return Settle();
  };
  return RepeatIfLost(attempt,
                      [](const Status& status) { return status.code() == StatusCode::kLost; });
}

// What the statement itself appends after this is not for it to see.
Status LogTable::Read(const LogRange& range, std::shared_ptr<Readings::Group>* group,
                      std::unique_ptr<LogCursor>* cursor) {
  SV_ASSIGN_OR_RETURN(const std::shared_ptr<LogSession> session, Session());
  if (Readings::FindReading(*session, kLatest, group)) return Status::Ok();
  LogSnapshot now;
  *cursor = session->ScanLog(range, &now);
  (*group)->reading = {session->engine(), now, now.head, session->own_version()};
  return Status::Ok();
}

Status LogTable::Cursor::Settle() {
  valid_ = cursor_->Valid();
  if (!valid_) return cursor_->status();
  const Seq seq = cursor_->entry().seq;
  if (seq <= reading_->snapshot.head) session_->NoteSeen(seq);
  return Status::Ok();
}

VtabStatus LogTable::Cursor::Next() {
  const Seq last = cursor_->entry().seq;
  cursor_->Next();
  const Status status = Settle();
  if (status.code() != StatusCode::kLost) return status;
  if (range_.reverse) {
    range_.last = last - 1;
  } else {
    range_.first = last + 1;
  }
  return Scan();
}

VtabStatus LogTable::Cursor::Column(sqlite3_context* context, int column) {
  const Entry& entry = cursor_->entry();
  switch (column) {
    case kSeq:
      sqlite3_result_int64(context, static_cast<sqlite3_int64>(entry.seq));
      break;
    case kTime:
      sqlite3_result_int64(context, entry.time_ms);
      break;
    case kKey:
      SetResult(context, entry.key, SQLITE_TRANSIENT);
      break;
    case kValue:
      SetResult(context, entry.value, SQLITE_TRANSIENT);
      break;
    default:  // kCommand is NULL
      break;
  }
  return {};
}

// --- writing

VtabStatus LogTable::Insert(sqlite3_value* rowid, sqlite_vtab::Values columns,
                            sqlite3_int64* new_rowid) {
  const auto is_null = [](sqlite3_value* value) {
    return sqlite3_value_type(value) == SQLITE_NULL;
  };
  if (!is_null(columns[kCommand])) {
    if (!is_null(columns[kKey]) || !is_null(columns[kValue])) {
      return {SQLITE_ERROR, "a command takes no other values"};
    }
    // What is reported as the new row's number would become last_insert_rowid().
    *new_rowid = sqlite3_last_insert_rowid(connection().db());
    const Result<ValueView> command = ViewOf(columns[kCommand]);
    if (!command.ok()) return command.status();
    const std::string_view text = command->type() == ValueType::kText ? command->bytes() : "";
    return Counted(connection().AgainIfLost([&] { return RunCommand(text); }));
  }
  if (!is_null(rowid) || !is_null(columns[kSeq]) || !is_null(columns[kTime])) {
    return {SQLITE_CONSTRAINT, "seq and time of an entry of " + name().table +
                                   " are given by the log: insert key and value only"};
  }
  const auto view_of = utf8_ ? ViewOfUtf8 : ViewOf;
  const Result<ValueView> key = view_of(columns[kKey]);
  if (!key.ok()) return key.status();
  const Result<ValueView> value = view_of(columns[kValue]);
  if (!value.ok()) return value.status();
  const Result<std::shared_ptr<LogSession>> session = WritingSession();
  if (!session.ok()) return session.status();
  const Result<Seq> seq = transaction().Append(**session, *key, *value);
  if (!seq.ok()) return seq.status();
  *new_rowid = static_cast<sqlite3_int64>(*seq);
  return Counted({});
}

VtabStatus LogTable::Update(sqlite3_value*, sqlite3_value*, sqlite_vtab::Values) {
  return {SQLITE_READONLY,
          "cannot update " + name().table +
              ": the log is append-only; to change documents, use an sv_docs table: CREATE "
              "VIRTUAL TABLE docs USING sv_docs(log = " +
              name().table + ")"};
}

VtabStatus LogTable::Delete(sqlite3_value*) {
  return {SQLITE_READONLY,
          "cannot delete from " + name().table +
              ": the log is append-only; to delete documents, use an sv_docs table: CREATE "
              "VIRTUAL TABLE docs USING sv_docs(log = " +
              name().table + ")"};
}

// --- checks, commands

Status LogTable::Check(bool quick) {
  SV_ASSIGN_OR_RETURN(const std::shared_ptr<LogSession> session, Session());
  Engine& engine = *session->engine();
  if (!quick) return engine.CheckIntegrity(connection().InterruptibleWait());
  const LogStatus status = engine.GetLogStatus();
  if (!status.background_error.empty()) return Status::IOError(status.background_error);
  return engine.ScanLog({std::max<Seq>(status.head, 1), status.head})->status();
}

Status LogTable::RunCommand(std::string_view command) {
  SV_ASSIGN_OR_RETURN(const std::shared_ptr<LogSession> session, Session());
  if (command == "integrity-check") return Check(/*quick=*/false);
  if (command == "flush") return session->engine()->FlushLog();
  if (command == "optimize") return session->engine()->OptimizeLog();
  return Status::InvalidArgument("unknown command \"" + std::string(command) +
                                 "\" for a log; there are: integrity-check, flush, optimize");
}

}  // namespace streamview
