// A process that holds a log, and a client that sends it anything at all: every request is answered
// or refused, without a crash and without an end that does not come.
//
// The input is what the client sends: messages (core/remote/frame.h), the requests of which begin
// with how long they may take.
//
// One engine serves all inputs, since to open one takes longer than all else by far: what would
// change it is checked by the service and then has no effect (FrozenEngine).

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/codec/record.h"
#include "core/local_engine.h"
#include "core/map/json_path_mapper.h"
#include "core/remote/frame.h"
#include "core/remote/service.h"
#include "core/remote/socket.h"
#include "tests/fuzz/fuzz_target.h"

namespace streamview::fuzz {
namespace {

// As much as a socket takes without a reader.
constexpr size_t kMaxInput = 60'000;

Result<std::unique_ptr<Mapper>> NewPathMapper(const ViewDefinition& definition) {
  if (definition.kind == MapKind::kJsonPath) return NewJsonPathMapper(definition);
  return Status::InvalidArgument("no SQL here");
}

// Takes a transaction as an engine would, and forgets it.
class FrozenTransaction final : public Transaction {
 public:
  explicit FrozenTransaction(LogEnd end) : end_(end) {}
  Result<LogEnd> TakeTurn(const WaitOptions& /*wait*/) override { return end_; }
  // What it REQUIRES is for the service to see to.
  Status Prepare(const Records& records, SyncMode /*sync*/, const std::string& token) override {
    LogEnd end = end_;
    for (const Record& record : records) {
      Entry entry;
      FUZZ_CHECK(DecodeRecord(*record, ++end.seq, &entry).ok());
      FUZZ_CHECK(CheckKey(entry.key).ok());
      FUZZ_CHECK(entry.time_ms >= end.time_ms && !entry.continues);
      end.time_ms = entry.time_ms;
    }
    FUZZ_CHECK(token.size() <= 1000);
    prepared_ = true;
    return Status::Ok();
  }
  Status Commit() override {
    FUZZ_CHECK(prepared_);
    return Status::Ok();
  }
  Status Rollback() override { return Status::Ok(); }
  void Abandon() override {}

 private:
  const LogEnd end_;
  bool prepared_ = false;
};

class FrozenState final : public CommittedView {
 public:
  explicit FrozenState(std::shared_ptr<const CommittedView> real) : real_(std::move(real)) {}
  Seq seq() const override { return real_->seq(); }
  std::unique_ptr<ViewCursor> NewCursor(const ViewRange& range) const override {
    return real_->NewCursor(range);
  }
  std::unique_ptr<IndexCursor> Scan(const KeyRange& keys, bool reverse) const override {
    FUZZ_CHECK(!keys.empty());
    return real_->Scan(keys, reverse);
  }
  Result<bool> MapFailedOn(Seq seq) const override { return real_->MapFailedOn(seq); }
  Status NoteDamage(const std::string& what) const override {
    return Status(StatusCode::kDamaged, what);
  }

 private:
  const std::shared_ptr<const CommittedView> real_;
};

class FrozenView final : public View {
 public:
  explicit FrozenView(std::shared_ptr<View> real) : real_(std::move(real)) {}
  const std::string& id() const override { return real_->id(); }
  ViewDefinition definition() const override { return real_->definition(); }
  Result<std::shared_ptr<const CommittedView>> Read(Seq at_least, const WaitOptions& wait,
                                                    const ViewRange* first) override {
    SV_ASSIGN_OR_RETURN(std::shared_ptr<const CommittedView> state,
                        real_->Read(at_least, wait, first));
    return std::shared_ptr<const CommittedView>(std::make_shared<FrozenState>(std::move(state)));
  }
  Result<Seq> AdvanceTo(Seq seq, const WaitOptions& wait) override {
    return real_->AdvanceTo(seq, wait);
  }
  Seq checkpoint() const override { return real_->checkpoint(); }
  Status Rebuild(const WaitOptions& /*wait*/) override { return Status::Ok(); }
  Status Flush() override { return Status::Ok(); }
  Status Optimize(const WaitOptions& /*wait*/) override { return Status::Ok(); }
  Status CheckIntegrity(const WaitOptions& wait) override { return real_->CheckIntegrity(wait); }
  Result<std::unique_ptr<Mapper>> NewMapper() override { return real_->NewMapper(); }
  Result<std::unique_ptr<ViewChanges>> NewChanges() override { return real_->NewChanges(); }
  ViewStatus GetStatus() const override { return real_->GetStatus(); }
  Result<std::vector<MapError>> ListErrors(Seq after, size_t limit) const override {
    return real_->ListErrors(after, limit);
  }

 private:
  const std::shared_ptr<View> real_;
};

// A log of three entries and one view, that stays as it is.
class FrozenEngine final : public Engine {
 public:
  FrozenEngine() {
    EngineOptions options;
    options.log_id = "0123456789abcdef0123456789abcdef";
    options.name = "events";
    options.mapper_factory = NewPathMapper;
    options.background = false;
    Result<std::unique_ptr<LocalEngine>> engine =
        LocalEngine::Open(options, /*create=*/true, Status::Ok());
    FUZZ_CHECK(engine.ok());
    real_ = *std::move(engine);
    ViewDefinition definition;
    definition.name = "tags";
    definition.log_name = "events";
    definition.emit_path = "$.t[*]";
    definition.columns = {"key", "value"};
    const auto view = real_->CreateView(definition, "v");
    FUZZ_CHECK(view.ok());
    for (const char* const json : {R"({"t":["a","b"]})", R"({"t":["a"]})", "no JSON"}) {
      FUZZ_CHECK(
          real_->AppendNow(ValueView::Text("d"), ValueView::Text(json), SyncMode::kOff, {}).ok());
    }
    view_ = std::make_shared<FrozenView>(*view);
    const auto last = real_->ScanLog({3, 3}, nullptr);
    FUZZ_CHECK(last->Valid());
    end_ = {3, last->entry().time_ms};
  }

