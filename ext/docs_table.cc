#include "ext/docs_table.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "ext/options.h"
#include "ext/seq_range.h"
#include "ext/values.h"

namespace streamview {

namespace {

using VtabStatus = sqlite_vtab::Status;

enum Column { kKey, kValue, kSeq, kTime, kAsOf };
constexpr const char* kColumnNames[] = {"key", "value", "seq", "time", "as_of"};
constexpr std::string_view kAsOfTerm = "as_of=?";
constexpr std::string_view kSeqTerm = "seq=?";
// Of the plan's number; the rest is that of ViewPlan.
constexpr int kAnyOrder = 2, kOnlyCount = 4;

// `key` is not declared PRIMARY KEY, though it is one: SQLite would think that the table has an
// index of its own, and PRAGMA integrity_check would look for it among the database's pages.
VtabStatus Declare(sqlite3* db) {
  sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY);
  sqlite3_vtab_config(db, SQLITE_VTAB_CONSTRAINT_SUPPORT, 1);
  return VtabError(db,
                   sqlite3_declare_vtab(db,
                                        "CREATE TABLE x(key NOT NULL, value NOT NULL, seq INTEGER "
                                        "NOT NULL, time INTEGER NOT NULL, as_of INTEGER HIDDEN)"));
}

DocRange ToDocRange(const ViewRange& range) {
  DocRange docs;
  docs.reverse = range.reverse;
  docs.with_entries = range.with_documents;
  docs.lower = range.lower;
  docs.upper = range.upper;
  if (!range.equal.empty()) {
    docs.lower = KeyBound{range.equal.front(), /*inclusive=*/true};
    docs.upper = docs.lower;
  }
  return docs;
}

}  // namespace

DocsTable::DocsTable(Connection& connection, TableName name, TableName log, bool utf8)
    : SessionTable(connection, std::move(name), std::move(log)), utf8_(utf8) {}

// --- CREATE

VtabStatus DocsTable::Create(const sqlite_vtab::ConnectArgs<Connection>& args,
                             std::unique_ptr<DocsTable>& table) {
  if (VtabStatus status = Make(args, /*creating=*/true, table); !status.ok()) return status;
  const Result<std::shared_ptr<LogSession>> session = table->Session();
  if (!session.ok()) return session.status();
  // SQLite tells a new table of the end of the transaction, but not of its beginning, nor of the
  // savepoints that are open.
  table->writing_ = true;
  return args.aux->transaction().Join();
}

VtabStatus DocsTable::Connect(const sqlite_vtab::ConnectArgs<Connection>& args,
                              std::unique_ptr<DocsTable>& table) {
  return Make(args, /*creating=*/false, table);
}

VtabStatus DocsTable::Make(const sqlite_vtab::ConnectArgs<Connection>& args, bool creating,
                           std::unique_ptr<DocsTable>& table) {
  const Result<DocsOptions> options = ParseDocsOptions(args.options);
  if (!options.ok()) return options.status();
  if (VtabStatus status = Declare(args.db); !status.ok()) return status;
  const Result<bool> utf8 = StoresUtf8(args.db);
  if (!utf8.ok()) return utf8.status();
  const std::string schema(args.schema);
  Result<TableName> log = LogNamed(args.db, options->log, schema, creating);
  if (!log.ok()) return log.status();
  table = std::make_unique<DocsTable>(*args.aux, TableName{schema, std::string(args.table)},
                                      *std::move(log), *utf8);
  return {};
}

// --- transactions

Status DocsTable::Begin() {
  writing_ = true;
  return SessionTable::Begin();
}

void DocsTable::Commit() {
  writing_ = false;
  SessionTable::Commit();
}

Status DocsTable::Rollback() {
  writing_ = false;
  return SessionTable::Rollback();
}

// --- reading

sqlite_vtab::EncodedPlan DocsTable::Plan::Encode() const {
  sqlite_vtab::EncodedPlan plan = keys.Encode();
  plan.number |= (any_order ? kAnyOrder : 0) | (only_count ? kOnlyCount : 0);
  return plan;
}

