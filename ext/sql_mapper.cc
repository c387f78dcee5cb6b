#include "ext/sql_mapper.h"

#include <algorithm>
#include <climits>
#include <utility>

#include "ext/pure_locale.h"
#include "ext/pure_sql.h"
#include "ext/pure_vfs.h"
#include "ext/sqlite_api.h"
#include "ext/sqlite_vtab/vtab.hpp"
#include "ext/values.h"
#include "ext/vtab_status.h"

namespace streamview {

namespace {

// The trial runs look for impurity only and need not go far. They are made whenever a view's table
// is connected, which a schema from elsewhere must not make long or large.
constexpr SqlMapLimits kTrialLimits = {.steps = 10'000, .value_bytes = 10'000};

// --- The virtual table: the present entry, or nothing.

using VtabStatus = sqlite_vtab::Status;

struct RowSource {
  const Entry* entry = nullptr;
};

class RowTable : public sqlite_vtab::Table {
 public:
  using Aux = RowSource;

  // There is one way to read one row.
  using Plan = sqlite_vtab::OnlyPlan;

  class Cursor : public sqlite_vtab::Cursor {
   public:
    explicit Cursor(const RowSource* source) : source_(source) {}

    VtabStatus Filter(const Plan&, sqlite_vtab::Values) {
      at_end_ = source_->entry == nullptr;
      return {};
    }
    VtabStatus Next() {
      at_end_ = true;
      return {};
    }
    bool Eof() const noexcept { return at_end_; }
    VtabStatus Column(sqlite3_context* context, int column) {
      const Entry& entry = *source_->entry;
      switch (column) {
        case 0:
          sqlite3_result_int64(context, static_cast<sqlite3_int64>(entry.seq));
          return {};
        case 1:
          sqlite3_result_int64(context, entry.time_ms);
          return {};
        // The entry outlives the run of the SELECT.
        case 2:
          SetResult(context, entry.key, SQLITE_STATIC);
          return {};
        default:
          SetResult(context, entry.value, SQLITE_STATIC);
          return {};
      }
    }
    sqlite3_int64 Rowid() { return static_cast<sqlite3_int64>(source_->entry->seq); }

   private:
    const RowSource* const source_;
    bool at_end_ = true;
  };

  static VtabStatus Connect(const sqlite_vtab::ConnectArgs<Aux>& args,
                            std::unique_ptr<RowTable>& table) {
    table = std::make_unique<RowTable>(args.aux);
    return VtabError(
        args.db,
        sqlite3_declare_vtab(args.db, "CREATE TABLE x(seq INTEGER, time INTEGER, key, value)"));
  }

  explicit RowTable(const RowSource* source) : source_(source) {}

  VtabStatus BestIndex(sqlite_vtab::IndexInfo& info, Plan&) {
    info.SetEstimates(/*cost=*/1, /*rows=*/1);
    info.SetUnique();
    return {};
  }
  VtabStatus Open(std::unique_ptr<Cursor>& cursor) {
    cursor = std::make_unique<Cursor>(source_);
    return {};
  }

 private:
  const RowSource* const source_;
};

// --- The mapper.

class SqlMapper final : public Mapper {
 public:
  // Checks the map too. Each run is limited as those of the check are.
  static Result<std::unique_ptr<SqlMapper>> Make(const std::string& log_name,
                                                 const std::string& map) {
    std::unique_ptr<SqlMapper> mapper(new SqlMapper());
    SV_ASSIGN_OR_RETURN(mapper->sql_, PureSql::Open(log_name));
    sqlite3* db = mapper->sql_->db();
    const int code = sqlite_vtab::Register<RowTable>(db, log_name.c_str(), mapper->source_);
    if (code != SQLITE_OK) return StatusFromSqlite(db, code);
    SV_ASSIGN_OR_RETURN(mapper->statement_, mapper->sql_->Prepare(map));
    mapper->Limit(kTrialLimits);
    mapper->row_.resize(static_cast<size_t>(sqlite3_column_count(mapper->statement_.get())));
    SV_RETURN_IF_ERROR(mapper->CheckReadsItsLog(log_name));
    SV_RETURN_IF_ERROR(mapper->TryEntries());
    return mapper;
  }

  Result<std::vector<std::string>> ColumnNames() const {
    std::vector<std::string> names;
    for (size_t i = 0; i < row_.size(); ++i) {
      const char* name = sqlite3_column_name(statement_.get(), static_cast<int>(i));
      if (name == nullptr) return Status::NoMemory();
      names.emplace_back(name);
    }
    return names;
  }

  // Emits the first `columns` columns only. REQUIRES: columns <= those of the SELECT
  void KeepColumns(size_t columns) { row_.resize(columns); }
  size_t columns() const { return row_.size(); }

  // For each run from now on.
  void Limit(const SqlMapLimits& limits) {
    limits_ = limits;
    if (!HasProgressHandler()) return;
    sqlite3_progress_handler(
        sql_->db(), limits.steps,
        [](void* self) {
          static_cast<SqlMapper*>(self)->out_of_steps_ = true;
          return 1;
        },
        this);
  }

  Status Map(const Entry& entry, Emitter& emitter) override {
    return Run(&entry, [&] { return EmitRow(emitter); });
  }

 private:
  SqlMapper() = default;

