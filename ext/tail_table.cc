#include "ext/tail_table.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/log_tail.h"
#include "ext/arguments.h"
#include "ext/json_object.h"
#include "ext/removed_logs.h"
#include "ext/sqlite_vtab/vtab.hpp"
#include "ext/values.h"
#include "ext/vtab_status.h"

namespace streamview {

namespace {

using VtabStatus = sqlite_vtab::Status;

enum Column {
  kSeq,
  kTime,
  kOperation,
  kKey,
  kValue,
  kDocId,
  kRow,
  kSource,
  kAfterSeq,
  kTimeout,
};

// Entries that change nothing in a view may be many: an interrupt is noticed among them, too.
constexpr Seq kPollEvery = 16;

class TailTable : public sqlite_vtab::Table {
 public:
  using Aux = Connection;

  // The arguments of Filter are source, after_seq and, if it is given, timeout_ms.
  using Plan = sqlite_vtab::OnlyPlan;

  class Cursor : public sqlite_vtab::Cursor {
   public:
    explicit Cursor(Connection& connection) : connection_(connection) {}

    VtabStatus Filter(const Plan&, sqlite_vtab::Values arguments) { return Begin(arguments); }
    VtabStatus Next() {
      ++rowid_;
      return Advance();
    }
    bool Eof() const noexcept { return done_; }
    VtabStatus Column(sqlite3_context* context, int column);
    sqlite3_int64 Rowid() const { return rowid_; }

   private:
    Status Begin(sqlite_vtab::Values arguments);
    Status Open(const LogOrView& source, Seq after);
    Status Advance();
    Result<bool> FindChange();
    Status Await();
    Status Explain(Status ended) const;
    Status CheckNotDropped() const;
    Status Dropped() const { return Status::NotFound(name_ + " was dropped"); }

    const ViewChange& change() const { return changes_[next_change_ - 1]; }
    ValueView KeyOrValue(int column) const;
    const char* Operation() const;

    Connection& connection_;
    Value source_;
    std::optional<int64_t> after_;
    std::optional<int64_t> timeout_;

    std::shared_ptr<LogSession> session_;
    std::shared_ptr<Engine> engine_;  // outlives what follows
    std::string name_;                // of the log or the view
    std::optional<LogTail> tail_;
    WaitOptions wait_;
    bool done_ = true;
    sqlite3_int64 rowid_ = 0;

    // Of a view.
    std::string view_id_;  // empty: it is a log
    ViewDefinition definition_;
    std::unique_ptr<ViewChanges> view_changes_;
    std::vector<ViewChange> changes_;  // of the tail's entry
    size_t next_change_ = 0;
  };

  explicit TailTable(Connection& connection) : connection_(connection) {}

  static VtabStatus Connect(const sqlite_vtab::ConnectArgs<Connection>& args,
                            std::unique_ptr<TailTable>& table) {
    // It opens logs and waits, so a schema from elsewhere must not make use of it.
    sqlite3_vtab_config(args.db, SQLITE_VTAB_DIRECTONLY);
    table = std::make_unique<TailTable>(*args.aux);
    return VtabError(args.db,
                     sqlite3_declare_vtab(
                         args.db,
                         "CREATE TABLE x(seq INTEGER, time INTEGER, operation TEXT, key, value, "
                         "doc_id, row TEXT, source HIDDEN, after_seq HIDDEN, timeout_ms HIDDEN)"));
  }

  VtabStatus BestIndex(sqlite_vtab::IndexInfo& info, Plan& plan);
  VtabStatus Open(std::unique_ptr<Cursor>& cursor) {
    cursor = std::make_unique<Cursor>(connection_);
    return {};
  }