std::optional<DocsTable::Plan> DocsTable::Plan::Decode(int number, std::string_view text) {
  std::optional<ViewPlan> keys = ViewPlan::Decode(number & ~(kAnyOrder | kOnlyCount), text);
  if (!keys) return std::nullopt;
  Plan plan;
  plan.any_order = (number & kAnyOrder) != 0;
  plan.only_count = (number & kOnlyCount) != 0;
  plan.as_of = text.starts_with(kAsOfTerm);
  plan.by_seq = text.find(kSeqTerm) != std::string_view::npos;
  plan.keys = *std::move(keys);
  if (plan.as_of) plan.keys.terms.terms.erase(0, 1);
  return plan;
}

namespace {

// Uses `as_of = ?`, which must be used where it is given: it is a parameter rather than a
// condition.
VtabStatus PlanAsOf(sqlite_vtab::IndexInfo& info, DocsTable::Plan& plan) {
  for (const sqlite_vtab::Constraint& constraint : info.constraints()) {
    if (constraint.column() != kAsOf) continue;
    switch (constraint.op()) {
      case SQLITE_INDEX_CONSTRAINT_EQ:
      case SQLITE_INDEX_CONSTRAINT_IS:
        break;
      case SQLITE_INDEX_CONSTRAINT_LT:
      case SQLITE_INDEX_CONSTRAINT_LE:
      case SQLITE_INDEX_CONSTRAINT_GT:
      case SQLITE_INDEX_CONSTRAINT_GE:
        return {SQLITE_ERROR, "as_of is a parameter, which takes = only"};
      default:
        continue;
    }
    if (!constraint.usable()) return {SQLITE_CONSTRAINT, ""};
    if (plan.as_of) continue;
    info.Use(constraint, sqlite_vtab::Omit::kYes);
    AppendTerm(&plan.keys.text, kColumnNames[kAsOf], Term::kEqual);
    plan.as_of = true;
  }
  return {};
}

// Uses `seq = ?`, or of the rowid, where there is one. False: there is none.
bool PlanBySeq(sqlite_vtab::IndexInfo& info, DocsTable::Plan& plan) {
  for (const sqlite_vtab::Constraint& constraint : info.constraints()) {
    if (constraint.op() != SQLITE_INDEX_CONSTRAINT_EQ || !constraint.usable()) continue;
    // The rowid of a document of the past is another number.
    const bool is_seq = constraint.column() == kSeq || (constraint.column() < 0 && !plan.as_of);
    if (!is_seq) continue;
    info.Use(constraint, sqlite_vtab::Omit::kNo);
    AppendTerm(&plan.keys.text, kColumnNames[kSeq], Term::kEqual);
    plan.by_seq = true;
    return true;
  }
  return false;
}

bool IsLimit(const sqlite_vtab::Constraint& constraint) {
  return constraint.op() == SQLITE_INDEX_CONSTRAINT_LIMIT;
}

bool FixesKey(const sqlite_vtab::Constraint& constraint) {
  if (constraint.op() == SQLITE_INDEX_CONSTRAINT_LIMIT ||
      constraint.op() == SQLITE_INDEX_CONSTRAINT_OFFSET) {
    return false;
  }
  return constraint.column() == kKey && constraint.is_equality() && constraint.usable() &&
         constraint.has_binary_collation();
}

}  // namespace