  // Calls `on_row` for each row that the SELECT gives for `entry`; nullptr: where the log has no
  // row.
  template <typename OnRow>
  Status Run(const Entry* entry, OnRow on_row) {
    const CLocale locale;
    sqlite3_stmt* statement = statement_.get();
    source_->entry = entry;
    LimitValues(entry);
    // Also when on_row throws: the next entry must not go on with this one's rows.
    const auto end_run = [this](sqlite3_stmt* s) {
      sqlite3_reset(s);
      source_->entry = nullptr;
    };
    const std::unique_ptr<sqlite3_stmt, decltype(end_run)> run(statement, end_run);
    out_of_steps_ = false;
    // SQLite counts steps on from run to run; from 0, every run is cut off at the same one.
    sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_VM_STEP, /*resetFlg=*/1);
    ForgetImpureRequest();
    Status status;
    int code;
    while (status.ok() && (code = sqlite3_step(statement)) != SQLITE_DONE) {
      status = code == SQLITE_ROW ? CheckRow() : StepError(code);
      if (status.ok()) status = on_row();
    }
    return status.ok() ? CheckPure() : status;
  }

  // SQLite takes no more than its own limit for one.
  void LimitValues(const Entry* entry) {
    const size_t own =
        entry == nullptr ? 0 : entry->key.bytes().size() + entry->value.bytes().size();
    const auto bytes = std::min<size_t>(own + static_cast<size_t>(limits_.value_bytes), INT_MAX);
    sqlite3_limit(sql_->db(), SQLITE_LIMIT_LENGTH, static_cast<int>(bytes));
  }

  Status EmitRow(Emitter& emitter) {
    for (size_t i = 0; i < row_.size(); ++i) {
      SV_ASSIGN_OR_RETURN(row_[i],
                          ViewOfUtf8(sqlite3_column_value(statement_.get(), static_cast<int>(i))));
    }
    return emitter.Emit(row_);
  }

  static Status CheckPure() {
    const char* request = ImpureRequest();
    return request == nullptr ? Status::Ok() : ImpureMap(std::string("asked for ") + request);
  }

  // Where SQLite cannot be stopped within a row (PureSql refuses what has no end), it is after one.
  Status CheckRow() {
    SV_RETURN_IF_ERROR(CheckPure());
    if (HasProgressHandler()) return Status::Ok();
    const int steps = sqlite3_stmt_status(statement_.get(), SQLITE_STMTSTATUS_VM_STEP, 0);
    return steps > limits_.steps ? OutOfSteps() : Status::Ok();
  }

  Status OutOfSteps() const {
    return Status::InvalidArgument("the map ran more than " + std::to_string(limits_.steps) +
                                   " instructions on this entry");
  }

  Status StepError(int code) {
    SV_RETURN_IF_ERROR(CheckPure());
    if (out_of_steps_) return OutOfSteps();
    const Status status = StatusFromSqlite(sql_->db(), code);
    if (status.code() == StatusCode::kNoMemory) return status;
    return Status::InvalidArgument(status.message());
  }

  // A map that gives a row where the log has none is not a function of one entry: it aggregates
  // over the log, or does not read it.
  Status CheckReadsItsLog(const std::string& log_name) {
    bool gave_row = false;
    const Status status = Run(nullptr, [&] {
      gave_row = true;
      return Status::InvalidArgument("");
    });
    if (!gave_row) return TrialResult(status);
    return Status::InvalidArgument(
        "a map sees one row at a time, and this one gives a row even where " + log_name +
        " has none: it must read " + log_name + " and cannot aggregate over it");
  }

  // What can be found out early: whether the map asks for the time. Other errors are due to the
  // entries tried here, which are none of the user's.
  Status TryEntries() {
    Entry entry;
    entry.seq = 1;
    SV_RETURN_IF_ERROR(TrialResult(Run(&entry, [] { return Status::Ok(); })));
    entry.key = ValueView::Text("key");
    entry.value = ValueView::Text("{}");
    return TrialResult(Run(&entry, [] { return Status::Ok(); }));
  }

  static Status TrialResult(const Status& status) {
    const bool counts = ImpureRequest() != nullptr || status.code() == StatusCode::kNoMemory;
    return counts ? status : Status::Ok();
  }

  const std::shared_ptr<RowSource> source_ = std::make_shared<RowSource>();
  std::unique_ptr<PureSql> sql_;
  StatementPtr statement_;  // after sql_: it goes first
  std::vector<ValueView> row_;
  SqlMapLimits limits_;
  bool out_of_steps_ = false;
};

}  // namespace

Result<std::vector<std::string>> SqlMapColumns(const std::string& log_name,
                                               const std::string& map) {
  SV_ASSIGN_OR_RETURN(const std::unique_ptr<SqlMapper> mapper, SqlMapper::Make(log_name, map));
  return mapper->ColumnNames();
}

Result<std::unique_ptr<Mapper>> NewSqlMapper(const ViewDefinition& definition,
                                             const SqlMapLimits& limits) {
  SV_ASSIGN_OR_RETURN(std::unique_ptr<SqlMapper> mapper,
                      SqlMapper::Make(definition.log_name, definition.map));
  if (definition.columns.size() > mapper->columns()) {
    return Status::InvalidArgument("the map gives " + std::to_string(mapper->columns()) +
                                   " columns, and the view has " +
                                   std::to_string(definition.columns.size()));
  }
  mapper->KeepColumns(definition.columns.size());
  mapper->Limit(limits);
  return std::unique_ptr<Mapper>(std::move(mapper));
}

}  // namespace streamview
