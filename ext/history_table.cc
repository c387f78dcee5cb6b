#include "ext/history_table.h"

#include <optional>
#include <string>

#include "ext/arguments.h"
#include "ext/sqlite_vtab/vtab.hpp"
#include "ext/values.h"
#include "ext/vtab_status.h"

namespace streamview {

namespace {

using VtabStatus = sqlite_vtab::Status;

enum Column { kSeq, kTime, kKey, kValue, kOperation, kLog, kDocument };

class HistoryTable : public sqlite_vtab::Table {
 public:
  using Aux = Connection;

  // The arguments of Filter are always the log and the document.
  using Plan = sqlite_vtab::OnlyPlan;

  class Cursor : public sqlite_vtab::Cursor {
   public:
    explicit Cursor(Connection& connection) : connection_(connection) {}

    VtabStatus Filter(const Plan&, sqlite_vtab::Values arguments) {
      return Read(arguments[0], arguments[1]);
    }
    VtabStatus Next() {
      cursor_->Next();
      return cursor_->status();
    }
    bool Eof() const noexcept { return cursor_ == nullptr || !cursor_->Valid(); }
    VtabStatus Column(sqlite3_context* context, int column);
    sqlite3_int64 Rowid() { return static_cast<sqlite3_int64>(cursor_->entry().seq); }

   private:
    Status Read(sqlite3_value* log, sqlite3_value* document);
    Status Scan(const TableName& table);

    Connection& connection_;
    Value log_;
    Value document_;
    std::shared_ptr<Engine> engine_;  // outlives the cursor
    std::unique_ptr<LogCursor> cursor_;
  };

  explicit HistoryTable(Connection& connection) : connection_(connection) {}

  static VtabStatus Connect(const sqlite_vtab::ConnectArgs<Connection>& args,
                            std::unique_ptr<HistoryTable>& table) {
    // It opens logs, so a schema from elsewhere must not make use of it.
    sqlite3_vtab_config(args.db, SQLITE_VTAB_DIRECTONLY);
    table = std::make_unique<HistoryTable>(*args.aux);
    return VtabError(args.db,
                     sqlite3_declare_vtab(args.db,
                                          "CREATE TABLE x(seq INTEGER, time INTEGER, key, value, "
                                          "operation TEXT, log TEXT HIDDEN, document HIDDEN)"));
  }

  VtabStatus BestIndex(sqlite_vtab::IndexInfo& info, Plan& plan);
  VtabStatus Open(std::unique_ptr<Cursor>& cursor) {
    cursor = std::make_unique<Cursor>(connection_);
    return {};
  }

 private:
  Connection& connection_;
};

// Both arguments are needed. ORDER BY seq DESC, whatever follows it, is the order that there is.
//
//   costs   a document has few versions
VtabStatus HistoryTable::BestIndex(sqlite_vtab::IndexInfo& info, Plan& plan) {
  plan.text = "log=? AND document=?";
  for (const int column : {kLog, kDocument}) {
    const ArgumentUse use = UseArgument(info, column);
    if (use == ArgumentUse::kAbsent) {
      return {SQLITE_ERROR,
              "sv_history needs the name of a log and a key: sv_history('events', 'asset/1')"};
    }
    if (use == ArgumentUse::kUnusable) return {SQLITE_CONSTRAINT, ""};
  }
  info.SetEstimates(/*cost=*/100, /*rows=*/10);
  const std::vector<sqlite_vtab::OrderTerm> order = info.order_by();
  if (!order.empty() && order.front().column <= kSeq && order.front().descending) {
    info.ConsumeOrderBy();
  }
  return {};
}

Status HistoryTable::Cursor::Read(sqlite3_value* log, sqlite3_value* document) {
  cursor_.reset();
  SV_ASSIGN_OR_RETURN(const ValueView name, ViewOf(log));
  SV_ASSIGN_OR_RETURN(const ValueView key, ViewOf(document));
  log_ = Value(name);
  document_ = Value(key);
  if (!name.is_null() && name.type() != ValueType::kText) {
    return Status::InvalidArgument("sv_history needs the name of a log, not " + ToDisplay(name));
  }
  std::optional<std::string> wanted;
  if (!name.is_null()) wanted = std::string(name.bytes());
  SV_ASSIGN_OR_RETURN(const TableName table, connection_.logs().FindLog(wanted));
  return connection_.AgainIfLost([&] { return Scan(table); });
}

Status HistoryTable::Cursor::Scan(const TableName& table) {
  cursor_.reset();  // before its engine
  SV_ASSIGN_OR_RETURN(const std::shared_ptr<LogSession> session, connection_.OpenLog(table));
  if (document_.is_null()) return Status::Ok();  // events without key are no document's versions
  engine_ = session->engine();
  SV_ASSIGN_OR_RETURN(cursor_, session->ScanHistory(document_, connection_.InterruptibleWait()));
  session->NoteSeen(engine_->Head());  // after: the scan shows nothing newer
  return cursor_->status();
}

VtabStatus HistoryTable::Cursor::Column(sqlite3_context* context, int column) {
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
    case kOperation:
      sqlite3_result_text(context, entry.is_tombstone() ? "delete" : "put", -1, SQLITE_STATIC);
      break;
    case kLog:
      SetResult(context, log_, SQLITE_TRANSIENT);
      break;
    default:
      SetResult(context, document_, SQLITE_TRANSIENT);
      break;
  }
  return {};
}

}  // namespace

int RegisterHistoryTable(sqlite3* db, std::shared_ptr<Connection> connection) {
  return sqlite_vtab::Register<HistoryTable>(db, "sv_history", std::move(connection));
}

}  // namespace streamview
