// Requests that read the log, or are about it as a whole.

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "core/remote/page.h"
#include "core/remote/request.h"

namespace streamview {

namespace {

using wire::Op;

Status ReadLog(const Serving& serving, Request& request) {
  LogRange range;
  wire::PageLimits limits;
  SV_RETURN_IF_ERROR(TakeFields(request, &range, &limits));
  // Up to where the pages that follow may read, so that all are of one time.
  range.last = std::min(range.last, serving.engine->Head());
  Give(request, range.last);
  Page page(serving, request, limits);
  const std::unique_ptr<LogCursor> cursor = serving.engine->ScanLog(range);
  FillPage(*cursor, page);
  page.End(cursor->status(), cursor->Valid() ? kMore : 0);
  return Status::Ok();
}

Status ReadEntries(const Serving& serving, Request& request) {
  std::vector<Seq> seqs;
  SV_RETURN_IF_ERROR(TakeFields(request, &seqs));
  Page page(serving, request, {serving.page_rows, serving.page_bytes});
  for (const Seq seq : seqs) {
    if (page.IsFull()) break;
    const std::unique_ptr<LogCursor> cursor = serving.engine->ScanLog({seq, seq});
    if (cursor->Valid()) {
      page.Add(cursor->entry());
      continue;
    }
    const Status status = cursor->status();
    page.End(
        status.ok() ? Status::Corruption("the log has no entry " + std::to_string(seq)) : status,
        0);
    return Status::Ok();
  }
  page.End(Status::Ok(), 0);
  return Status::Ok();
}

// It writes where its client may not be allowed to.
Status Backup(const Serving& serving, Request& request) {
  std::string directory;
  SV_RETURN_IF_ERROR(TakeFields(request, &directory));
  if (!directory.starts_with('/')) return Malformed();
  if (!request.same_user) {
    return Status::CannotOpen(directory +
                              ": the process that holds the log is of another user, and makes no "
                              "backup for this one");
  }
  SV_ASSIGN_OR_RETURN(const Seq head, serving.engine->Backup(directory, request.wait));
  Give(request, head);
  return Status::Ok();
}

}  // namespace

Status DoLog(const Serving& serving, Request& request) {
  switch (request.op) {
    case Op::kReadLog:
      return ReadLog(serving, request);
    case Op::kReadEntries:
      return ReadEntries(serving, request);
    case Op::kWaitForHead: {
      Seq seq;
      SV_RETURN_IF_ERROR(TakeFields(request, &seq));
      return serving.engine->WaitForHead(seq, request.wait);
    }
    case Op::kFlushLog:
      SV_RETURN_IF_ERROR(TakeFields(request));
      return serving.engine->FlushLog();
    case Op::kOptimizeLog:
      SV_RETURN_IF_ERROR(TakeFields(request));
      return serving.engine->OptimizeLog();
    case Op::kCheckLog:
      SV_RETURN_IF_ERROR(TakeFields(request));
      return serving.engine->CheckIntegrity(request.wait);
    case Op::kLogStatus:
      SV_RETURN_IF_ERROR(TakeFields(request));
      Give(request, serving.engine->GetLogStatus());
      return Status::Ok();
    case Op::kBackup:
      return Backup(serving, request);
    default:
      return Malformed();
  }
}

}  // namespace streamview