// `as_of = ?` comes first. Then the key is planned as a view's (PlanView). A look-up by seq takes
// the entry's key from the log, and looks whether the document under it comes from that entry; it
// is for queries that give no key.
//
// Where all documents of now are read, and no order is asked for, they may come in that of the log.
// (Not with a LIMIT: the first that counts may be far from the log's beginning.) Where nothing is
// asked of them, they are counted.
//
//   idxStr   ext/plan_text.h: as_of where it is given, then seq, or the terms of PlanView
//   idxNum   that of PlanView, and 2 for any order, 4 for a count
//   costs    those of PlanView; one row where the key or seq is given
VtabStatus DocsTable::BestIndex(sqlite_vtab::IndexInfo& info, Plan& plan) {
  if (VtabStatus status = PlanAsOf(info, plan); !status.ok()) return status;
  const std::vector<sqlite_vtab::Constraint> constraints = info.constraints();
  const bool has_key = std::any_of(constraints.begin(), constraints.end(), FixesKey);
  if (!has_key && PlanBySeq(info, plan)) {
    info.ConsumeOrderBy();  // of one row
    info.SetUnique();
    info.SetEstimates(/*cost=*/8, /*rows=*/1);
    return {};
  }
  plan.keys.with_documents = info.MayRead(kValue) || info.MayRead(kTime);
  const IndexColumns index = {{kKey, kColumnNames[kKey]}};
  if (Status status = PlanView(index, connection().db(), utf8_, info, plan.keys); !status.ok()) {
    return status;
  }
  if (plan.keys.text.empty()) {  // as_of included
    const bool has_limit = std::any_of(constraints.begin(), constraints.end(), IsLimit);
    plan.any_order = plan.keys.with_documents && info.order_by().empty() && !has_limit;
    plan.only_count = !info.MayReadAny();
  }
  if (has_key && plan.keys.terms[0] != Term::kIn) {
    info.SetUnique();
    info.SetEstimates(/*cost=*/5, /*rows=*/1);
  }
  return {};
}

VtabStatus DocsTable::Open(std::unique_ptr<Cursor>& cursor) {
  cursor = std::make_unique<Cursor>(*this);
  return {};
}

Status DocsTable::Read(const DocRange* first, std::shared_ptr<Readings::Group>* group) {
  SV_ASSIGN_OR_RETURN(const std::shared_ptr<LogSession> session,
                      writing_ ? WritingSession() : Session());
  const std::shared_ptr<Engine>& engine = session->engine();
  const Seq at_least = writing_ ? kLatest : session->RequiredSeq();
  if (Readings::FindReading(*session, at_least, group)) return Status::Ok();
  const uint64_t own_version = session->own_version();
  SV_ASSIGN_OR_RETURN(std::shared_ptr<const DocsSnapshot> snapshot,
                      session->ReadDocs(at_least, connection().InterruptibleWait(), first));
  const Seq seq = snapshot->seq();
  session->NoteSeen(seq);
  (*group)->reading = {engine, std::move(snapshot), seq, own_version};
  return Status::Ok();
}

Result<DocsTable::DocsReading> DocsTable::ReadAsOf(sqlite3_value* as_of) {
  SV_ASSIGN_OR_RETURN(const std::shared_ptr<LogSession> session, Session());
  const std::shared_ptr<Engine>& engine = session->engine();
  const std::optional<int64_t> integer = IntegerOf(as_of);
  if (!integer || *integer < 0) {
    SV_ASSIGN_OR_RETURN(const ValueView value, ViewOf(as_of));
    return Status::InvalidArgument("as_of must be a sequence number of " + log().table + ", not " +
                                   ToDisplay(value));
  }
  const Seq seq = static_cast<Seq>(*integer);
  if (const Seq head = engine->Head(); seq > head) {
    return Status::InvalidArgument("as_of is " + std::to_string(seq) + ", but the last entry of " +
                                   log().table + " that is committed is " + std::to_string(head));
  }
  SV_ASSIGN_OR_RETURN(std::shared_ptr<const DocsSnapshot> snapshot,
                      engine->ReadDocsAsOf(seq, connection().InterruptibleWait()));
  session->NoteSeen(seq);
  return DocsReading{engine, std::move(snapshot), seq, session->own_version()};
}

