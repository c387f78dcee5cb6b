#include "core/remote/service.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/codec/index_entry.h"
#include "core/codec/record.h"
#include "core/codec/varint.h"

namespace streamview {

namespace {

using wire::Op;

// Of a request that cannot be taken apart, or asks for what no client of ours asks for.
Status Malformed() { return Status::InvalidArgument("the request is not understood"); }

template <typename... Ts>
Status Take(const Request& request, Ts*... fields) {
  return wire::TakeWhole(request.fields, fields...) ? Status::Ok() : Malformed();
}

template <typename... Ts>
void Give(Request& request, const Ts&... fields) {
  wire::PutAll(request.answer, fields...);
}

// The rows of an answer (docs/format.md): the number of the cursor to go on with; each row behind a
// 1; a 0, and why they end.
class Page {
 public:
  Page(std::string* dst, const wire::PageLimits& limits)
      : dst_(dst), limits_(limits), begin_(dst->size()) {
    AppendBigEndian64(dst_, 0);
  }

  bool IsFull() const { return rows_ >= limits_.rows || dst_->size() - begin_ >= limits_.bytes; }
  template <typename... Ts>
  void Add(const Ts&... fields) {
    wire::PutAll(dst_, true, fields...);
    rows_++;
  }
  // `cursor`: 0, where there is no more.
  void End(const Status& status, uint64_t cursor) {
    wire::PutAll(dst_, false, status);
    std::string number;
    AppendBigEndian64(&number, cursor);
    dst_->replace(begin_, number.size(), number);
  }

