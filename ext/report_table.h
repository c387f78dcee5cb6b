// ReportTable<Report>: an eponymous, read-only table that tells about this connection's logs. It
// has no index: each query makes a Report and reads it to its end.
//
//   class Report {
//     static constexpr char kSchema[] = "CREATE TABLE x(...)";
//     explicit Report(Connection& connection);
//     Status Begin();           // to the first row
//     Status Next();            // REQUIRES: !Eof()
//     bool Eof() const noexcept;
//     ValueView Column(int i) const;  // valid until Next(). REQUIRES: !Eof()
//   };

#pragma once

#include <memory>
#include <optional>

#include "ext/connection.h"
#include "ext/sqlite_vtab/vtab.hpp"
#include "ext/values.h"
#include "ext/vtab_status.h"

namespace streamview {

template <typename Report>
class ReportTable : public sqlite_vtab::Table {
 public:
  using Aux = Connection;

  using Plan = sqlite_vtab::OnlyPlan;

  class Cursor : public sqlite_vtab::Cursor {
   public:
    explicit Cursor(Connection& connection) : connection_(connection) {}

    Status Filter(const Plan&, sqlite_vtab::Values) {
      rowid_ = 1;
      return connection_.AgainIfLost([this] { return report_.emplace(connection_).Begin(); });
    }
    Status Next() {
      ++rowid_;
      return report_->Next();
    }
    bool Eof() const noexcept { return report_->Eof(); }
    Status Column(sqlite3_context* context, int column) {
      SetResult(context, report_->Column(column), SQLITE_TRANSIENT);
      return {};
    }
    sqlite3_int64 Rowid() { return rowid_; }

   private:
    Connection& connection_;
    std::optional<Report> report_;
    sqlite3_int64 rowid_ = 0;
  };

  static Status Connect(const sqlite_vtab::ConnectArgs<Aux>& args,
                        std::unique_ptr<ReportTable>& table) {
    table = std::make_unique<ReportTable>(*args.aux);
    // It opens logs, so a schema from elsewhere must not make use of it.
    sqlite3_vtab_config(args.db, SQLITE_VTAB_DIRECTONLY);
    return VtabError(args.db, sqlite3_declare_vtab(args.db, Report::kSchema));
  }

  explicit ReportTable(Connection& connection) : connection_(connection) {}

  Status BestIndex(sqlite_vtab::IndexInfo& info, Plan&) {
    // Opening a log costs more than any row.
    info.SetEstimates(/*cost=*/10'000, /*rows=*/100);
    return {};
  }
  Status Open(std::unique_ptr<Cursor>& cursor) {
    cursor = std::make_unique<Cursor>(connection_);
    return {};
  }

 private:
  Connection& connection_;
};

}  // namespace streamview