 private:
  Connection& connection_;
};

// The arguments are needed, but for the timeout. ORDER BY seq alone is the order that there is.
//
//   costs   so high that in a join SQLite looks the rest up for each of its rows: the other way
//           round would be a tail for each row of the rest
VtabStatus TailTable::BestIndex(sqlite_vtab::IndexInfo& info, Plan& plan) {
  plan.text = "source=? AND after_seq=? AND timeout_ms=?";
  for (const int column : {kSource, kAfterSeq, kTimeout}) {
    const ArgumentUse use = UseArgument(info, column);
    if (use == ArgumentUse::kAbsent && column == kTimeout) {
      plan.text = "source=? AND after_seq=?";
      break;
    }
    if (use == ArgumentUse::kAbsent) {
      return {SQLITE_ERROR,
              "sv_tail needs the name of a log or a view, and the seq to go on from: "
              "sv_tail('events', 0)"};
    }
    if (use == ArgumentUse::kUnusable) return {SQLITE_CONSTRAINT, ""};
  }
  info.SetEstimates(/*cost=*/1e12, /*rows=*/1'000'000);
  const std::vector<sqlite_vtab::OrderTerm> order = info.order_by();
  if (order.size() == 1 && order.front().column == kSeq && !order.front().descending) {
    info.ConsumeOrderBy();
  }
  return {};
}

Status TailTable::Cursor::Begin(sqlite_vtab::Values arguments) {
  tail_.reset();
  view_changes_.reset();
  view_id_.clear();
  changes_.clear();
  next_change_ = 0;
  done_ = true;
  rowid_ = 0;

  SV_ASSIGN_OR_RETURN(const std::optional<std::string> name, ReadName("source", arguments[0]));
  source_ = name ? Value::Text(*name) : Value();
  SV_ASSIGN_OR_RETURN(after_, ReadInteger("after_seq", arguments[1]));
  if (!after_) return Status::InvalidArgument("after_seq must be an integer from 0 up, not NULL");
  timeout_.reset();
  if (arguments.size() > 2) {
    SV_ASSIGN_OR_RETURN(timeout_, ReadInteger("timeout_ms", arguments[2]));
  }

  wait_ = connection_.InterruptibleWait();
  if (timeout_) wait_.deadline = DeadlineAfter(*timeout_);
  wait_.interrupted = [this, interrupted = std::move(wait_.interrupted)] {
    return !CheckNotDropped().ok() || interrupted();
  };
  SV_ASSIGN_OR_RETURN(const LogOrView source, connection_.logs().FindLogOrView(name));
  SV_RETURN_IF_ERROR(
      connection_.AgainIfLost([&] { return Open(source, static_cast<Seq>(*after_)); }));
  done_ = false;
  return Advance();
}

Status TailTable::Cursor::Open(const LogOrView& source, Seq after) {
  tail_.reset();  // before their engine
  view_changes_.reset();
  SV_ASSIGN_OR_RETURN(session_, connection_.OpenLog(source.log));
  engine_ = session_->engine();
  name_ = source.view ? source.view->name : source.log.table;
  std::shared_ptr<View> view;
  if (source.view) {
    const Result<std::shared_ptr<View>> found = engine_->FindView(source.view->view_id);
    if (found.status().code() == StatusCode::kNotFound) return Dropped();
    SV_RETURN_IF_ERROR(found.status());
    view = *found;
    SV_ASSIGN_OR_RETURN(view_changes_, view->NewChanges());
    view_id_ = view->id();
    definition_ = view->definition();
  }
  tail_.emplace(engine_, view, after);
  // As any read of the view, which does not end half-way at a deadline.
  const Status begun = tail_->Begin(session_->RequiredSeq(), connection_.InterruptibleWait());
  return begun.code() == StatusCode::kInvalidArgument ? begun.WithContext(name_) : begun;
}

// To the next row: of what there is, or else of what comes.
Status TailTable::Cursor::Advance() {
  for (;;) {
    const Result<bool> found = FindChange();
    // A view has stopped. Clients that read a row ahead, or all rows, would lose the changes before
    // to the error: it is left to the next statement, which goes on from here.
    done_ = found.status().code() == StatusCode::kFailed && rowid_ > 0;
    if (done_) return Status::Ok();
    SV_RETURN_IF_ERROR(found.status());
    if (*found) {
      session_->NoteSeen(tail_->entry().seq);
      return Status::Ok();
    }
    if (!wait_.Expired()) {
      const Status awaited = Await();
      if (awaited.ok()) continue;
      if (awaited.code() != StatusCode::kTimedOut) return awaited;
    }
    done_ = true;
    return Status::Ok();
  }
}

Result<bool> TailTable::Cursor::FindChange() {
  for (;;) {
    if (next_change_ < changes_.size()) {
      ++next_change_;
      return true;
    }
    SV_ASSIGN_OR_RETURN(const bool found, tail_->Next());
    if (!found || view_id_.empty()) return found;
    const Entry& entry = tail_->entry();
    if (entry.seq % kPollEvery == 0) SV_RETURN_IF_ERROR(Explain(wait_.CheckInterrupted()));
    next_change_ = 0;
    SV_RETURN_IF_ERROR(view_changes_->Read(entry, &changes_));
  }
}

Status TailTable::Cursor::Await() {
  if (session_->has_turn()) {
    return Status::Misuse(
        "sv_tail() would wait for entries that nobody can append: this "
        "connection's transaction has written to the log; COMMIT first");
  }
  return Explain(tail_->Await(wait_));
}

// Why a wait was interrupted.
Status TailTable::Cursor::Explain(Status ended) const {
  if (ended.code() == StatusCode::kInterrupted) SV_RETURN_IF_ERROR(CheckNotDropped());
  return ended;
}

// What waits for a log or a view that is gone would wait for ever.
Status TailTable::Cursor::CheckNotDropped() const {
  const bool dropped =
      RemovedLogs::Instance().Contains(session_->identity()) ||
      (!view_id_.empty() && engine_->FindView(view_id_).status().code() == StatusCode::kNotFound);
  return dropped ? Dropped() : Status::Ok();
}

const char* TailTable::Cursor::Operation() const {
  if (!view_id_.empty()) return change().withdrawn ? "withdraw" : "emit";
  const Entry& entry = tail_->entry();
  if (!entry.has_document()) return "event";
  return entry.is_tombstone() ? "delete" : "put";
}

// The column key, value or doc_id.
ValueView TailTable::Cursor::KeyOrValue(int column) const {
  if (!view_id_.empty()) {
    const std::vector<Value>& row = change().row;
    if (column == kDocId) return change().doc_id;
    if (column == kKey) return row.front();
    return definition_.key_columns < row.size() ? row[definition_.key_columns].view() : ValueView();
  }
  const Entry& entry = tail_->entry();
  if (column == kValue) return entry.value;
  if (column == kKey || entry.has_document()) return entry.key;
  return ValueView::Integer(static_cast<int64_t>(entry.seq));
}

VtabStatus TailTable::Cursor::Column(sqlite3_context* context, int column) {
  const auto set_integer = [context](const std::optional<int64_t>& value) {
    if (value) sqlite3_result_int64(context, *value);
  };
  switch (column) {
    case kSeq:
      sqlite3_result_int64(context, static_cast<sqlite3_int64>(tail_->entry().seq));
      break;
    case kTime:
      sqlite3_result_int64(context, tail_->entry().time_ms);
      break;
    case kOperation:
      sqlite3_result_text(context, Operation(), -1, SQLITE_STATIC);
      break;
    case kRow:
      if (!view_id_.empty()) {
        const std::string json = ToJsonObject(definition_.columns, change().row);
        SetResult(context, ValueView::Text(json), SQLITE_TRANSIENT);
      }
      break;
    case kSource:
      SetResult(context, source_, SQLITE_TRANSIENT);
      break;
    case kAfterSeq:
      set_integer(after_);
      break;
    case kTimeout:
      set_integer(timeout_);
      break;
    default:
      SetResult(context, KeyOrValue(column), SQLITE_TRANSIENT);
      break;
  }
  return {};
}

}  // namespace

int RegisterTailTable(sqlite3* db, std::shared_ptr<Connection> connection) {
  return sqlite_vtab::Register<TailTable>(db, "sv_tail", std::move(connection));
}

}  // namespace streamview
