#include "ext/errors_table.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "ext/report_table.h"

namespace streamview {

namespace {

constexpr size_t kErrorsPerPage = 256;

class ErrorsReport {
 public:
  static constexpr char kSchema[] =
      "CREATE TABLE x(log TEXT, view TEXT, seq INTEGER, doc_id, message TEXT)";

  explicit ErrorsReport(Connection& connection) : connection_(connection) {}

  Status Begin() {
    SV_RETURN_IF_ERROR(CollectViews());
    return FindPage(/*after=*/0);
  }
  Status Next() {
    if (++position_ < page_.size()) return Status::Ok();
    return FindPage(page_.back().seq);
  }
  bool Eof() const noexcept { return page_.empty(); }
  ValueView Column(int i) const {
    const MapError& error = page_[position_];
    switch (i) {
      case 0:
        return ValueView::Text(views_[view_].log);
      case 1:
        return ValueView::Text(views_[view_].name);
      case 2:
        return ValueView::Integer(static_cast<int64_t>(error.seq));
      case 3:
        return error.doc_id;
      default:
        return ValueView::Text(error.message);
    }
  }

 private:
  struct NamedView {
    std::string log;
    std::string name;
    std::shared_ptr<LogSession> session;  // keeps the engine, which must outlive the view
    std::shared_ptr<View> view;
  };

  // In the order of the rows.
  Status CollectViews() {
    SV_ASSIGN_OR_RETURN(const std::vector<TableName> logs, connection_.logs().ListLogs());
    for (const TableName& log : logs) {
      const Result<std::shared_ptr<LogSession>> session = connection_.OpenLog(log);
      // Nothing would look like no errors.
      SV_RETURN_IF_ERROR(session.status());
      SV_ASSIGN_OR_RETURN(const std::vector<ViewEntry> views, connection_.logs().ListViews(log));
      for (const ViewEntry& entry : views) {
        Result<std::shared_ptr<View>> view = (*session)->engine()->FindView(entry.view_id);
        if (view.status().code() == StatusCode::kNotFound) continue;  // just dropped
        SV_RETURN_IF_ERROR(view.status());
        views_.push_back({log.table, entry.name, *session, *std::move(view)});
      }
    }
    std::stable_sort(views_.begin(), views_.end(), [](const NamedView& a, const NamedView& b) {
      return std::tie(a.name, a.log) < std::tie(b.name, b.log);
    });
    return Status::Ok();
  }

  // Sets page_ to the errors of the present view past `after`, or else to the first ones of the
  // next view that has any; empty at the end.
  Status FindPage(Seq after) {
    position_ = 0;
    page_.clear();
    for (; view_ < views_.size(); ++view_, after = 0) {
      SV_ASSIGN_OR_RETURN(page_, views_[view_].view->ListErrors(after, kErrorsPerPage));
      if (!page_.empty()) break;
    }
    return Status::Ok();
  }

  Connection& connection_;
  std::vector<NamedView> views_;
  size_t view_ = 0;  // index of the present one
  std::vector<MapError> page_;
  size_t position_ = 0;  // in page_
};

}  // namespace

int RegisterErrorsTable(sqlite3* db, std::shared_ptr<Connection> connection) {
  return sqlite_vtab::Register<ReportTable<ErrorsReport>>(db, "sv_errors", std::move(connection));
}

}  // namespace streamview
