#include "ext/status_table.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "ext/progress.h"
#include "ext/report_table.h"

namespace streamview {

namespace {

// As in kSchema below.
enum Column {
  kName,
  kKind,
  kState,
  kSeq,
  kHead,
  kLag,
  kEntries,
  kSuperseded,
  kErrors,
  kLastError,
  kBytes,
  kRate,
  kEta,
  kDefinition,
  kLog,
  kSchema,
  kProgress,
  kBar,
  kHolder,
  kClients,
  kNote,
  kColumnCount,
};

using Row = std::array<Value, kColumnCount>;

Value Count(uint64_t n) { return Value::Integer(static_cast<int64_t>(n)); }

Value TextOrNull(const std::string& text) { return text.empty() ? Value() : Value::Text(text); }

const char* NameOf(ViewState state) {
  switch (state) {
    case ViewState::kBuilding:
      return "building";
    case ViewState::kLive:
      return "live";
    case ViewState::kFailed:
      return "failed";
  }
  return "";
}

Row BeginRow(const std::string& name, const char* kind, const TableName& log) {
  Row row;
  row[kName] = Value::Text(name);
  row[kKind] = Value::Text(kind);
  row[kLog] = Value::Text(log.table);
  row[kSchema] = Value::Text(log.schema);
  return row;
}

void SetFailed(const std::string& error, Row& row) {
  row[kState] = Value::Text("failed");
  row[kLastError] = TextOrNull(error);
}

void Describe(const LogStatus& status, Row& row) {
  row[kState] = Value::Text("live");
  row[kSeq] = Count(status.head);
  row[kHead] = Count(status.head);
  row[kLag] = Count(0);
  row[kEntries] = Count(status.head);
  row[kErrors] = Count(0);
  row[kBytes] = Count(status.bytes_on_disk);
  row[kDefinition] = Value::Text(status.directory.empty() ? "in memory" : status.directory);
  row[kLastError] = TextOrNull(status.derived_error);
  row[kHolder] = Value::Integer(status.holder);
  row[kClients] = Count(status.clients);
  row[kNote] = TextOrNull(status.note);
  if (!status.background_error.empty()) SetFailed(status.background_error, row);
}

void Describe(const ViewStatus& status, Row& row) {
  const Seq lag = status.target - status.seq;
  row[kState] = Value::Text(NameOf(status.state));
  row[kSeq] = Count(status.seq);
  row[kHead] = Count(status.target);
  row[kLag] = Count(lag);
  row[kEntries] = Count(status.entries);
  row[kSuperseded] = Count(status.superseded_met);
  row[kErrors] = Count(status.errors);
  row[kLastError] = TextOrNull(status.last_error);
  row[kBytes] = Count(status.bytes_on_disk);
  row[kRate] = Value::Real(status.rate);
  const Progress progress = ProgressOf(status, status.target);
  if (progress.eta) row[kEta] = Value::Real(*progress.eta);
  row[kDefinition] = Value::Text(status.definition.ToDisplay());
  row[kProgress] = Value::Real(progress.part());
  row[kBar] = Value::Text(ToBar(progress));
}

class StatusReport {
 public:
  static constexpr char kSchema[] =
      "CREATE TABLE x(name TEXT, kind TEXT, state TEXT, seq INTEGER, head INTEGER, lag INTEGER, "
      "entries INTEGER, superseded INTEGER, errors INTEGER, last_error TEXT, bytes INTEGER, "
      "rate REAL, eta REAL, definition TEXT, log TEXT, schema TEXT, progress REAL, bar TEXT, "
      "holder INTEGER, clients INTEGER, note TEXT)";

  explicit StatusReport(Connection& connection) : connection_(connection) {}

  Status Begin() {
    SV_ASSIGN_OR_RETURN(const std::vector<TableName> logs, connection_.logs().ListLogs());
    for (const TableName& log : logs) SV_RETURN_IF_ERROR(AddLog(log));
    return Status::Ok();
  }
  Status Next() {
    ++position_;
    return Status::Ok();
  }
  bool Eof() const noexcept { return position_ >= rows_.size(); }
  ValueView Column(int i) const { return rows_[position_][static_cast<size_t>(i)]; }

 private:
  // A row for the log and one for each of its views, be it that they have failed with the log.
  Status AddLog(const TableName& log) {
    const Result<std::shared_ptr<LogSession>> session =
        connection_.OpenLog(log, Connection::Patience::kNone);
    if (session.status().IsCutShort()) return session.status();
    Row row = BeginRow(log.table, "log", log);
    if (session.ok()) {
      Describe((*session)->engine()->GetLogStatus(), row);
    } else {
      SetFailed(session.status().message(), row);
    }
    rows_.push_back(std::move(row));

    SV_ASSIGN_OR_RETURN(const std::vector<ViewEntry> views, connection_.logs().ListViews(log));
    for (const ViewEntry& entry : views) {
      Row view_row = BeginRow(entry.name, "view", log);
      if (session.ok()) {
        DescribeView(*(*session)->engine(), entry, view_row);
      } else {
        SetFailed(session.status().message(), view_row);
      }
      rows_.push_back(std::move(view_row));
    }
    return Status::Ok();
  }

  static void DescribeView(Engine& engine, const ViewEntry& entry, Row& row) {
    const Result<std::shared_ptr<View>> view = engine.FindView(entry.view_id);
    if (!view.ok()) return SetFailed(view.status().message(), row);
    Describe((*view)->GetStatus(), row);
  }

  Connection& connection_;
  std::vector<Row> rows_;
  size_t position_ = 0;
};

}  // namespace

int RegisterStatusTable(sqlite3* db, std::shared_ptr<Connection> connection) {
  return sqlite_vtab::Register<ReportTable<StatusReport>>(db, "sv_status", std::move(connection));
}

}  // namespace streamview
