// Requests about views.

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/codec/index_entry.h"
#include "core/remote/page.h"
#include "core/remote/request.h"

namespace streamview {

namespace {

using wire::Op;

void FillRows(RowsLease& scan, Page& page) {
  ViewCursor& cursor = *scan.cursor;
  const size_t columns = scan.snapshot->columns;
  for (; cursor.Valid() && !page.IsFull(); cursor.Next()) {
    const size_t before = page.end();
    page.Add(uint64_t{columns});
    for (size_t i = 0; i < columns; i++) page.Extend(cursor.column(i));
    page.Extend(cursor.doc_id(), cursor.seq());
    page.ExtendBigEndian64(static_cast<uint64_t>(cursor.row_id()));
    if (scan.with_documents) page.ExtendByResult(cursor.ReadDocument());
    if (cursor.Valid()) continue;
    page.Cut(before);  // a column could not be read: the page ends with the reason
    return;
  }
}

Status BeginRows(const Serving& serving, const Request& request, Leases& leases,
                 const std::shared_ptr<ViewLease>& view, const ViewRange& range,
                 const wire::PageLimits& limits) {
  MutexLock use(view->own_mutex);
  const auto scan =
      std::make_shared<RowsLease>(view, view->view->NewCursor(range), range.with_documents);
  return BeginScan(serving, request, leases, scan, limits, FillRows).status();
}

Status ReadView(const Serving& serving, Request& request, Leases& leases) {
  std::string id;
  Seq at_least;
  std::optional<ViewRange> first;
  wire::PageLimits limits;
  SV_RETURN_IF_ERROR(TakeFields(request, &id, &at_least, &first, &limits));
  SV_RETURN_IF_ERROR(CheckSeq(serving, at_least));
  SV_ASSIGN_OR_RETURN(const std::shared_ptr<View> view, serving.engine->FindView(id));
  SV_ASSIGN_OR_RETURN(std::shared_ptr<const CommittedView> state,
                      view->Read(at_least, request.wait));
  Give(request, state->seq());
  const auto lease =
      std::make_shared<ViewLease>(std::move(state), view->definition().RowColumns().size());
  SV_ASSIGN_OR_RETURN(request.lease, leases.Add(lease));
  if (!first) return Status::Ok();
  const Status begun = BeginRows(serving, request, leases, lease, *first, limits);
  if (!begun.ok()) leases.Release(request.lease);
  return begun;
}

Status ScanRows(const Serving& serving, Request& request, Leases& leases) {
  uint64_t number;
  ViewRange range;
  wire::PageLimits limits;
  SV_RETURN_IF_ERROR(TakeFields(request, &number, &range, &limits));
  SV_ASSIGN_OR_RETURN(const std::shared_ptr<ViewLease> lease, leases.Find<ViewLease>(number));
  return BeginRows(serving, request, leases, lease, range, limits);
}

Status ScanIndex(const Serving& serving, Request& request, Leases& leases) {
  uint64_t number;
  KeyRange keys;
  bool reverse;
  wire::PageLimits limits;
  SV_RETURN_IF_ERROR(TakeFields(request, &number, &keys, &reverse, &limits));
  SV_ASSIGN_OR_RETURN(const std::shared_ptr<ViewLease> lease, leases.Find<ViewLease>(number));
  // What lies before the keys of entries is the index's own.
  keys.lower = std::max(keys.lower, std::string(kFirstIndexKey));
  MutexLock use(lease->own_mutex);
  Page page(serving, request, limits);
  if (keys.empty()) {
    page.End(Status::Ok(), 0);
    return Status::Ok();
  }
  const std::unique_ptr<IndexCursor> cursor = lease->view->Scan(keys, reverse);
  for (; cursor->Valid() && !page.IsFull(); cursor->Next())
    page.Add(cursor->key(), cursor->value());
  page.End(cursor->status(), cursor->Valid() ? kMore : 0);
  return Status::Ok();
}

Status ListErrors(const Serving& serving, Request& request, View& view) {
  Seq after;
  uint64_t limit;
  SV_RETURN_IF_ERROR(TakeFields(request, &after, &limit));
  const size_t most = std::min<uint64_t>(limit, serving.page_rows);
  SV_ASSIGN_OR_RETURN(const std::vector<MapError> errors, view.ListErrors(after, most));
  Give(request, errors);
  return Status::Ok();
}

Status ReadChanges(const Serving& serving, Request& request, Leases& leases) {
  uint64_t number;
  std::string id;
  Seq first;
  wire::PageLimits limits;
  SV_RETURN_IF_ERROR(TakeFields(request, &number, &id, &first, &limits));
  std::shared_ptr<ChangesLease> lease;
  if (number == 0) {
    SV_ASSIGN_OR_RETURN(std::shared_ptr<View> view, serving.engine->FindView(id));
    SV_ASSIGN_OR_RETURN(std::unique_ptr<ViewChanges> changes, view->NewChanges());
    lease = std::make_shared<ChangesLease>(std::move(view), std::move(changes));
    SV_ASSIGN_OR_RETURN(request.lease, leases.Add(lease));
  } else {
    SV_ASSIGN_OR_RETURN(lease, leases.Find<ChangesLease>(number));
  }
  MutexLock use(lease->own_mutex);
  Page page(serving, request, limits);
  if (first == 0) {  // it was only to be made
    page.End(Status::Ok(), 0);
    return Status::Ok();
  }
  const std::unique_ptr<LogCursor> cursor =
      serving.engine->ScanLog({first, lease->view->checkpoint()});
  Status status;
  std::vector<ViewChange> changes;
  for (; cursor->Valid() && !page.IsFull(); cursor->Next()) {
    status = lease->changes->Read(cursor->entry(), &changes);
    if (!status.ok()) break;
    page.Add(cursor->entry().seq, changes);
  }
  page.End(status.ok() ? cursor->status() : status, 0);
  return Status::Ok();
}

}  // namespace

Status DoCatalog(const Serving& serving, Request& request) {
  std::string id, name;
  ViewDefinition definition;
  switch (request.op) {
    case Op::kCreateView: {
      SV_RETURN_IF_ERROR(TakeFields(request, &definition, &id));
      SV_ASSIGN_OR_RETURN(const std::shared_ptr<View> view,
                          serving.engine->CreateView(definition, id));
      Give(request, view->id(), view->definition());
      return Status::Ok();
    }
    case Op::kFindView: {
      SV_RETURN_IF_ERROR(TakeFields(request, &id));
      SV_ASSIGN_OR_RETURN(const std::shared_ptr<View> view, serving.engine->FindView(id));
      Give(request, view->id(), view->definition());
      return Status::Ok();
    }
    case Op::kListViews: {
      SV_RETURN_IF_ERROR(TakeFields(request));
      using Definitions = std::map<std::string, ViewDefinition>;
      SV_ASSIGN_OR_RETURN(const Definitions views, serving.engine->ListViews());
      Give(request, views);
      return Status::Ok();
    }
    case Op::kRenameView:
      SV_RETURN_IF_ERROR(TakeFields(request, &id, &name));
      return serving.engine->RenameView(id, name);
    case Op::kDropView:
      SV_RETURN_IF_ERROR(TakeFields(request, &id));
      return serving.engine->DropView(id);
    default:
      return Malformed();
  }
}

Status DoRead(const Serving& serving, Request& request, Leases& leases) {
  uint64_t number;
  switch (request.op) {
    case Op::kReadView:
      return ReadView(serving, request, leases);
    case Op::kScanRows:
      return ScanRows(serving, request, leases);
    case Op::kNextRows:
      return ContinueScan<RowsLease>(serving, request, leases, FillRows);
    case Op::kScanIndex:
      return ScanIndex(serving, request, leases);
    case Op::kMapFailedOn: {
      Seq seq;
      SV_RETURN_IF_ERROR(TakeFields(request, &number, &seq));
      SV_ASSIGN_OR_RETURN(const std::shared_ptr<ViewLease> lease, leases.Find<ViewLease>(number));
      MutexLock use(lease->own_mutex);
      SV_ASSIGN_OR_RETURN(const bool failed, lease->view->MapFailedOn(seq));
      Give(request, failed);
      return Status::Ok();
    }
    case Op::kNoteDamage: {
      std::string what;
      SV_RETURN_IF_ERROR(TakeFields(request, &number, &what));
      SV_ASSIGN_OR_RETURN(const std::shared_ptr<ViewLease> lease, leases.Find<ViewLease>(number));
      MutexLock use(lease->own_mutex);
      return lease->view->NoteDamage(what);
    }
    default:
      return Malformed();
  }
}

Status DoView(const Serving& serving, Request& request, Leases& leases) {
  if (request.op == Op::kViewChanges) return ReadChanges(serving, request, leases);
  std::string_view fields = request.fields;
  std::string id;
  if (!wire::Take(&fields, &id)) return Malformed();
  SV_ASSIGN_OR_RETURN(const std::shared_ptr<View> view, serving.engine->FindView(id));
  if (request.op == Op::kAdvance) {
    Seq seq;
    if (!wire::TakeWhole(fields, &seq)) return Malformed();
    SV_RETURN_IF_ERROR(CheckSeq(serving, seq));
    if (seq == kLatest) return Malformed();
    SV_ASSIGN_OR_RETURN(const Seq reached, view->AdvanceTo(seq, request.wait));
    Give(request, reached);
    return Status::Ok();
  }
  request.fields = fields;
  if (request.op == Op::kListErrors) return ListErrors(serving, request, *view);
  SV_RETURN_IF_ERROR(TakeFields(request));
  switch (request.op) {
    case Op::kCheckpoint:
      Give(request, view->checkpoint());
      return Status::Ok();
    case Op::kRebuild:
      return view->Rebuild(request.wait);
    case Op::kFlushView:
      return view->Flush();
    case Op::kOptimizeView:
      return view->Optimize(request.wait);
    case Op::kCheckView:
      return view->CheckIntegrity(request.wait);
    case Op::kViewStatus:
      Give(request, view->GetStatus());
      return Status::Ok();
    default:
      return Malformed();
  }
}

}  // namespace streamview
