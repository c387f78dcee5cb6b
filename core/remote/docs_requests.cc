// Requests about documents.

#include <memory>
#include <optional>
#include <utility>

#include "core/remote/page.h"
#include "core/remote/request.h"

namespace streamview {

namespace {

using wire::Op;

void FillDocs(DocCursorLease& scan, Page& page) {
  DocCursor& cursor = *scan.cursor;
  for (; cursor.Valid() && !page.IsFull(); cursor.Next()) {
    page.Add(cursor.key(), cursor.seq());
    if (scan.with_documents) page.ExtendByResult(cursor.ReadEntry());
  }
}

void FillHistory(HistoryLease& scan, Page& page) { FillPage(*scan.cursor, page); }

Status BeginDocs(const Serving& serving, const Request& request, Leases& leases,
                 const std::shared_ptr<DocsLease>& docs, const DocRange& range,
                 const wire::PageLimits& limits) {
  MutexLock use(docs->own_mutex);
  const auto scan =
      std::make_shared<DocCursorLease>(docs, docs->docs->NewCursor(range), range.with_entries);
  return BeginScan(serving, request, leases, scan, limits, FillDocs).status();
}

Status ReadDocs(const Serving& serving, Request& request, Leases& leases) {
  Seq seq;
  bool exactly;
  std::optional<DocRange> first;
  wire::PageLimits limits;
  SV_RETURN_IF_ERROR(TakeFields(request, &seq, &exactly, &first, &limits));
  SV_RETURN_IF_ERROR(CheckSeq(serving, seq));
  if (exactly && seq == kLatest) return Malformed();
  using Snapshot = std::shared_ptr<const DocsSnapshot>;
  SV_ASSIGN_OR_RETURN(Snapshot snapshot, exactly ? serving.engine->ReadDocsAsOf(seq, request.wait)
                                                 : serving.engine->ReadDocs(seq, request.wait));
  Give(request, snapshot->seq());
  const auto docs = std::make_shared<DocsLease>(std::move(snapshot));
  SV_ASSIGN_OR_RETURN(request.lease, leases.Add(docs));
  if (!first) return Status::Ok();
  const Status begun = BeginDocs(serving, request, leases, docs, *first, limits);
  if (!begun.ok()) leases.Release(request.lease);
  return begun;
}

Status ScanDocs(const Serving& serving, Request& request, Leases& leases) {
  uint64_t number;
  DocRange range;
  wire::PageLimits limits;
  SV_RETURN_IF_ERROR(TakeFields(request, &number, &range, &limits));
  SV_ASSIGN_OR_RETURN(const std::shared_ptr<DocsLease> docs, leases.Find<DocsLease>(number));
  return BeginDocs(serving, request, leases, docs, range, limits);
}

Status ScanHistory(const Serving& serving, Request& request, Leases& leases) {
  ValueView key;
  wire::PageLimits limits;
  SV_RETURN_IF_ERROR(TakeFields(request, &key, &limits));
  SV_ASSIGN_OR_RETURN(std::unique_ptr<LogCursor> cursor,
                      serving.engine->ScanHistory(key, request.wait));
  const auto scan = std::make_shared<HistoryLease>(std::move(cursor));
  MutexLock use(scan->mutex());
  SV_ASSIGN_OR_RETURN(request.lease,
                      BeginScan(serving, request, leases, scan, limits, FillHistory));
  return Status::Ok();
}

}  // namespace

Status DoDocs(const Serving& serving, Request& request, Leases& leases) {
  switch (request.op) {
    case Op::kReadDocs:
      return ReadDocs(serving, request, leases);
    case Op::kScanDocs:
      return ScanDocs(serving, request, leases);
    case Op::kNextDocs:
      return ContinueScan<DocCursorLease>(serving, request, leases, FillDocs);
    case Op::kFindVersion: {
      ValueView key;
      Seq at;
      SV_RETURN_IF_ERROR(TakeFields(request, &key, &at));
      SV_RETURN_IF_ERROR(CheckSeq(serving, at));
      SV_ASSIGN_OR_RETURN(const DocVersion version,
                          serving.engine->FindVersion(key, at, request.wait));
      Give(request, version);
      return Status::Ok();
    }
    case Op::kScanHistory:
      return ScanHistory(serving, request, leases);
    case Op::kNextHistory:
      return ContinueScan<HistoryLease>(serving, request, leases, FillHistory);
    default:
      return Malformed();
  }
}

}  // namespace streamview