  const std::string& id() const override { return real_->id(); }
  Seq Head() const override { return real_->Head(); }
  uint64_t epoch() const override { return real_->epoch(); }
  std::unique_ptr<Transaction> Begin() override {
    return std::make_unique<FrozenTransaction>(end_);
  }
  Result<Seq> AppendNow(const ValueView& key, const ValueView& /*value*/, SyncMode /*sync*/,
                        const WaitOptions& /*wait*/) override {
    SV_RETURN_IF_ERROR(CheckKey(key));
    return end_.seq + 1;
  }
  std::unique_ptr<LogCursor> ScanLog(const LogRange& range, Seq* head) override {
    return real_->ScanLog(range, head);
  }
  Status WaitForHead(Seq seq, const WaitOptions& wait) override {
    return real_->WaitForHead(seq, wait);
  }
  Status FlushLog() override { return Status::Ok(); }
  Status OptimizeLog() override { return Status::Ok(); }
  Status CheckIntegrity(const WaitOptions& wait) override { return real_->CheckIntegrity(wait); }
  LogStatus GetLogStatus() const override { return real_->GetLogStatus(); }
  Result<Seq> Backup(const std::string& directory, const WaitOptions& wait) override {
    return real_->Backup(directory, wait);  // of a log in memory: refused
  }
  Result<std::shared_ptr<const DocsSnapshot>> ReadDocs(Seq at_least, const WaitOptions& wait,
                                                       const DocRange* first) override {
    return real_->ReadDocs(at_least, wait, first);
  }
  Result<std::shared_ptr<const DocsSnapshot>> ReadDocsAsOf(Seq as_of,
                                                           const WaitOptions& wait) override {
    return real_->ReadDocsAsOf(as_of, wait);
  }
  Result<DocVersion> FindVersion(const ValueView& key, Seq at, const WaitOptions& wait) override {
    return real_->FindVersion(key, at, wait);
  }
  Result<std::unique_ptr<LogCursor>> ScanHistory(const ValueView& key,
                                                 const WaitOptions& wait) override {
    return real_->ScanHistory(key, wait);
  }
  Result<std::shared_ptr<View>> CreateView(const ViewDefinition& definition,
                                           const std::string& /*view_id*/) override {
    SV_RETURN_IF_ERROR(definition.Validate());
    SV_RETURN_IF_ERROR(NewPathMapper(definition).status());
    return std::shared_ptr<View>(view_);
  }
  Result<std::shared_ptr<View>> FindView(const std::string& view_id) override {
    SV_RETURN_IF_ERROR(real_->FindView(view_id).status());
    return std::shared_ptr<View>(view_);
  }
  Result<std::map<std::string, ViewDefinition>> ListViews() const override {
    return real_->ListViews();
  }
  Status RenameView(const std::string& view_id, const std::string& /*name*/) override {
    return real_->FindView(view_id).status();
  }
  Status DropView(const std::string& view_id) override { return real_->FindView(view_id).status(); }

 private:
  std::unique_ptr<LocalEngine> real_;
  std::shared_ptr<View> view_;
  LogEnd end_;
};

void Answer(const Service& service, Leases& leases, const Frame& frame) {
  Request request;
  std::string answer;
  uint64_t time;
  request.op = static_cast<wire::Op>(frame.type);
  request.fields = frame.body;
  request.answer = &answer;
  if (request.op == wire::Op::kRelease) {
    std::vector<uint64_t> numbers;
    if (!wire::TakeWhole(frame.body, &numbers)) return;
    for (const uint64_t number : numbers) leases.Release(number);
    return;
  }
  if (!wire::Take(&request.fields, &time)) return;
  request.wait.deadline = WaitOptions::Clock::now();  // nobody else does anything meanwhile
  const Status outcome = service.Do(request, leases);
  FUZZ_CHECK(outcome.code() != StatusCode::kCorruption);
  FUZZ_CHECK(answer.size() <= 1u << 20);
}

}  // namespace
}  // namespace streamview::fuzz

FUZZ_TARGET(remote_server) {
  using namespace streamview;
  // Never destroyed: it closes after static destructors.
  static auto* const engine = new fuzz::FrozenEngine;
  Decisions decisions([](const std::string&, bool) { return Result<bool>(true); });
  const Service service({engine, &decisions, 100, 10'000, 100'000, true});
  Result<std::pair<Socket, Socket>> pair = Socket::NewPair();
  FUZZ_CHECK(pair.ok());
  FUZZ_CHECK(pair->first.TrySend(input.TakeBytes(fuzz::kMaxInput)).ok());
  pair->first = Socket();
  Leases leases(20);
  FrameReader reader(&pair->second, wire::kMaxRequestBytes);
  for (Frame frame;;) {
    const Result<bool> next = reader.Next(&frame, WaitOptions());
    if (!next.ok() || !*next) break;
    fuzz::Answer(service, leases, frame);
  }
  for (const auto& orphan : leases.Clear()) decisions.Decide(orphan, nullptr);
}
