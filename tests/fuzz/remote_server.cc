// A process that holds a log, and a client that sends it anything at all: every request is answered
// or refused, without a crash and without an end that does not come.
//
// The input is what the client sends: messages (core/remote/frame.h), the requests of which begin
// with how long they may take.

#include <memory>
#include <string>

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

std::unique_ptr<LocalEngine> NewEngine() {
  EngineOptions options;
  options.log_id = "0123456789abcdef0123456789abcdef";
  options.name = "events";
  options.mapper_factory = NewPathMapper;
  options.background = false;
  Result<std::unique_ptr<LocalEngine>> engine =
      LocalEngine::Open(options, /*create=*/true, Status::Ok());
  FUZZ_CHECK(engine.ok());
  ViewDefinition definition;
  definition.name = "tags";
  definition.log_name = "events";
  definition.emit_path = "$.t[*]";
  definition.columns = {"key", "value"};
  FUZZ_CHECK((*engine)->CreateView(definition, "v").ok());
  for (const char* const json : {R"({"t":["a","b"]})", R"({"t":["a"]})", "no JSON"}) {
    const Result<Seq> appended = (*engine)->AppendNow(ValueView::Text("d"), ValueView::Text(json),
                                                      SyncMode::kOff, WaitOptions());
    FUZZ_CHECK(appended.ok());
  }
  return *std::move(engine);
}

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
  const std::unique_ptr<LocalEngine> engine = fuzz::NewEngine();
  Decisions decisions([](const std::string&, bool) { return Result<bool>(true); });
  const Service service({engine.get(), &decisions, 100, 10'000, 100'000, true});
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
