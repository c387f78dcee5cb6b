#include "core/remote/remote_engine.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/codec/record.h"
#include "core/remote/remote_cursor.h"
#include "core/remote/remote_transaction.h"
#include "core/remote/remote_view.h"

namespace streamview {

namespace {

// An entry that is larger does not go with one message.
constexpr size_t kMaxBytesAtOnce = wire::kMaxRequestBytes - (64u << 10) - kMaxKeyBytes;

}  // namespace

Result<std::unique_ptr<RemoteEngine>> RemoteEngine::Open(const RemoteOptions& options,
                                                         const WaitOptions& wait) {
  SV_ASSIGN_OR_RETURN(std::shared_ptr<Client> client, Client::Open(options, wait));
  return std::unique_ptr<RemoteEngine>(new RemoteEngine(std::move(client), options.mapper_factory));
}

Result<wire::TransactionState> RemoteEngine::FindTransaction(const std::string& token,
                                                             const WaitOptions& wait) {
  SV_ASSIGN_OR_RETURN(const Answer answer, client_->Call(wire::Op::kTransactionState, wait, token));
  wire::TransactionState state;
  SV_RETURN_IF_ERROR(Client::Decode(answer, &state));
  return state;
}

// --- the log

Seq RemoteEngine::Head() const {
  (void)client_->Call(wire::Op::kHead, WaitOptions());  // each answer says it
  return client_->known_head();
}

std::unique_ptr<Transaction> RemoteEngine::Begin() {
  return std::make_unique<RemoteTransaction>(client_);
}

Result<Seq> RemoteEngine::AppendNow(const ValueView& key, const ValueView& value, SyncMode sync,
                                    const WaitOptions& wait) {
  SV_RETURN_IF_ERROR(CheckKey(key));
  if (value.bytes().size() > kMaxBytesAtOnce) return AppendLarge(key, value, sync, wait);
  SV_ASSIGN_OR_RETURN(const Answer answer,
                      client_->Call(wire::Op::kAppendNow, wait, key, value, sync));
  Seq seq;
  SV_RETURN_IF_ERROR(Client::Decode(answer, &seq));
  return seq;
}

Result<Seq> RemoteEngine::AppendLarge(const ValueView& key, const ValueView& value, SyncMode sync,
                                      const WaitOptions& wait) {
  RemoteTransaction transaction(client_);
  SV_ASSIGN_OR_RETURN(const LogEnd end, transaction.TakeTurn(wait));
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  std::string record;
  AppendRecord(&record, std::max<int64_t>(now.count(), end.time_ms), key, value);
  const Records records = {std::make_shared<const std::string>(std::move(record))};
  SV_RETURN_IF_ERROR(transaction.Prepare(records, sync, ""));
  SV_RETURN_IF_ERROR(transaction.Commit());
  return end.seq + 1;
}

std::unique_ptr<LogCursor> RemoteEngine::ScanLog(const LogRange& range, Seq* head) {
  return NewRemoteLogCursor(client_, range, head);
}

Status RemoteEngine::WaitForHead(Seq seq, const WaitOptions& wait) {
  return client_->Call(wire::Op::kWaitForHead, wait, seq).status();
}

Status RemoteEngine::FlushLog() {
  return client_->Call(wire::Op::kFlushLog, WaitOptions()).status();
}

Status RemoteEngine::OptimizeLog() {
  return client_->Call(wire::Op::kOptimizeLog, WaitOptions()).status();
}

Status RemoteEngine::CheckIntegrity(const WaitOptions& wait) {
  return client_->Call(wire::Op::kCheckLog, wait).status();
}

// Committed entries are mapped by the holder, and those that are not by this process: if the two
// differ, so may the rows.
std::string RemoteEngine::CompareHosts(int64_t holder_pid) const {
  const std::string& theirs = client_->holder().host;
  const std::string& own = client_->host();
  if (theirs == own || theirs.empty() || own.empty()) return "";
  return "process " + std::to_string(holder_pid) +
         ", which holds the log and maps its entries, has " + theirs + ", and this one " + own +
         ": maps may give other rows here";
}

LogStatus RemoteEngine::GetLogStatus() const {
  const Result<Answer> answer = client_->Call(wire::Op::kLogStatus, WaitOptions());
  LogStatus status;
  Status read = answer.status();
  if (read.ok()) read = Client::Decode(*answer, &status);
  if (read.ok()) {
    status.note = CompareHosts(status.holder);
    return status;
  }
  LogStatus unknown;
  unknown.id = id();
  unknown.head = client_->known_head();
  unknown.background_error = read.message();
  return unknown;
}

Result<Seq> RemoteEngine::Backup(const std::string& directory, const WaitOptions& wait) {
  SV_ASSIGN_OR_RETURN(const Answer answer, client_->Call(wire::Op::kBackup, wait, directory));
  Seq head;
  SV_RETURN_IF_ERROR(Client::Decode(answer, &head));
  return head;
}

// --- documents

Result<std::shared_ptr<const DocsSnapshot>> RemoteEngine::ReadDocs(Seq at_least,
                                                                   const WaitOptions& wait,
                                                                   const DocRange* first) {
  return ReadRemoteDocs(client_, at_least, /*exactly=*/false, first, wait);
}

Result<std::shared_ptr<const DocsSnapshot>> RemoteEngine::ReadDocsAsOf(Seq as_of,
                                                                       const WaitOptions& wait) {
  return ReadRemoteDocs(client_, as_of, /*exactly=*/true, nullptr, wait);
}

Result<DocVersion> RemoteEngine::FindVersion(const ValueView& key, Seq at,
                                             const WaitOptions& wait) {
  SV_ASSIGN_OR_RETURN(const Answer answer,
                      client_->Call(wire::Op::kFindVersion, wait, wire::Shortened(key), at));
  DocVersion version;
  SV_RETURN_IF_ERROR(Client::Decode(answer, &version));
  return version;
}

Result<std::unique_ptr<LogCursor>> RemoteEngine::ScanHistory(const ValueView& key,
                                                             const WaitOptions& wait) {
  return NewRemoteHistoryCursor(client_, key, wait);
}

// --- views

Result<std::shared_ptr<View>> RemoteEngine::ToView(const Answer& answer) {
  std::string id;
  ViewDefinition definition;
  SV_RETURN_IF_ERROR(Client::Decode(answer, &id, &definition));
  MutexLock lock(mutex_);
  std::shared_ptr<View>& view = views_[id];
  if (view == nullptr) {
    view = std::make_shared<RemoteView>(client_, std::move(id), std::move(definition),
                                        mapper_factory_);
  }
  return view;
}

Result<std::shared_ptr<View>> RemoteEngine::CreateView(const ViewDefinition& definition,
                                                       const std::string& view_id) {
  SV_RETURN_IF_ERROR(definition.Validate());
  SV_ASSIGN_OR_RETURN(const Answer answer,
                      client_->Call(wire::Op::kCreateView, WaitOptions(), definition, view_id));
  return ToView(answer);
}

Result<std::shared_ptr<View>> RemoteEngine::FindView(const std::string& view_id) {
  SV_ASSIGN_OR_RETURN(const Answer answer,
                      client_->Call(wire::Op::kFindView, WaitOptions(), view_id));
  return ToView(answer);
}

Result<std::map<std::string, ViewDefinition>> RemoteEngine::ListViews() const {
  SV_ASSIGN_OR_RETURN(const Answer answer, client_->Call(wire::Op::kListViews, WaitOptions()));
  std::map<std::string, ViewDefinition> views;
  SV_RETURN_IF_ERROR(Client::Decode(answer, &views));
  return views;
}

Status RemoteEngine::RenameView(const std::string& view_id, const std::string& name) {
  return client_->Call(wire::Op::kRenameView, WaitOptions(), view_id, name).status();
}

Status RemoteEngine::DropView(const std::string& view_id) {
  {
    MutexLock lock(mutex_);
    views_.erase(view_id);
  }
  return client_->Call(wire::Op::kDropView, WaitOptions(), view_id).status();
}

}  // namespace streamview
