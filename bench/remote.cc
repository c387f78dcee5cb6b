// A log used by its holder, and by another over a socket (in the same process, on another thread):
// what the way costs.

#include <benchmark/benchmark.h>

#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "core/engine_registry.h"
#include "core/remote/remote_engine.h"
#include "core/remote/server.h"
#include "core/session/session.h"

namespace streamview {
namespace {

constexpr int kDocuments = 100'000;
constexpr int kKeys = 10'000;

template <typename T>
T Must(Result<T> result) {
  if (!result.ok()) throw std::runtime_error(result.status().message());
  return *std::move(result);
}

std::string KeyOf(int64_t i) { return "key/" + std::to_string(i % kKeys); }

// A log with a view of one row a document, and both ways to it. Never closed.
class Bed {
 public:
  static Bed& Get() {
    static auto* const bed = new Bed;
    return *bed;
  }

  std::shared_ptr<Engine> engine(bool remote) const { return remote ? remote_ : local_; }
  std::shared_ptr<View> view(bool remote) const { return Must(engine(remote)->FindView(view_id_)); }

 private:
  Bed() {
    std::string directory = std::filesystem::temp_directory_path() / "streamview-bench-XXXXXX";
    if (mkdtemp(directory.data()) == nullptr) throw std::runtime_error("no directory");
    EngineOptions options;
    options.directory = directory + "/log";
    options.log_id = NewLogId();
    options.name = "events";
    local_ = Must(CreateEngine(options));
    ViewDefinition definition;
    definition.name = "by_key";
    definition.log_name = "events";
    definition.emit_path = "$.key";
    definition.value_path = "$.n";
    definition.columns = {"key", "value"};
    const std::shared_ptr<View> view = Must(local_->CreateView(definition));
    view_id_ = view->id();
    Fill();
    (void)Must(view->AdvanceTo(local_->Head(), WaitOptions()));
    server_ = Must(Server::New(local_, ServerOptions()));
    RemoteOptions remote_options;
    remote_options.connect = [this](const WaitOptions&) -> Result<Socket> {
      SV_ASSIGN_OR_RETURN(auto pair, Socket::NewPair());
      SV_RETURN_IF_ERROR(server_->Serve(std::move(pair.second)));
      return std::move(pair.first);
    };
    remote_ = Must(RemoteEngine::Open(remote_options, WaitOptions()));
  }
  void Fill() {
    Session session(local_);
    for (int i = 0; i < kDocuments; i++) {
      const std::string doc = "doc/" + std::to_string(i);
      const std::string json =
          R"({"key":")" + KeyOf(i * int64_t{7919}) + R"(","n":)" + std::to_string(i) + "}";
      (void)Must(session.Append(Value::Text(doc), Value::Text(json), WaitOptions()));
    }
    if (!session.Prepare(SyncMode::kOff).ok()) throw std::runtime_error("it cannot be filled");
    session.Commit();
  }

  std::shared_ptr<Engine> local_;
  std::string view_id_;
  std::unique_ptr<Server> server_;
  std::shared_ptr<Engine> remote_;
};

// A byte to another thread and back: what no request can be faster than.
void RoundTrip(benchmark::State& state) {
  auto pair = Must(Socket::NewPair());
  std::thread echo([&] {
    char byte;
    for (;;) {
      const Result<size_t> received = pair.second.Receive(&byte, 1, WaitOptions());
      if (!received.ok() || *received == 0) return;
      (void)pair.second.Send({&byte, 1}, WaitOptions());
    }
  });
  char byte = 'x';
  for (auto _ : state) {
    (void)pair.first.Send({&byte, 1}, WaitOptions());
    (void)pair.first.Receive(&byte, 1, WaitOptions());
  }
  pair.first.Shutdown();
  echo.join();
}
BENCHMARK(RoundTrip)->UseRealTime();

void Head(benchmark::State& state) {
  const auto engine = Bed::Get().engine(state.range(0) != 0);
  for (auto _ : state) benchmark::DoNotOptimize(engine->Head());
}
BENCHMARK(Head)->ArgName("remote")->Arg(0)->Arg(1)->UseRealTime();

// The ten rows of one key.
void LookUp(benchmark::State& state) {
  const bool remote = state.range(0) != 0;
  const auto view = Bed::Get().view(remote);
  int64_t i = 0;
  for (auto _ : state) {
    ViewRange range;
    range.equal.push_back(Value::Text(KeyOf(i += 7919)));
    const auto snapshot = Must(view->Read(0, WaitOptions(), &range));
    int rows = 0;
    for (auto cursor = snapshot->NewCursor(range); cursor->Valid(); cursor->Next()) rows++;
    if (rows != kDocuments / kKeys) state.SkipWithError("rows are missing");
  }
}
BENCHMARK(LookUp)->ArgName("remote")->Arg(0)->Arg(1)->UseRealTime();

// `rows` rows from the beginning of the view, with a look at each column.
void Scan(benchmark::State& state) {
  const auto view = Bed::Get().view(state.range(0) != 0);
  for (auto _ : state) {
    const ViewRange all;
    const auto snapshot = Must(view->Read(0, WaitOptions(), &all));
    int64_t rows = 0;
    for (auto c = snapshot->NewCursor(all); c->Valid() && rows < state.range(1); c->Next()) {
      benchmark::DoNotOptimize(c->column(0));
      benchmark::DoNotOptimize(c->column(1));
      rows++;
    }
    if (rows != state.range(1)) state.SkipWithError("rows are missing");
  }
  state.SetItemsProcessed(state.iterations() * state.range(1));
}
BENCHMARK(Scan)
    ->ArgNames({"remote", "rows"})
    ->ArgsProduct({{0, 1}, {1000, kDocuments}})
    ->UseRealTime();

void ScanLog(benchmark::State& state) {
  const auto engine = Bed::Get().engine(state.range(0) != 0);
  int64_t entries = 0;
  for (auto _ : state) {
    for (auto c = engine->ScanLog({1, kDocuments}); c->Valid(); c->Next()) entries++;
  }
  state.SetItemsProcessed(entries);
}
BENCHMARK(ScanLog)->ArgName("remote")->Arg(0)->Arg(1)->UseRealTime();

// A transaction of `entries` entries.
void Append(benchmark::State& state) {
  Session session(Bed::Get().engine(state.range(0) != 0));
  const std::string json = R"({"pad":")" + std::string(190, 'x') + R"("})";
  for (auto _ : state) {
    for (int64_t i = 0; i < state.range(1); i++) {
      (void)Must(session.Append(Value(), Value::Text(json), WaitOptions()));
    }
    if (!session.Prepare(SyncMode::kOff).ok()) state.SkipWithError("it cannot be prepared");
    session.Commit();
  }
  state.SetItemsProcessed(state.iterations() * state.range(1));
}
BENCHMARK(Append)->ArgNames({"remote", "entries"})->ArgsProduct({{0, 1}, {1, 1000}})->UseRealTime();

}  // namespace
}  // namespace streamview