VtabStatus DocsTable::Cursor::Filter(const Plan& plan, sqlite_vtab::Values arguments) {
  for (int reading = 1;; reading++) {
    const bool is_first = plan.as_of || now_ == nullptr;
    const Status read = Read(plan, arguments);
    const bool again = is_first && IsWorthReadingAnew(read, reading);
    if (!again || (!plan.as_of && !Readings::Leave(&group_))) return read;
    scan_ = {};
    now_ = nullptr;
  }
}

Status DocsTable::Cursor::Read(const Plan& plan, sqlite_vtab::Values arguments) {
  scan_ = {};  // before what it reads
  counted_.reset();
  as_of_.reset();
  if (plan.as_of) {
    sqlite3_value* const as_of = arguments.front();
    arguments = arguments.subspan(1);
    if (sqlite3_value_type(as_of) != SQLITE_NULL) {
      SV_ASSIGN_OR_RETURN(as_of_, table_.ReadAsOf(as_of));
    }
  }
  std::vector<DocRange> ranges;
  if (!plan.by_seq) {
    SV_ASSIGN_OR_RETURN(const std::vector<ViewRange> keys,
                        plan.keys.MakeRanges(arguments, outer_join_));
    ranges.reserve(keys.size());
    for (const ViewRange& range : keys) ranges.push_back(ToDocRange(range));
    if (plan.any_order && !ranges.empty()) ranges.front().any_order = true;
  }
  if (!as_of_ && now_ == nullptr) {
    SV_RETURN_IF_ERROR(table_.Read(ranges.empty() ? nullptr : &ranges.front(), &group_));
    now_ = &*group_->reading;
  }
  const DocsReading& reading = as_of_ ? *as_of_ : *now_;
  if (plan.by_seq) return FindBySeq(arguments.front(), reading);
  if (plan.only_count) {
    SV_ASSIGN_OR_RETURN(const std::optional<uint64_t> count, reading.snapshot->Count());
    if (count) {
      counted_ = Counted{0, *count};
      return Status::Ok();
    }
  }
  return scan_.Begin(reading.snapshot.get(), std::move(ranges));
}

Status DocsTable::Cursor::FindBySeq(sqlite3_value* value, const DocsReading& reading) {
  SV_ASSIGN_OR_RETURN(const std::shared_ptr<LogSession> session, table_.Session());
  const DocsSnapshot& snapshot = *reading.snapshot;
  SeqRange range;
  range.Narrow(Term::kEqual, value);
  std::vector<DocRange> documents;
  if (!range.empty()) {
    const LogRange seqs{static_cast<Seq>(range.first), static_cast<Seq>(range.last)};
    const std::unique_ptr<LogCursor> entries =
        as_of_ ? reading.engine->ScanLog(seqs) : session->ScanLog(seqs);
    for (; entries->Valid(); entries->Next()) {
      const Entry& entry = entries->entry();
      if (!entry.has_document()) continue;
      const KeyBound key{Value(entry.key), /*inclusive=*/true};
      const std::unique_ptr<DocCursor> live = snapshot.NewCursor({key, key});
      if (live->Valid() && live->seq() == entry.seq) documents.push_back({key, key});
      SV_RETURN_IF_ERROR(live->status());
    }
    SV_RETURN_IF_ERROR(entries->status());
  }
  return scan_.Begin(&snapshot, std::move(documents));
}

VtabStatus DocsTable::Cursor::Next() {
  if (!counted_) return scan_.Next();
  ++counted_->passed;
  --counted_->left;
  return {};
}

Status DocsTable::Cursor::StopCounting() {
  const Counted counted = *std::exchange(counted_, std::nullopt);
  SV_RETURN_IF_ERROR(scan_.Begin(now_->snapshot.get(), {DocRange()}));
  for (uint64_t i = 0; i < counted.passed && scan_.Valid(); i++) SV_RETURN_IF_ERROR(scan_.Next());
  if (scan_.Valid()) return Status::Ok();
  return Status::Corruption("the documents of " + table_.log().table + " are fewer than counted");
}

