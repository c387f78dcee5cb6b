// A client of a process that answers anything at all: every call ends, with an error or with what
// can be looked at, without a crash.
//
// The input is the fields of the answers, one after the other: two bytes with the length of each,
// and the fields. What stands before them is as it should be.

#include <sys/socket.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/remote/frame.h"
#include "core/remote/remote_engine.h"
#include "core/remote/socket.h"
#include "tests/fuzz/fuzz_target.h"

namespace streamview::fuzz {
namespace {

constexpr size_t kMaxInput = 60'000;
constexpr int kMaxRows = 300;

// All that the holder ever says.
std::string Answers(Input& input) {
  std::string bytes;
  for (uint32_t id = 1; !input.empty() && bytes.size() < kMaxInput; id++) {
    const size_t size = size_t{input.TakeByte()} << 8 | input.TakeByte();
    OutgoingFrame answer(static_cast<uint8_t>(wire::Op::kAnswer));
    if (id == 1) {
      wire::PutAnswer(&answer.bytes, Status::Ok());
      wire::SetAnswer(answer.bytes.data() + kFrameHeaderBytes, 0, 3);
      wire::Hello hello;
      hello.session = "session";
      wire::Put(&answer.bytes, hello);
    } else {
      const uint64_t lease = input.TakeByte();
      wire::PutAnswer(&answer.bytes, Status::Ok());
      wire::SetAnswer(answer.bytes.data() + kFrameHeaderBytes, lease, 3);
    }
    if (id > 1) answer.bytes += input.TakeBytes(size % 4096);
    FUZZ_CHECK(answer.Finish(id, wire::kMaxAnswerBytes).ok());
    bytes += answer.bytes;
  }
  return bytes;
}

template <typename Cursor, typename Look>
void Follow(Cursor& cursor, Look look) {
  for (int n = 0; cursor.Valid() && n < kMaxRows; n++) {
    look(cursor);
    cursor.Next();
  }
  (void)cursor.status();
}

void ReadView(View& view) {
  ViewRange range;
  const auto snapshot = view.Read(kLatest, WaitOptions(), &range);
  const size_t columns = view.definition().RowColumns().size();
  if (snapshot.ok()) {
    Follow(*(*snapshot)->NewCursor(range), [](ViewCursor& row) { (void)row.ReadDocument(); });
    range.with_documents = true;
    Follow(*(*snapshot)->NewCursor(range), [columns](ViewCursor& row) {
      // The definition is another answer: it says nothing of the rows.
      if (columns > 0) (void)row.doc_id();
      (void)row.ReadDocument();
    });
    KeyRange keys;
    keys.lower = "\5";
    Follow(*(*snapshot)->Scan(keys, false), [](IndexCursor& entry) { (void)entry.key(); });
    (void)(*snapshot)->MapFailedOn(1);
  }
  (void)view.GetStatus();
  (void)view.ListErrors(0, 10);
  const auto changes = view.NewChanges();
  std::vector<ViewChange> changed;
  Entry entry;
  entry.seq = 1;
  if (changes.ok()) (void)(*changes)->Read(entry, &changed);
}

void Use(RemoteEngine& engine) {
  Follow(*engine.ScanLog({}), [](LogCursor& entry) { (void)entry.entry(); });
  const auto view = engine.FindView("v");
  if (view.ok()) ReadView(**view);
  DocRange range;
  const auto docs = engine.ReadDocs(kLatest, WaitOptions(), &range);
  if (docs.ok()) {
    Follow(*(*docs)->NewCursor(range), [](DocCursor& doc) { (void)doc.ReadEntry(); });
  }
  const auto history = engine.ScanHistory(ValueView::Text("d"), WaitOptions());
  if (history.ok()) Follow(**history, [](LogCursor& entry) { (void)entry.entry(); });
  (void)engine.FindVersion(ValueView::Text("d"), 1, WaitOptions());
  (void)engine.ListViews();
  (void)engine.GetLogStatus();
  const auto transaction = engine.Begin();
  if (transaction->TakeTurn(WaitOptions()).ok() &&
      transaction->Prepare({}, SyncMode::kOff, "").ok()) {
    (void)transaction->Commit();
  }
}

}  // namespace
}  // namespace streamview::fuzz

FUZZ_TARGET(remote_client) {
  using namespace streamview;
  const std::string answers = fuzz::Answers(input);
  RemoteOptions options;
  int fds[2];
  FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
  Socket holder(fds[1]);
  FUZZ_CHECK(holder.TrySend(answers).ok());
  FUZZ_CHECK(shutdown(fds[1], SHUT_WR) == 0);  // it goes on to take requests
  bool connected = false;
  options.connect = [&](const WaitOptions&) -> Result<Socket> {
    if (std::exchange(connected, true)) return Status::Lost("it takes no more connections");
    return Socket(fds[0]);
  };
  const Result<std::unique_ptr<RemoteEngine>> engine = RemoteEngine::Open(options, WaitOptions());
  if (engine.ok()) fuzz::Use(**engine);
}