 private:
  std::string* const dst_;
  const wire::PageLimits limits_;
  const size_t begin_;
  uint64_t rows_ = 0;
};

// Of pages that are found again without a cursor of the holder's.
constexpr uint64_t kMore = 1;

// What was read, or why it could not be.
template <typename T>
void PutResult(std::string* dst, const Result<T>& result) {
  wire::Put(dst, result.status());
  if (result.ok()) wire::Put(dst, *result);
}

void AddRow(ViewCursor& cursor, size_t columns, bool with_documents, Page& page,
            std::string* answer) {
  page.Add(uint64_t{columns});
  for (size_t i = 0; i < columns; i++) wire::Put(answer, cursor.column(i));
  wire::PutAll(answer, cursor.doc_id(), cursor.seq());
  AppendBigEndian64(answer, static_cast<uint64_t>(cursor.row_id()));
  if (with_documents) PutResult(answer, cursor.ReadDocument());
}

void FillPage(ViewCursor& cursor, size_t columns, bool with_documents, Page& page,
              std::string* answer) {
  for (; cursor.Valid() && !page.IsFull(); cursor.Next()) {
    const size_t before = answer->size();
    AddRow(cursor, columns, with_documents, page, answer);
    if (cursor.Valid()) continue;
    answer->resize(before);  // a column could not be read: the page ends with the reason
    return;
  }
}

void FillPage(DocCursor& cursor, bool with_entries, Page& page, std::string* answer) {
  for (; cursor.Valid() && !page.IsFull(); cursor.Next()) {
    page.Add(cursor.key(), cursor.seq());
    if (with_entries) PutResult(answer, cursor.ReadEntry());
  }
}

void FillPage(LogCursor& cursor, Page& page) {
  for (; cursor.Valid() && !page.IsFull(); cursor.Next()) page.Add(cursor.entry());
}

// Whether records can be appended behind `end`: what Transaction::Prepare requires.
Status CheckRecord(const std::string& record, LogEnd* end) {
  Entry entry;
  SV_RETURN_IF_ERROR(CheckNumber(end->seq + 1));
  if (!DecodeRecord(record, end->seq + 1, &entry).ok()) return Malformed();
  SV_RETURN_IF_ERROR(CheckKey(entry.key));
  if (entry.time_ms < end->time_ms || entry.continues) return Malformed();
  *end = {entry.seq, entry.time_ms};
  return Status::Ok();
}

}  // namespace

wire::PageLimits Service::Limited(const wire::PageLimits& limits) const {
  return {std::clamp<uint64_t>(limits.rows, 1, limits_.page_rows),
          std::clamp<uint64_t>(limits.bytes, 1, limits_.page_bytes)};
}

Status Service::CheckSeq(Seq seq) const {
  if (seq == kLatest || seq <= engine_->Head()) return Status::Ok();
  return Status::Misuse("the log has no entry " + std::to_string(seq));
}

Status Service::Do(Request& request, Leases& leases) const {
  const auto kind = [](Op op) { return static_cast<uint8_t>(op) / 16; };
  const int asked = kind(request.op);
  if (asked == kind(Op::kHead)) return DoWrite(request, leases);
  if (asked == kind(Op::kReadLog)) return DoLog(request);
  if (asked == kind(Op::kReadDocs)) return DoDocs(request, leases);
  if (asked == kind(Op::kCreateView)) return DoCatalog(request);
  if (asked == kind(Op::kReadView)) return DoRead(request, leases);
  if (asked == kind(Op::kAdvance)) return DoView(request, leases);
  return Malformed();
}

// --- what writes

Status Service::DoWrite(Request& request, Leases& leases) const {
  switch (request.op) {
    case Op::kHead:
      return Take(request);  // each answer has it
    case Op::kTakeTurn:
      return TakeTurn(request, leases);
    case Op::kUpload:
      return Upload(request, leases);
    case Op::kPrepare:
      return Prepare(request, leases);
    case Op::kCommit:
    case Op::kRollback:
      return End(request, leases);
    case Op::kAbandon: {
      uint64_t number;
      SV_RETURN_IF_ERROR(Take(request, &number));
      SV_ASSIGN_OR_RETURN(const std::shared_ptr<TransactionLease> lease,
                          leases.Find<TransactionLease>(number));
      leases.Release(number);
      decisions_->Decide(lease, nullptr);
      return Status::Ok();
    }
    case Op::kTransactionState: {
      std::string token;
      SV_RETURN_IF_ERROR(Take(request, &token));
      Give(request, decisions_->StateOf(token));
      return Status::Ok();
    }
    case Op::kAppendNow:
      return AppendNow(request);
    default:
      return Malformed();
  }
}

Status Service::TakeTurn(Request& request, Leases& leases) const {
  SV_RETURN_IF_ERROR(Take(request));
  const auto lease = std::make_shared<TransactionLease>(engine_->Begin());
  MutexLock use(lease->own_mutex);
  SV_ASSIGN_OR_RETURN(lease->end, lease->transaction->TakeTurn(request.wait));
  Give(request, lease->end);
  SV_ASSIGN_OR_RETURN(request.lease, leases.Add(lease));
  return Status::Ok();
}

Status Service::Upload(Request& request, Leases& leases) const {
  uint64_t number;
  bool anew;
  std::vector<std::string_view> records;
  std::string_view tail;
  SV_RETURN_IF_ERROR(Take(request, &number, &anew, &records, &tail));
  SV_ASSIGN_OR_RETURN(const std::shared_ptr<TransactionLease> lease,
                      leases.Find<TransactionLease>(number));
  MutexLock use(lease->own_mutex);
  return lease->Add(anew, records, tail, limits_.transaction_bytes);
}

Status Service::Prepare(Request& request, Leases& leases) const {
  uint64_t number;
  bool anew;
  std::vector<std::string_view> records;
  SyncMode sync;
  std::string token;
  SV_RETURN_IF_ERROR(Take(request, &number, &anew, &records, &sync, &token));
  constexpr size_t kMaxTokenBytes = 1000;
  if (token.size() > kMaxTokenBytes) return Malformed();
  if (!token.empty() && !limits_.conditional) {
    return Status::Misuse("the process that holds the log cannot look into the database");
  }
  SV_ASSIGN_OR_RETURN(const std::shared_ptr<TransactionLease> lease,
                      leases.Find<TransactionLease>(number));
  MutexLock use(lease->own_mutex);
  SV_RETURN_IF_ERROR(lease->Add(anew, records, "", limits_.transaction_bytes));
  if (lease->transaction == nullptr || !lease->unfinished.empty()) return Malformed();
  LogEnd end = lease->end;
  for (const Record& record : lease->records) SV_RETURN_IF_ERROR(CheckRecord(*record, &end));
  lease->is_prepared = false;
  SV_RETURN_IF_ERROR(lease->transaction->Prepare(lease->records, sync, token));
  lease->is_prepared = true;
  lease->token = token;
  decisions_->Note(token, wire::TransactionState::kPrepared);
  return Status::Ok();
}

Status Service::End(Request& request, Leases& leases) const {
  uint64_t number;
  SV_RETURN_IF_ERROR(Take(request, &number));
  SV_ASSIGN_OR_RETURN(const std::shared_ptr<TransactionLease> lease,
                      leases.Find<TransactionLease>(number));
  MutexLock use(lease->own_mutex);
  const bool commits = request.op == Op::kCommit;
  if (lease->transaction == nullptr || (commits && !lease->is_prepared)) return Malformed();
  // Before others can append: whoever finds it ended finds out how.
  decisions_->Note(
      lease->is_prepared ? lease->token : "",
      commits ? wire::TransactionState::kCommitted : wire::TransactionState::kRolledBack);
  const Status ended = commits ? lease->transaction->Commit() : lease->transaction->Rollback();
  lease->transaction.reset();
  leases.Release(number);
  return ended;
}

Status Service::AppendNow(Request& request) const {
  ValueView key, value;
  SyncMode sync;
  SV_RETURN_IF_ERROR(Take(request, &key, &value, &sync));
  SV_ASSIGN_OR_RETURN(const Seq seq, engine_->AppendNow(key, value, sync, request.wait));
  Give(request, seq);
  return Status::Ok();
}

// --- the log

Status Service::DoLog(Request& request) const {
  switch (request.op) {
    case Op::kReadLog:
      return ReadLog(request);
    case Op::kReadEntries:
      return ReadEntries(request);
    case Op::kWaitForHead: {
      Seq seq;
      SV_RETURN_IF_ERROR(Take(request, &seq));
      return engine_->WaitForHead(seq, request.wait);
    }
    case Op::kFlushLog:
      SV_RETURN_IF_ERROR(Take(request));
      return engine_->FlushLog();
    case Op::kOptimizeLog:
      SV_RETURN_IF_ERROR(Take(request));
      return engine_->OptimizeLog();
    case Op::kCheckLog:
      SV_RETURN_IF_ERROR(Take(request));
      return engine_->CheckIntegrity(request.wait);
    case Op::kLogStatus:
      SV_RETURN_IF_ERROR(Take(request));
      Give(request, engine_->GetLogStatus());
      return Status::Ok();
    case Op::kBackup:
      return Backup(request);
    default:
      return Malformed();
  }
}

Status Service::ReadLog(Request& request) const {
  LogRange range;
  wire::PageLimits limits;
  SV_RETURN_IF_ERROR(Take(request, &range, &limits));
  // Up to where the pages that follow may read, so that all are of one time.
  range.last = std::min(range.last, engine_->Head());
  Give(request, range.last);
  Page page(request.answer, Limited(limits));
  const std::unique_ptr<LogCursor> cursor = engine_->ScanLog(range);
  FillPage(*cursor, page);
  page.End(cursor->status(), cursor->Valid() ? kMore : 0);
  return Status::Ok();
}

Status Service::ReadEntries(Request& request) const {
  std::vector<Seq> seqs;
  SV_RETURN_IF_ERROR(Take(request, &seqs));
  Page page(request.answer, Limited({limits_.page_rows, limits_.page_bytes}));
  for (const Seq seq : seqs) {
    if (page.IsFull()) break;
    const std::unique_ptr<LogCursor> cursor = engine_->ScanLog({seq, seq});
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
Status Service::Backup(Request& request) const {
  std::string directory;
  SV_RETURN_IF_ERROR(Take(request, &directory));
  if (!directory.starts_with('/')) return Malformed();
  if (!request.same_user) {
    return Status::CannotOpen(directory +
                              ": the process that holds the log is of another user, and makes no "
                              "backup for this one");
  }
  SV_ASSIGN_OR_RETURN(const Seq head, engine_->Backup(directory, request.wait));
  Give(request, head);
  return Status::Ok();
}

// --- documents

Status Service::DoDocs(Request& request, Leases& leases) const {
  switch (request.op) {
    case Op::kReadDocs:
      return ReadDocs(request, leases);
    case Op::kScanDocs:
      return ScanDocs(request, leases);
    case Op::kNextDocs:
      return NextDocs(request, leases);
    case Op::kFindVersion: {
      ValueView key;
      Seq at;
      SV_RETURN_IF_ERROR(Take(request, &key, &at));
      SV_RETURN_IF_ERROR(CheckSeq(at));
      SV_ASSIGN_OR_RETURN(const DocVersion version, engine_->FindVersion(key, at, request.wait));
      Give(request, version);
      return Status::Ok();
    }
    case Op::kScanHistory:
      return ScanHistory(request, leases);
    case Op::kNextHistory:
      return NextHistory(request, leases);
    default:
      return Malformed();
  }
}

Status Service::ReadDocs(Request& request, Leases& leases) const {
  Seq seq;
  bool exactly;
  std::optional<DocRange> first;
  wire::PageLimits limits;
  SV_RETURN_IF_ERROR(Take(request, &seq, &exactly, &first, &limits));
  SV_RETURN_IF_ERROR(CheckSeq(seq));
  if (exactly && seq == kLatest) return Malformed();
  using Snapshot = std::shared_ptr<const DocsSnapshot>;
  SV_ASSIGN_OR_RETURN(Snapshot snapshot, exactly ? engine_->ReadDocsAsOf(seq, request.wait)
                                                 : engine_->ReadDocs(seq, request.wait));
  Give(request, snapshot->seq());
  const auto docs = std::make_shared<DocsLease>(std::move(snapshot));
  SV_ASSIGN_OR_RETURN(request.lease, leases.Add(docs));
  if (!first) return Status::Ok();
  const Status begun = BeginDocs(request, leases, docs, *first, limits);
  if (!begun.ok()) leases.Release(request.lease);
  return begun;
}

Status Service::ScanDocs(Request& request, Leases& leases) const {
  uint64_t number;
  DocRange range;
  wire::PageLimits limits;
  SV_RETURN_IF_ERROR(Take(request, &number, &range, &limits));
  SV_ASSIGN_OR_RETURN(const std::shared_ptr<DocsLease> docs, leases.Find<DocsLease>(number));
  return BeginDocs(request, leases, docs, range, limits);
}

Status Service::BeginDocs(Request& request, Leases& leases, const std::shared_ptr<DocsLease>& docs,
                          const DocRange& range, const wire::PageLimits& limits) const {
  MutexLock use(docs->own_mutex);
  std::unique_ptr<DocCursor> cursor = docs->docs->NewCursor(range);
  Page page(request.answer, Limited(limits));
  FillPage(*cursor, range.with_entries, page, request.answer);
  const Status status = cursor->status();
  uint64_t number = 0;
  if (cursor->Valid()) {
    SV_ASSIGN_OR_RETURN(number, leases.Add(std::make_shared<DocCursorLease>(docs, std::move(cursor),
                                                                            range.with_entries)));
  }
  page.End(status, number);
  return Status::Ok();
}

Status Service::NextDocs(Request& request, Leases& leases) const {
  uint64_t number;
  wire::PageLimits limits;
  SV_RETURN_IF_ERROR(Take(request, &number, &limits));
  SV_ASSIGN_OR_RETURN(const std::shared_ptr<DocCursorLease> lease,
                      leases.Find<DocCursorLease>(number));
  MutexLock use(lease->mutex());
  Page page(request.answer, Limited(limits));
  FillPage(*lease->cursor, lease->with_documents, page, request.answer);
  const bool more = lease->cursor->Valid();
  page.End(lease->cursor->status(), more ? number : 0);
  if (!more) leases.Release(number);
  return Status::Ok();
}

Status Service::ScanHistory(Request& request, Leases& leases) const {
  ValueView key;
  wire::PageLimits limits;
  SV_RETURN_IF_ERROR(Take(request, &key, &limits));
  SV_ASSIGN_OR_RETURN(std::unique_ptr<LogCursor> cursor, engine_->ScanHistory(key, request.wait));
  Page page(request.answer, Limited(limits));
  FillPage(*cursor, page);
  const Status status = cursor->status();
  if (cursor->Valid()) {
    SV_ASSIGN_OR_RETURN(request.lease,
                        leases.Add(std::make_shared<HistoryLease>(std::move(cursor))));
  }
  page.End(status, request.lease);
  return Status::Ok();
}

Status Service::NextHistory(Request& request, Leases& leases) const {
  uint64_t number;
  wire::PageLimits limits;
  SV_RETURN_IF_ERROR(Take(request, &number, &limits));
  SV_ASSIGN_OR_RETURN(const std::shared_ptr<HistoryLease> lease, leases.Find<HistoryLease>(number));
  MutexLock use(lease->own_mutex);
  Page page(request.answer, Limited(limits));
  FillPage(*lease->cursor, page);
  const bool more = lease->cursor->Valid();
  page.End(lease->cursor->status(), more ? number : 0);
  if (!more) leases.Release(number);
  return Status::Ok();
}

// --- views

Status Service::DoCatalog(Request& request) const {
  std::string id, name;
  ViewDefinition definition;
  switch (request.op) {
    case Op::kCreateView: {
      SV_RETURN_IF_ERROR(Take(request, &definition, &id));
      SV_ASSIGN_OR_RETURN(const std::shared_ptr<View> view, engine_->CreateView(definition, id));
      Give(request, view->id(), view->definition());
      return Status::Ok();
    }
    case Op::kFindView: {
      SV_RETURN_IF_ERROR(Take(request, &id));
      SV_ASSIGN_OR_RETURN(const std::shared_ptr<View> view, engine_->FindView(id));
      Give(request, view->id(), view->definition());
      return Status::Ok();
    }
    case Op::kListViews: {
      SV_RETURN_IF_ERROR(Take(request));
      using Definitions = std::map<std::string, ViewDefinition>;
      SV_ASSIGN_OR_RETURN(const Definitions views, engine_->ListViews());
      Give(request, views);
      return Status::Ok();
    }
    case Op::kRenameView:
      SV_RETURN_IF_ERROR(Take(request, &id, &name));
      return engine_->RenameView(id, name);
    case Op::kDropView:
      SV_RETURN_IF_ERROR(Take(request, &id));
      return engine_->DropView(id);
    default:
      return Malformed();
  }
}

Status Service::DoRead(Request& request, Leases& leases) const {
  uint64_t number;
  switch (request.op) {
    case Op::kReadView:
      return ReadView(request, leases);
    case Op::kScanRows:
      return ScanRows(request, leases);
    case Op::kNextRows:
      return NextRows(request, leases);
    case Op::kScanIndex:
      return ScanIndex(request, leases);
    case Op::kMapFailedOn: {
      Seq seq;
      SV_RETURN_IF_ERROR(Take(request, &number, &seq));
      SV_ASSIGN_OR_RETURN(const std::shared_ptr<ViewLease> lease, leases.Find<ViewLease>(number));
      MutexLock use(lease->own_mutex);
      SV_ASSIGN_OR_RETURN(const bool failed, lease->view->MapFailedOn(seq));
      Give(request, failed);
      return Status::Ok();
    }
    case Op::kNoteDamage: {
      std::string what;
      SV_RETURN_IF_ERROR(Take(request, &number, &what));
      SV_ASSIGN_OR_RETURN(const std::shared_ptr<ViewLease> lease, leases.Find<ViewLease>(number));
      MutexLock use(lease->own_mutex);
      return lease->view->NoteDamage(what);
    }
    default:
      return Malformed();
  }
}

Status Service::ReadView(Request& request, Leases& leases) const {
  std::string id;
  Seq at_least;
  std::optional<ViewRange> first;
  wire::PageLimits limits;
  SV_RETURN_IF_ERROR(Take(request, &id, &at_least, &first, &limits));
  SV_RETURN_IF_ERROR(CheckSeq(at_least));
  SV_ASSIGN_OR_RETURN(const std::shared_ptr<View> view, engine_->FindView(id));
  SV_ASSIGN_OR_RETURN(std::shared_ptr<const CommittedView> state,
                      view->Read(at_least, request.wait));
  Give(request, state->seq());
  const auto lease =
      std::make_shared<ViewLease>(std::move(state), view->definition().RowColumns().size());
  SV_ASSIGN_OR_RETURN(request.lease, leases.Add(lease));
  if (!first) return Status::Ok();
  const Status begun = BeginRows(request, leases, lease, *first, limits);
  if (!begun.ok()) leases.Release(request.lease);
  return begun;
}

Status Service::ScanRows(Request& request, Leases& leases) const {
  uint64_t number;
  ViewRange range;
  wire::PageLimits limits;
  SV_RETURN_IF_ERROR(Take(request, &number, &range, &limits));
  SV_ASSIGN_OR_RETURN(const std::shared_ptr<ViewLease> lease, leases.Find<ViewLease>(number));
  return BeginRows(request, leases, lease, range, limits);
}

Status Service::BeginRows(Request& request, Leases& leases, const std::shared_ptr<ViewLease>& view,
                          const ViewRange& range, const wire::PageLimits& limits) const {
  MutexLock use(view->own_mutex);
  std::unique_ptr<ViewCursor> cursor = view->view->NewCursor(range);
  Page page(request.answer, Limited(limits));
  FillPage(*cursor, view->columns, range.with_documents, page, request.answer);
  const Status status = cursor->status();
  uint64_t number = 0;
  if (cursor->Valid()) {
    SV_ASSIGN_OR_RETURN(number, leases.Add(std::make_shared<RowsLease>(view, std::move(cursor),
                                                                       range.with_documents)));
  }
  page.End(status, number);
  return Status::Ok();
}

Status Service::NextRows(Request& request, Leases& leases) const {
  uint64_t number;
  wire::PageLimits limits;
  SV_RETURN_IF_ERROR(Take(request, &number, &limits));
  SV_ASSIGN_OR_RETURN(const std::shared_ptr<RowsLease> lease, leases.Find<RowsLease>(number));
  MutexLock use(lease->mutex());
  Page page(request.answer, Limited(limits));
  FillPage(*lease->cursor, lease->snapshot->columns, lease->with_documents, page, request.answer);
  const bool more = lease->cursor->Valid();
  page.End(lease->cursor->status(), more ? number : 0);
  if (!more) leases.Release(number);
  return Status::Ok();
}

Status Service::ScanIndex(Request& request, Leases& leases) const {
  uint64_t number;
  KeyRange keys;
  bool reverse;
  wire::PageLimits limits;
  SV_RETURN_IF_ERROR(Take(request, &number, &keys, &reverse, &limits));
  SV_ASSIGN_OR_RETURN(const std::shared_ptr<ViewLease> lease, leases.Find<ViewLease>(number));
  // What lies before the keys of entries is the index's own.
  keys.lower = std::max(keys.lower, std::string(kFirstIndexKey));
  MutexLock use(lease->own_mutex);
  Page page(request.answer, Limited(limits));
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

Status Service::DoView(Request& request, Leases& leases) const {
  if (request.op == Op::kViewChanges) return ReadChanges(request, leases);
  std::string_view fields = request.fields;
  std::string id;
  if (!wire::Take(&fields, &id)) return Malformed();
  SV_ASSIGN_OR_RETURN(const std::shared_ptr<View> view, engine_->FindView(id));
  if (request.op == Op::kAdvance) {
    Seq seq;
    if (!wire::TakeWhole(fields, &seq)) return Malformed();
    SV_RETURN_IF_ERROR(CheckSeq(seq));
    if (seq == kLatest) return Malformed();
    SV_ASSIGN_OR_RETURN(const Seq reached, view->AdvanceTo(seq, request.wait));
    Give(request, reached);
    return Status::Ok();
  }
  request.fields = fields;
  if (request.op == Op::kListErrors) return ListErrors(request, *view);
  SV_RETURN_IF_ERROR(Take(request));
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

Status Service::ListErrors(Request& request, View& view) const {
  Seq after;
  uint64_t limit;
  SV_RETURN_IF_ERROR(Take(request, &after, &limit));
  const size_t most = std::min<uint64_t>(limit, limits_.page_rows);
  SV_ASSIGN_OR_RETURN(const std::vector<MapError> errors, view.ListErrors(after, most));
  Give(request, errors);
  return Status::Ok();
}

Status Service::ReadChanges(Request& request, Leases& leases) const {
  uint64_t number;
  std::string id;
  Seq first;
  wire::PageLimits limits;
  SV_RETURN_IF_ERROR(Take(request, &number, &id, &first, &limits));
  std::shared_ptr<ChangesLease> lease;
  if (number == 0) {
    SV_ASSIGN_OR_RETURN(std::shared_ptr<View> view, engine_->FindView(id));
    SV_ASSIGN_OR_RETURN(std::unique_ptr<ViewChanges> changes, view->NewChanges());
    lease = std::make_shared<ChangesLease>(std::move(view), std::move(changes));
    SV_ASSIGN_OR_RETURN(request.lease, leases.Add(lease));
  } else {
    SV_ASSIGN_OR_RETURN(lease, leases.Find<ChangesLease>(number));
  }
  MutexLock use(lease->own_mutex);
  Page page(request.answer, Limited(limits));
  if (first == 0) {  // it was only to be made
    page.End(Status::Ok(), 0);
    return Status::Ok();
  }
  const std::unique_ptr<LogCursor> cursor = engine_->ScanLog({first, lease->view->checkpoint()});
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

}  // namespace streamview