VtabStatus DocsTable::Cursor::Rowid(sqlite3_int64* rowid) {
  if (counted_) {
    if (const Status found = StopCounting(); !found.ok()) return found;
  }
  const auto seq = static_cast<sqlite3_int64>(scan_->seq());
  *rowid = as_of_ ? -seq : seq;
  return {};
}

VtabStatus DocsTable::Cursor::Column(sqlite3_context* context, int column) {
  // What an UPDATE leaves as it is, Update() reads itself where it needs it.
  if (sqlite3_vtab_nochange(context) != 0) return {};
  if (counted_) {
    if (const Status found = StopCounting(); !found.ok()) return found;
  }
  switch (column) {
    case kKey:
      SetResult(context, scan_->key(), SQLITE_TRANSIENT);
      return {};
    case kSeq:
      sqlite3_result_int64(context, static_cast<sqlite3_int64>(scan_->seq()));
      return {};
    case kAsOf:
      if (as_of_) {
        sqlite3_result_int64(context, static_cast<sqlite3_int64>(as_of_->snapshot->seq()));
      }
      return {};
    default:
      break;
  }
  const Result<Entry> entry = scan_->ReadEntry();
  if (!entry.ok()) return entry.status();
  if (column == kValue) {
    SetResult(context, entry->value, SQLITE_TRANSIENT);
  } else {
    sqlite3_result_int64(context, entry->time_ms);
  }
  return {};
}

// --- writing

Result<Seq> DocsTable::FindLive(LogSession& session, const ValueView& key) {
  return connection().AgainIfLost([&]() -> Result<Seq> {
    SV_RETURN_IF_ERROR(Session().status());
    return session.FindDocument(key, connection().InterruptibleWait());
  });
}

Result<std::optional<DocsTable::Document>> DocsTable::FindRow(LogSession& session,
                                                              sqlite3_int64 rowid) {
  return connection().AgainIfLost([&]() -> Result<std::optional<Document>> {
    SV_RETURN_IF_ERROR(Session().status());
    const auto seq = static_cast<Seq>(rowid);
    const std::unique_ptr<LogCursor> cursor = session.ScanLog({seq, seq});
    SV_RETURN_IF_ERROR(cursor->status());
    if (!cursor->Valid()) return std::optional<Document>();
    const Entry& entry = cursor->entry();
    SV_ASSIGN_OR_RETURN(const Seq live, FindLive(session, entry.key));
    if (live != seq) return std::optional<Document>();
    return std::optional<Document>({seq, entry.time_ms, Value(entry.key), Value(entry.value)});
  });
}

VtabStatus DocsTable::CheckDocument(LogSession& session, const ValueView& key,
                                    const ValueView& value, Seq same, Seq* found) {
  if (key.is_null()) {
    return {SQLITE_CONSTRAINT_NOTNULL, "NOT NULL constraint failed: " + ColumnName("key")};
  }
  if (value.is_null()) {
    return {SQLITE_CONSTRAINT_NOTNULL, "NOT NULL constraint failed: " + ColumnName("value") +
                                           " (in a log, NULL says that the document is deleted)"};
  }
  const Result<Seq> live = FindLive(session, key);
  if (!live.ok()) return live.status();
  *found = *live;
  if (*live == 0 || *live == same) return {};
  if (sqlite3_vtab_on_conflict(connection().db()) == SQLITE_REPLACE) return {};
  return {SQLITE_CONSTRAINT_PRIMARYKEY, "UNIQUE constraint failed: " + ColumnName("key")};
}

namespace {

bool IsNull(sqlite3_value* value) { return sqlite3_value_type(value) == SQLITE_NULL; }

// Whether a column that the log gives stays as it is.
bool Keeps(sqlite3_value* value, int64_t old) {
  if (sqlite3_value_nochange(value) != 0) return true;
  return sqlite3_value_type(value) == SQLITE_INTEGER && sqlite3_value_int64(value) == old;
}

VtabStatus RefuseAsOf(const std::string& table) {
  return {SQLITE_READONLY,
          "cannot change documents of " + table + " as of an earlier entry: as_of is for reading"};
}

}  // namespace

VtabStatus DocsTable::Insert(sqlite3_value* rowid, sqlite_vtab::Values columns,
                             sqlite3_int64* new_rowid) {
  if (!IsNull(columns[kAsOf])) return RefuseAsOf(name().table);
  if (!IsNull(rowid) || !IsNull(columns[kSeq]) || !IsNull(columns[kTime])) {
    return {SQLITE_CONSTRAINT_VTAB, "seq and time of a document of " + name().table +
                                        " are given by the log: insert key and value only"};
  }
  const Result<std::shared_ptr<LogSession>> session = WritingSession();
  if (!session.ok()) return session.status();
  const auto view_of = utf8_ ? ViewOfUtf8 : ViewOf;
  const Result<ValueView> key = view_of(columns[kKey]);
  if (!key.ok()) return key.status();
  const Result<ValueView> value = view_of(columns[kValue]);
  if (!value.ok()) return value.status();

  Seq found = 0;
  if (VtabStatus status = CheckDocument(**session, *key, *value, 0, &found); !status.ok()) {
    return status;
  }
  const Result<Seq> seq = transaction().Append(**session, *key, *value);
  if (!seq.ok()) return seq.status();
  *new_rowid = static_cast<sqlite3_int64>(*seq);
  return Counted({});
}

VtabStatus DocsTable::Update(sqlite3_value* old_rowid, sqlite3_value* new_rowid,
                             sqlite_vtab::Values columns) {
  const sqlite3_int64 rowid = sqlite3_value_int64(old_rowid);
  if (rowid < 0) return RefuseAsOf(name().table);
  const Result<std::shared_ptr<LogSession>> session = WritingSession();
  if (!session.ok()) return session.status();
  const Result<std::optional<Document>> old = FindRow(**session, rowid);
  if (!old.ok()) return old.status();
  // An OR REPLACE of the same statement has replaced it: as in an ordinary table, it is gone.
  if (!*old) return Counted({});
  if (!Keeps(new_rowid, rowid) || !Keeps(columns[kSeq], rowid) ||
      !Keeps(columns[kTime], (*old)->time_ms)) {
    return {SQLITE_CONSTRAINT_VTAB, "seq and time of a document of " + name().table +
                                        " are given by the log: update key and value only"};
  }
  if (!IsNull(columns[kAsOf])) return RefuseAsOf(name().table);
  return Counted(Replace(**session, **old, columns));
}

VtabStatus DocsTable::Replace(LogSession& session, const Document& old,
                              sqlite_vtab::Values columns) {
  const auto value_of = [&](Column column, const Value& unchanged) -> Result<ValueView> {
    if (sqlite3_value_nochange(columns[column]) != 0) return unchanged.view();
    return ViewOf(columns[column]);
  };
  const Result<ValueView> key = value_of(kKey, old.key);
  if (!key.ok()) return key.status();
  const Result<ValueView> value = value_of(kValue, old.value);
  if (!value.ok()) return value.status();

  Seq found = 0;
  if (VtabStatus status = CheckDocument(session, *key, *value, old.seq, &found); !status.ok()) {
    return status;
  }
  // The new document first: should it be too large, nothing has been appended.
  Status appended = transaction().Append(session, *key, *value).status();
  if (appended.ok() && found != old.seq)
    appended = transaction().Append(session, old.key, Value()).status();
  return appended;
}

VtabStatus DocsTable::Delete(sqlite3_value* rowid) {
  const sqlite3_int64 row = sqlite3_value_int64(rowid);
  if (row < 0) return RefuseAsOf(name().table);
  const Result<std::shared_ptr<LogSession>> session = WritingSession();
  if (!session.ok()) return session.status();
  const Result<std::optional<Document>> document = FindRow(**session, row);
  if (!document.ok()) return document.status();
  if (!*document) return Counted({});
  return Counted(transaction().Append(**session, (*document)->key, Value()).status());
}

}  // namespace streamview
