#include "core/remote/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <list>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "core/codec/record.h"
#include "core/engine_registry.h"
#include "core/remote/frame.h"
#include "core/remote/remote_engine.h"
#include "core/session/session.h"
#include "tests/core/engine_test_util.h"
#include "tests/core/remote_test_util.h"
#include "tests/ext/testing/seed.h"

namespace streamview {
namespace {

using ::testing::HasSubstr;
using wire::Op;
using Clock = WaitOptions::Clock;

// A client of its own making.
class RawClient {
 public:
  explicit RawClient(Socket socket) : socket_(std::move(socket)), reader_(&socket_, 64u << 20) {}

  Status SendBytes(std::string_view bytes) {
    WaitOptions wait;
    wait.deadline = Clock::now() + std::chrono::seconds(20);
    return socket_.Send(bytes, wait);
  }
  template <typename... Fields>
  Status Send(Op op, const Fields&... fields) {
    OutgoingFrame frame(static_cast<uint8_t>(op));
    wire::PutAll(&frame.bytes, fields...);
    SV_RETURN_IF_ERROR(frame.Finish(++id_, wire::kMaxAnswerBytes));
    return SendBytes(frame.bytes);
  }
  Status Hello(const wire::Hello& hello = {}) {
    SV_RETURN_IF_ERROR(Send(Op::kHello, uint64_t{0}, hello));
    return Answer();
  }
  // The outcome of the next answer; kLost: the server has ended the connection.
  Status Answer(std::string* fields = nullptr) {
    WaitOptions wait;
    wait.deadline = Clock::now() + std::chrono::seconds(20);
    for (Frame frame;;) {
      const Result<bool> next = reader_.Next(&frame, wait);
      SV_RETURN_IF_ERROR(next.status());
      if (!*next) return Status::Lost("ended");
      if (frame.type == static_cast<uint8_t>(Op::kHeartbeat)) continue;
      Seq head;
      Status outcome;
      std::string_view in = frame.body;
      if (!wire::TakeAnswer(&in, &lease, &head, &outcome)) return Status::Corruption("no answer");
      if (fields != nullptr) *fields = in;
      return outcome;
    }
  }
  template <typename... Fields>
  Status Ask(Op op, const Fields&... fields) {
    SV_RETURN_IF_ERROR(Send(op, uint64_t{0}, fields...));
    return Answer();
  }
  uint32_t id() const { return id_; }

  uint64_t lease = 0;  // of the last answer

 private:
  Socket socket_;
  FrameReader reader_;
  uint32_t id_ = 0;
};

class ServerTest : public EngineTest {
 protected:
  void Begin(ServerOptions options = {}) {
    Open();
    holder_.emplace(engine_, std::move(options));
  }
  void SetUp() override {
    if (IsRemote()) GTEST_SKIP() << "these have servers of their own";
  }
  ~ServerTest() override { holder_.reset(); }

  RawClient NewRaw() { return RawClient(holder_->NewConnection()); }
  RawClient Greeted() {
    RawClient client = NewRaw();
    EXPECT_OK(client.Hello());
    return client;
  }
  // Whether the log is served still.
  void ExpectServes() {
    const auto remote = holder_->Connect();
    const Seq seq =
        Must(remote->AppendNow(Value::Text("k"), Value::Text("{}"), SyncMode::kOff, WaitOptions()));
    EXPECT_EQ(remote->Head(), seq);
  }
  // Returns once the server has done with all connections but `left`.
  void AwaitConnections(size_t left) {
    const auto limit = Clock::now() + std::chrono::seconds(20);
    while (holder_->server().connections() > left) {
      ASSERT_LT(Clock::now(), limit);
      std::this_thread::yield();
    }
  }

  std::optional<Holder> holder_;
};

WaitOptions Within(std::chrono::milliseconds time) {
  WaitOptions wait;
  wait.deadline = Clock::now() + time;
  return wait;
}

// --- hostile clients

TEST_F(ServerTest, GarbageEndsItsConnectionAndNoOther) {
  ServerOptions options;
  options.max_clients_of_process = 100;  // one may end after the next has begun
  Begin(std::move(options));
  std::mt19937_64 random(testing::TestSeed());
  for (int round = 0; round < 200; round++) {
    RawClient client = round % 2 == 0 ? NewRaw() : Greeted();
    std::string bytes(1 + random() % 64, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    (void)client.SendBytes(bytes);
  }
  ExpectServes();
}

TEST_F(ServerTest, AnyRequestWithAnyFieldsIsAnswered) {
  Begin();
  CreateTags();
  Put("d", R"({"tags":["a"]})");
  std::mt19937_64 random(testing::TestSeed());
  RawClient client = Greeted();
  for (int round = 0; round < 4000; round++) {
    OutgoingFrame frame(static_cast<uint8_t>(16 + random() % 100));
    const bool waits_for_ever = frame.type() == static_cast<uint8_t>(Op::kWaitForHead) ||
                                frame.type() == static_cast<uint8_t>(Op::kTakeTurn);
    wire::Put(&frame.bytes, uint64_t{waits_for_ever ? 1u : 20u});
    for (size_t n = random() % 12; n > 0; n--) {
      frame.bytes += static_cast<char>(random() % 3 == 0 ? random() : random() % 4);
    }
    ASSERT_OK(frame.Finish(1, wire::kMaxRequestBytes));
    ASSERT_OK(client.SendBytes(frame.bytes));
    ASSERT_NE(client.Answer().code(), StatusCode::kLost) << "request " << int{frame.type()};
  }
  AwaitConnections(1);
}

TEST_F(ServerTest, AMessageThatIsTooLargeEndsItsConnection) {
  Begin();
  RawClient client = Greeted();
  EXPECT_OK(client.SendBytes(std::string("\x7f\xff\xff\xff\x10\0\0\0\1", 9)));
  EXPECT_EQ(client.Answer().code(), StatusCode::kLost);
  ExpectServes();
}

TEST_F(ServerTest, HalfAMessageHoldsNothingButItsConnection) {
  ServerOptions options;
  options.max_clients_of_process = 21;
  Begin(std::move(options));
  std::vector<RawClient> clients;
  for (int i = 0; i < 20; i++) {
    clients.push_back(Greeted());
    EXPECT_OK(clients.back().SendBytes(std::string("\0\x0f\0\0\x10", 5)));
  }
  ExpectServes();
  clients.clear();
  AwaitConnections(0);
}

TEST_F(ServerTest, WhoDoesNotSayHelloGetsNothing) {
  Begin();
  RawClient client = NewRaw();
  EXPECT_OK(client.Send(Op::kHead, uint64_t{0}));
  EXPECT_EQ(client.Answer().code(), StatusCode::kLost);
}

TEST_F(ServerTest, AClientHasALimitedNumberOfLeases) {
  ServerOptions options;
  options.max_leases = 50;
  Begin(std::move(options));
  const auto view = CreateTags();
  RawClient client = Greeted();
  const std::optional<ViewRange> none;
  Status status;
  int leases = 0;
  for (; leases < 1000 && status.ok(); leases++) {
    status = client.Ask(Op::kReadView, view->id(), Seq{0}, none, wire::PageLimits{1, 1});
  }
  EXPECT_EQ(leases, 51);
  EXPECT_EQ(status.code(), StatusCode::kBusy);
  ExpectServes();
  // It may go on with fewer.
  EXPECT_OK(client.Send(Op::kRelease, std::vector<uint64_t>{1, 2}));
  EXPECT_OK(client.Ask(Op::kReadView, view->id(), Seq{0}, none, wire::PageLimits{1, 1}));
}

TEST_F(ServerTest, TooManyClientsAreTold) {
  ServerOptions options;
  options.max_connections = 2;
  Begin(std::move(options));
  const RawClient first = Greeted(), second = Greeted();
  const Result<std::unique_ptr<RemoteEngine>> third =
      RemoteEngine::Open(holder_->options(), WaitOptions());
  EXPECT_EQ(third.status().code(), StatusCode::kBusy);
  EXPECT_THAT(third.status().message(), HasSubstr("too many clients"));
}

TEST_F(ServerTest, AProcessHasALimitedNumberOfConnectionsAndIsALimitedNumberOfClients) {
  ServerOptions options;
  options.max_clients_of_process = 2;
  options.max_connections_of_process = 3;
  Begin(std::move(options));
  std::list<RawClient> clients;
  clients.push_back(Greeted());
  clients.push_back(Greeted());
  const std::string own = "process " + std::to_string(getpid());
  RawClient further = NewRaw();
  const Status refused = further.Hello();
  EXPECT_EQ(refused.code(), StatusCode::kBusy);
  EXPECT_THAT(refused.message(), HasSubstr("serves " + own + " as 2 clients already"));
  AwaitConnections(2);
  clients.push_back(NewRaw());
  RawClient fourth = NewRaw();
  const Status too_many = fourth.Answer();
  EXPECT_EQ(too_many.code(), StatusCode::kBusy);
  EXPECT_THAT(too_many.message(), HasSubstr("has 3 connections of " + own + " already"));
  // It may go on with fewer.
  clients.pop_front();
  AwaitConnections(2);
  EXPECT_OK(NewRaw().Hello());
}

TEST_F(ServerTest, AllClientsTogetherHaveALimitedNumberOfLeases) {
  ServerOptions options;
  options.max_leases = 50;
  options.max_all_leases = 70;
  Begin(std::move(options));
  const auto view = CreateTags();
  const std::optional<ViewRange> none;
  const auto take = [&](RawClient& client) {
    int leases = 0;
    while (client.Ask(Op::kReadView, view->id(), Seq{0}, none, wire::PageLimits{1, 1}).ok()) {
      leases++;
    }
    return leases;
  };
  RawClient second = Greeted();
  {
    RawClient first = Greeted();
    EXPECT_EQ(take(first), 50);
    EXPECT_EQ(take(second), 20);
    EXPECT_OK(first.Send(Op::kRelease, std::vector<uint64_t>{1, 2, 3}));
    EXPECT_OK(first.Ask(Op::kHead));
    EXPECT_EQ(take(second), 3);
  }
  AwaitConnections(1);
  EXPECT_EQ(take(second), 27);
}

TEST_F(ServerTest, AClientThatNeverReadsIsCutOff) {
  ServerOptions options;
  options.send_time = std::chrono::milliseconds(100);
  Begin(std::move(options));
  for (int i = 0; i < 10; i++) Put("k" + std::to_string(i), std::string(500'000, 'x'));
  RawClient client = Greeted();
  Status status;
  const wire::PageLimits limits{1000, 1u << 20};
  for (int i = 0; i < 1000 && status.ok(); i++) {
    status = client.Send(Op::kReadLog, uint64_t{0}, LogRange{}, limits);
  }
  AwaitConnections(0);
  ExpectServes();
}

TEST_F(ServerTest, ATransactionHasALimitedSize) {
  ServerOptions options;
  options.max_transaction_bytes = 1u << 20;
  Begin(std::move(options));
  const auto remote = holder_->Connect();
  const std::string large(3u << 20, 'x');
  const Result<Seq> appended =
      remote->AppendNow(Value::Text("k"), Value::Text(large), SyncMode::kOff, WaitOptions());
  EXPECT_EQ(appended.status().code(), StatusCode::kConstraint);
  ExpectServes();
}

TEST_F(ServerTest, RecordsThatAreNoneAreRefused) {
  Begin();
  RawClient client = Greeted();
  ASSERT_OK(client.Ask(Op::kTakeTurn));
  const uint64_t turn = client.lease;
  std::string record, old;
  AppendRecord(&record, 1'700'000'000'000, Value::Text("k"), Value::Text("v"));
  AppendRecord(&old, 5, Value::Text("k"), Value::Text("v"));
  std::string goes_on = record;
  goes_on[0] = ContinuesMark(goes_on[0]);
  const std::string large_key(kMaxKeyBytes + 1, 'k');
  std::string of_large_key;
  AppendRecord(&of_large_key, 1'700'000'000'000, Value::Text(large_key), Value());
  const auto prepare = [&](const std::vector<std::string>& records) {
    return client.Ask(Op::kPrepare, turn, true, records, SyncMode::kOff, std::string());
  };
  EXPECT_EQ(prepare({"garbage"}).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(prepare({record, old}).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(prepare({goes_on}).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(prepare({of_large_key}).code(), StatusCode::kConstraint);
  EXPECT_EQ(client.Ask(Op::kCommit, turn).code(), StatusCode::kInvalidArgument);
  EXPECT_OK(prepare({record, record}));
  EXPECT_OK(client.Ask(Op::kCommit, turn));
  EXPECT_EQ(engine_->Head(), 2);
}

TEST_F(ServerTest, NothingIsReadPastTheHead) {
  Begin();
  const auto view = CreateTags();
  const auto remote = holder_->Connect();
  EXPECT_EQ(remote->ReadDocs(7, WaitOptions(), nullptr).status().code(), StatusCode::kMisuse);
  EXPECT_EQ(remote->ReadDocsAsOf(7, WaitOptions()).status().code(), StatusCode::kMisuse);
  EXPECT_EQ(Must(remote->FindView(view->id()))->AdvanceTo(7, WaitOptions()).status().code(),
            StatusCode::kMisuse);
}

// --- hello

TEST_F(ServerTest, BothSayWhatTheyAre) {
  ServerOptions options;
  options.host = "SQLite 3.46.0";
  Begin(std::move(options));
  const auto remote = holder_->Connect();
  EXPECT_EQ(remote->holder().host, "SQLite 3.46.0");
  EXPECT_EQ(remote->id(), engine_->id());
  EXPECT_EQ(remote->epoch(), engine_->epoch());
}

TEST_F(ServerTest, ANoteSaysThatTheHolderIsOfAnotherVersion) {
  ServerOptions options;
  options.host = "SQLite 3.46.0";
  Begin(std::move(options));
  RemoteOptions remote = holder_->options();
  for (const char* same : {"SQLite 3.46.0", ""}) {
    remote.host = same;
    EXPECT_EQ(Must(RemoteEngine::Open(remote, WaitOptions()))->GetLogStatus().note, "");
  }
  remote.host = "SQLite 3.40.1";
  EXPECT_EQ(Must(RemoteEngine::Open(remote, WaitOptions()))->GetLogStatus().note,
            "process " + std::to_string(getpid()) +
                ", which holds the log and maps its entries, has SQLite 3.46.0, and this one "
                "SQLite 3.40.1: maps may give other rows here");
  EXPECT_EQ(engine_->GetLogStatus().note, "");
}

TEST_F(ServerTest, WithoutACommonProtocolBothVersionsAreNamed) {
  Begin();
  RawClient client = NewRaw();
  wire::Hello hello;
  hello.oldest_protocol = 8;
  hello.newest_protocol = 9;
  hello.library = "7.6.5";
  const Status status = client.Hello(hello);
  EXPECT_EQ(status.code(), StatusCode::kCannotOpen);
  EXPECT_THAT(status.message(), HasSubstr("streamview 7.6.5, protocol 8 to 9"));
  EXPECT_THAT(status.message(), HasSubstr("protocol 1)"));
  EXPECT_EQ(client.Answer().code(), StatusCode::kLost);
}

TEST_F(ServerTest, AnotherLogIsToldOf) {
  Begin();
  RemoteOptions options = holder_->options();
  options.log_id = NewLogId();
  EXPECT_EQ(RemoteEngine::Open(options, WaitOptions()).status().code(), StatusCode::kCannotOpen);
}

// --- lost connections

TEST_F(ServerTest, OnceItIsLostEverythingSaysSo) {
  Begin();
  const auto view_id = CreateTags()->id();
  Put("d", R"({"tags":["a"]})");
  const auto remote = holder_->Connect();
  const auto view = Must(remote->FindView(view_id));
  const auto snapshot = Must(view->Read(1, WaitOptions()));
  const auto transaction = remote->Begin();
  Must(transaction->TakeTurn(WaitOptions()));
  ASSERT_OK(transaction->Prepare({}, SyncMode::kOff, ""));
  holder_->Stop();

  EXPECT_EQ(snapshot->NewCursor({})->status().code(), StatusCode::kLost);
  EXPECT_EQ(view->Read(1, WaitOptions()).status().code(), StatusCode::kLost);
  EXPECT_EQ(remote->ReadDocs(1, WaitOptions(), nullptr).status().code(), StatusCode::kLost);
  EXPECT_EQ(remote->ScanLog({})->status().code(), StatusCode::kLost);
  EXPECT_EQ(remote->WaitForHead(9, WaitOptions()).code(), StatusCode::kLost);
  EXPECT_EQ(transaction->Commit().code(), StatusCode::kLost);
  EXPECT_EQ(remote->Head(), 1);
  EXPECT_THAT(remote->GetLogStatus().background_error, HasSubstr("holds the log"));
  EXPECT_THAT(view->GetStatus().last_error, HasSubstr("holds the log"));
}

TEST_F(ServerTest, ACallThatWaitsEndsWithTheHolder) {
  Begin();
  const auto remote = holder_->Connect();
  std::atomic<int> polls{0};
  WaitOptions wait;
  wait.interrupted = [&] {
    polls++;
    return false;
  };
  auto waiting = std::async(std::launch::async, [&] { return remote->WaitForHead(5, wait); });
  while (polls < 3) std::this_thread::yield();
  holder_->Stop();
  EXPECT_EQ(waiting.get().code(), StatusCode::kLost);
}

TEST_F(ServerTest, ACursorInTheMiddleOfItsRowsSaysThatItWasLost) {
  Begin();
  for (int i = 0; i < 500; i++) Put("k" + std::to_string(i), "{}");
  const auto remote = holder_->Connect();
  const auto cursor = remote->ScanLog({});
  ASSERT_TRUE(cursor->Valid());
  holder_->Stop();
  size_t rows = 0;
  for (; cursor->Valid(); cursor->Next()) rows++;
  EXPECT_GT(rows, 0);
  EXPECT_LT(rows, 500);
  EXPECT_EQ(cursor->status().code(), StatusCode::kLost);
}

TEST_F(ServerTest, AClientThatDiesGivesTheTurnBack) {
  Begin();
  {
    RawClient client = Greeted();
    ASSERT_OK(client.Ask(Op::kTakeTurn));
  }
  ExpectServes();
}

// A connection that is cut once the holder has sent so many bytes over it.
class CutConnection {
 public:
  CutConnection(Socket client, Socket holder, size_t bytes)
      : client_(std::move(client)), holder_(std::move(holder)) {
    to_holder_ = std::thread([this] { Copy(client_, holder_, SIZE_MAX); });
    to_client_ = std::thread([this, bytes] { Copy(holder_, client_, bytes); });
  }
  ~CutConnection() {
    End();
    to_holder_.join();
    to_client_.join();
  }

 private:
  void Copy(Socket& from, Socket& to, size_t bytes) {
    std::vector<char> buffer(4096);
    while (bytes > 0) {
      const size_t room = std::min(bytes, buffer.size());
      const Result<size_t> received = from.Receive(buffer.data(), room, WaitOptions());
      if (!received.ok() || *received == 0) break;
      if (!to.Send({buffer.data(), *received}, WaitOptions()).ok()) break;
      bytes -= *received;
    }
    End();
  }
  void End() {
    client_.Shutdown();
    holder_.Shutdown();
  }

  Socket client_, holder_;
  std::thread to_holder_, to_client_;
};

class CutTest : public ServerTest {
 protected:
  // A bit of everything. The first error that it meets.
  Status Use(const RemoteOptions& options, const std::string& view_id) {
    SV_ASSIGN_OR_RETURN(const auto remote, RemoteEngine::Open(options, WaitOptions()));
    SV_ASSIGN_OR_RETURN(const auto view, remote->FindView(view_id));
    const auto transaction = remote->Begin();
    SV_ASSIGN_OR_RETURN(const LogEnd end, transaction->TakeTurn(WaitOptions()));
    std::string record;
    AppendRecord(&record, end.time_ms, Value::Text("k"), Value::Text("{}"));
    const Records records = {std::make_shared<const std::string>(record)};
    SV_RETURN_IF_ERROR(transaction->Prepare(records, SyncMode::kOff, ""));
    const Status committed = transaction->Commit();
    EXPECT_TRUE(!committed.ok() || engine_->Head() > end.seq);
    SV_RETURN_IF_ERROR(committed);
    SV_RETURN_IF_ERROR(
        remote->AppendNow(Value::Text("k"), Value::Text("{}"), SyncMode::kOff, {}).status());
    const ViewRange range = Equal("a");
    SV_ASSIGN_OR_RETURN(const auto snapshot, view->Read(kLatest, WaitOptions(), &range));
    SV_RETURN_IF_ERROR(ToTheEnd(*snapshot->NewCursor(range)));
    SV_RETURN_IF_ERROR(ToTheEnd(*snapshot->NewCursor(Equal("b"))));
    SV_RETURN_IF_ERROR(ToTheEnd(*remote->ScanLog({1, 3})));
    SV_ASSIGN_OR_RETURN(const auto docs, remote->ReadDocs(1, WaitOptions(), nullptr));
    return ToTheEnd(*docs->NewCursor({KeyBound{Value::Text("x")}, std::nullopt}));
  }
  template <typename Cursor>
  Status ToTheEnd(Cursor& cursor) {
    while (cursor.Valid()) cursor.Next();
    return cursor.status();
  }
};

TEST_F(CutTest, WhereverAConnectionIsCutEveryCallEndsAndTheLogGoesOn) {
  Begin();
  const std::string view_id = CreateTags()->id();
  for (int i = 0; i < 3; i++) Put("d" + std::to_string(i), R"({"tags":["a"]})");
  int cuts = 0;
  for (size_t bytes = 0;; bytes += 7, cuts++) {
    std::unique_ptr<CutConnection> connection;
    RemoteOptions options;
    options.connect = [&](const WaitOptions&) -> Result<Socket> {
      if (connection != nullptr) return Status::Lost("there is no other connection");
      SV_ASSIGN_OR_RETURN(auto pair, Socket::NewPair());
      connection =
          std::make_unique<CutConnection>(std::move(pair.first), holder_->NewConnection(), bytes);
      return std::move(pair.second);
    };
    const Status used = Use(options, view_id);
    // Nothing of it keeps others from appending.
    Must(engine_->AppendNow(Value(), Value::Text("{}"), SyncMode::kOff,
                            Within(std::chrono::seconds(20))));
    if (used.ok()) break;
    ASSERT_EQ(used.code(), StatusCode::kLost) << used.message();
  }
  EXPECT_GT(cuts, 50);
}

// --- transactions whose client has died

class OrphanTest : public ServerTest {
 protected:
  // Prepares one entry, and dies.
  void PrepareAndDie(const std::string& token) {
    RawClient client = Greeted();
    ASSERT_OK(client.Ask(Op::kTakeTurn));
    std::string record;
    AppendRecord(&record, 1'700'000'000'000, Value::Text("k"), Value::Text("v"));
    ASSERT_OK(client.Ask(Op::kPrepare, client.lease, true, std::vector<std::string>{record},
                         SyncMode::kOff, token));
  }
  // Answers as `answers_` has it: no answer yet, yes, or no.
  ServerOptions Asking() {
    ServerOptions options;
    options.was_committed = [this](const std::string&, bool) -> Result<bool> {
      asked_++;
      if (answer_ == 0) return Status::Busy("the database is being written to");
      return answer_ == 1;
    };
    return options;
  }
  // Whoever appends next finds it decided.
  Seq AppendNext() {
    return Must(engine_->AppendNow(Value::Text("n"), Value::Text("v"), SyncMode::kOff,
                                   Within(std::chrono::seconds(20))));
  }

  std::atomic<int> answer_{0};
  std::atomic<int> asked_{0};
};

TEST_F(OrphanTest, OneThatTheDatabaseHasCommittedIsKept) {
  Begin(Asking());
  answer_ = 1;
  PrepareAndDie("token-1");
  EXPECT_EQ(AppendNext(), 2);
  EXPECT_EQ(Must(holder_->Connect()->FindTransaction("token-1", WaitOptions())),
            wire::TransactionState::kCommitted);
}

TEST_F(OrphanTest, OneThatTheDatabaseHasNotCommittedIsTakenBack) {
  Begin(Asking());
  answer_ = 2;
  PrepareAndDie("token-1");
  EXPECT_EQ(AppendNext(), 1);
  EXPECT_EQ(Must(holder_->Connect()->FindTransaction("token-1", WaitOptions())),
            wire::TransactionState::kRolledBack);
}

TEST_F(OrphanTest, OneWithoutTokenIsKeptAsAfterACrash) {
  Begin(Asking());
  PrepareAndDie("");
  EXPECT_EQ(AppendNext(), 2);
}

TEST_F(OrphanTest, WhileItIsUndecidedOthersAreBusy) {
  Begin(Asking());
  PrepareAndDie("token-1");
  while (asked_ < 3) std::this_thread::yield();
  const auto remote = holder_->Connect();
  EXPECT_EQ(remote->Begin()->TakeTurn(Within(std::chrono::milliseconds(0))).status().code(),
            StatusCode::kBusy);
  EXPECT_EQ(Must(remote->FindTransaction("token-1", WaitOptions())),
            wire::TransactionState::kPrepared);
  EXPECT_EQ(engine_->Head(), 0);
  answer_ = 1;
  EXPECT_EQ(AppendNext(), 2);
}

TEST_F(OrphanTest, OneThatIsUndecidedAtTheCloseIsDecidedAtTheNextOpening) {
  for (const bool committed : {true, false}) {
    Begin(Asking());
    const Seq head = engine_->Head();
    const std::string token = "token-" + std::to_string(committed);
    PrepareAndDie(token);
    while (asked_ == 0) std::this_thread::yield();
    asked_ = 0;
    holder_.reset();
    Close();
    options_.committed_token = [committed, token](const std::string&) -> Result<std::string> {
      return committed ? token : std::string("token-1");
    };
    Open();
    EXPECT_EQ(engine_->Head(), committed ? head + 1 : head);
    Close();
  }
}

TEST_F(OrphanTest, WithoutADatabaseToAskNoTransactionIsConditional) {
  Begin();
  const auto remote = holder_->Connect();
  const auto transaction = remote->Begin();
  Must(transaction->TakeTurn(WaitOptions()));
  EXPECT_EQ(transaction->Prepare({}, SyncMode::kOff, "token-1").code(), StatusCode::kMisuse);
}

TEST_F(OrphanTest, WhatBecameOfATransactionIsKnown) {
  Begin(Asking());
  const auto remote = holder_->Connect();
  Session session(remote);
  Must(session.Append(Value::Text("k"), Value::Text("v"), WaitOptions()));
  ASSERT_OK(session.Prepare(SyncMode::kOff, "token-1"));
  session.Commit();
  Must(session.Append(Value::Text("k"), Value::Text("v"), WaitOptions()));
  ASSERT_OK(session.Prepare(SyncMode::kOff, "token-2"));
  ASSERT_OK(session.Rollback());
  const auto state = [&](const std::string& token) {
    return Must(remote->FindTransaction(token, WaitOptions()));
  };
  EXPECT_EQ(state("token-1"), wire::TransactionState::kCommitted);
  EXPECT_EQ(state("token-2"), wire::TransactionState::kRolledBack);
  EXPECT_EQ(state("token-3"), wire::TransactionState::kUnknown);
}

// --- waits

class WaitTest : public ServerTest {
 protected:
  // A holder that takes connections and never says anything.
  RemoteOptions Stopped() {
    RemoteOptions options;
    options.patience = {std::chrono::milliseconds(50), std::chrono::milliseconds(50)};
    options.connect = [this](const WaitOptions&) -> Result<Socket> {
      SV_ASSIGN_OR_RETURN(auto pair, Socket::NewPair());
      silent_.push_back(std::move(pair.second));
      return std::move(pair.first);
    };
    return options;
  }
  std::vector<Socket> silent_;
};

TEST_F(WaitTest, AHolderThatIsStoppedIsNamed) {
  const Result<std::unique_ptr<RemoteEngine>> opened = RemoteEngine::Open(Stopped(), WaitOptions());
  EXPECT_EQ(opened.status().code(), StatusCode::kBusy);
  EXPECT_THAT(opened.status().message(), HasSubstr("process " + std::to_string(getpid())));
  EXPECT_THAT(opened.status().message(), HasSubstr("does not answer"));
}

TEST_F(WaitTest, ACallToAHolderThatIsStoppedCanBeInterrupted) {
  WaitOptions wait;
  wait.interrupted = [] { return true; };
  EXPECT_EQ(RemoteEngine::Open(Stopped(), wait).status().code(), StatusCode::kInterrupted);
}

TEST_F(WaitTest, AHolderThatIsBusyWithARequestSaysSo) {
  ServerOptions options;
  options.heartbeat = std::chrono::milliseconds(20);
  Begin(options);
  RemoteOptions remote_options = holder_->options();
  remote_options.patience.silence = std::chrono::milliseconds(1000);
  const auto remote = Must(RemoteEngine::Open(remote_options, WaitOptions()));
  for (int round = 0; round < 2; round++) {
    const Seq next = engine_->Head() + 1;
    auto waiting =
        std::async(std::launch::async, [&] { return remote->WaitForHead(next, WaitOptions()); });
    // Longer than it may be silent.
    EXPECT_EQ(waiting.wait_for(std::chrono::milliseconds(1500)), std::future_status::timeout);
    Put("k", "v");
    EXPECT_OK(waiting.get());
    // The client asks for nothing for so long that the server's thread falls asleep.
    for (const auto end = Clock::now() + 10 * options.heartbeat; Clock::now() < end;) Put("k", "v");
  }
}

TEST_F(WaitTest, AnInterruptEndsARequestOnBothSides) {
  Begin();
  const auto remote = holder_->Connect();
  const auto turn = engine_->Begin();
  Must(turn->TakeTurn(WaitOptions()));
  int polls = 0;
  WaitOptions wait;
  wait.interrupted = [&] { return ++polls > 3; };
  const auto other = remote->Begin();
  EXPECT_EQ(other->TakeTurn(wait).status().code(), StatusCode::kInterrupted);
  // It does not wait for the turn any more, and the connection is good for others.
  ASSERT_OK(turn->Rollback());
  Must(engine_->Begin()->TakeTurn(Within(std::chrono::seconds(20))));
  Must(other->TakeTurn(WaitOptions()));
  EXPECT_EQ(holder_->server().connections(), 1);
}

TEST_F(WaitTest, ADeadlineEndsARequestWithTheHoldersWords) {
  Begin();
  const auto remote = holder_->Connect();
  EXPECT_EQ(remote->WaitForHead(5, Within(std::chrono::milliseconds(30))).code(),
            StatusCode::kTimedOut);
  const auto turn = engine_->Begin();
  Must(turn->TakeTurn(WaitOptions()));
  const Status busy = remote->Begin()->TakeTurn(Within(std::chrono::milliseconds(0))).status();
  EXPECT_EQ(busy.code(), StatusCode::kBusy);
  EXPECT_THAT(busy.message(), HasSubstr("another transaction is writing"));
}

// Nobody has interrupted it: what the holder says of the request is the echo of its cancellation.
TEST_F(WaitTest, ARequestThatIsGivenUpAfterItsDeadlineWasNotInterrupted) {
  auto [client_end, holder_end] = Must(Socket::NewPair());
  // Goes on with a request until it is cancelled.
  std::thread holder([socket = std::move(holder_end)]() mutable {
    FrameReader reader(&socket, wire::kMaxRequestBytes);
    Frame frame;
    for (uint32_t id = 0; *reader.Next(&frame, WaitOptions());) {
      const bool is_hello = frame.type == static_cast<uint8_t>(Op::kHello);
      const bool is_cancel = frame.type == static_cast<uint8_t>(Op::kCancel);
      if (!is_cancel) id = frame.id;
      if (!is_hello && !is_cancel) continue;
      OutgoingFrame answer(static_cast<uint8_t>(Op::kAnswer));
      wire::PutAnswer(&answer.bytes, is_hello ? Status::Ok() : Status::Interrupted());
      if (is_hello) wire::Put(&answer.bytes, wire::Hello());
      EXPECT_OK(answer.Finish(id, wire::kMaxAnswerBytes));
      EXPECT_OK(socket.Send(answer.bytes, WaitOptions()));
    }
  });
  RemoteOptions options;
  options.patience.grace = std::chrono::milliseconds(50);
  options.connect = [&](const WaitOptions&) -> Result<Socket> { return std::move(client_end); };
  {
    const auto remote = Must(RemoteEngine::Open(options, WaitOptions()));
    const Status status = remote
                              ->AppendNow(Value::Text("k"), Value::Text("v"), SyncMode::kOff,
                                          Within(std::chrono::milliseconds(0)))
                              .status();
    EXPECT_EQ(status.code(), StatusCode::kBusy);
    EXPECT_THAT(status.message(), HasSubstr("does not answer"));
  }
  holder.join();
}

// What was granted to a request that had been given up is not kept.
TEST_F(WaitTest, AGrantThatNobodyWaitsForIsGivenBack) {
  Begin();
  RawClient client = Greeted();
  ASSERT_OK(client.Ask(Op::kTakeTurn));
  ASSERT_OK(client.Send(Op::kCancel, uint64_t{client.id()}));
  ExpectServes();
}

TEST_F(WaitTest, ManyThreadsUseOneEngine) {
  Begin();
  const auto view_id = CreateTags()->id();
  const auto remote = holder_->Connect();
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; t++) {
    threads.emplace_back([&, t] {
      const auto view = Must(remote->FindView(view_id));
      for (int i = 0; i < 30; i++) {
        const std::string tag = "t" + std::to_string(t);
        const std::string key = tag + "/" + std::to_string(i);
        const std::string json = R"({"tags":[")" + tag + R"("]})";
        const Seq seq =
            Must(remote->AppendNow(Value::Text(key), Value::Text(json), SyncMode::kOff, {}));
        const ViewRange range = Equal(tag);
        const auto snapshot = Must(view->Read(seq, WaitOptions(), &range));
        EXPECT_EQ(RowsOf(*snapshot, range).size(), i + 1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(remote->Head(), 240);
}

TEST_F(WaitTest, ASnapshotOccupiesNoConnection) {
  Begin();
  const auto view_id = CreateTags()->id();
  Put("d", R"({"tags":["a"]})");
  const auto remote = holder_->Connect();
  const auto view = Must(remote->FindView(view_id));
  std::vector<std::shared_ptr<const CommittedView>> snapshots;
  for (int i = 0; i < 100; i++) snapshots.push_back(Must(view->Read(1, WaitOptions())));
  EXPECT_EQ(holder_->server().connections(), 1);
  for (const auto& snapshot : snapshots) EXPECT_EQ(RowsOf(*snapshot).size(), 1);
}

// --- reading

TEST_F(ServerTest, ScansOfAnyLengthGiveEveryRowOnce) {
  Begin();
  const auto view_id = CreateTags()->id();
  for (int i = 0; i < 3000; i++) {
    Put("k" + std::to_string(i), R"({"tags":["a"],"at":)" + std::to_string(i) + "}");
  }
  const auto remote = holder_->Connect();
  const auto view = Must(remote->FindView(view_id));
  const auto own = Must(engine_->FindView(view_id));
  for (const bool reverse : {false, true}) {
    ViewRange range;
    range.reverse = reverse;
    const auto here = RowsOf(*Must(own->Read(3000, {})), range);
    EXPECT_EQ(RowsOf(*Must(view->Read(3000, {})), range), here);
    EXPECT_EQ(RowsOf(*Must(view->Read(kLatest, {}, &range)), range), here);
    size_t entries = 0;
    for (auto c = remote->ScanLog({1, kLatest, reverse}); c->Valid(); c->Next()) entries++;
    EXPECT_EQ(entries, 3000);
  }
}

TEST_F(ServerTest, DocumentsComeAlongOrAreReadTogether) {
  Begin();
  const auto view_id = CreateTags()->id();
  for (int i = 0; i < 300; i++) {
    Put("k" + std::to_string(1000 + i), R"({"tags":["a"],"at":)" + std::to_string(i) + "}");
  }
  const auto remote = holder_->Connect();
  const auto view = Must(remote->FindView(view_id));
  for (const bool along : {false, true}) {
    ViewRange range;
    range.with_documents = along;
    const auto snapshot = Must(view->Read(300, WaitOptions(), &range));
    int i = 0;
    for (auto c = snapshot->NewCursor(range); c->Valid(); c->Next(), i++) {
      EXPECT_EQ(Must(c->ReadDocument()).view().bytes(),
                R"({"tags":["a"],"at":)" + std::to_string(i) + "}");
    }
    EXPECT_EQ(i, 300);
    DocRange docs;
    docs.with_entries = along;
    const auto documents = Must(remote->ReadDocs(300, WaitOptions(), &docs));
    i = 0;
    for (auto c = documents->NewCursor(docs); c->Valid(); c->Next(), i++) {
      EXPECT_EQ(Must(c->ReadEntry()).seq, c->seq());
    }
    EXPECT_EQ(i, 300);
  }
}

TEST_F(ServerTest, AnEntryThatIsLargerThanAMessageGoesInPieces) {
  Begin();
  const auto remote = holder_->Connect();
  const std::string large(5u << 20, 'x');
  EXPECT_EQ(Must(remote->AppendNow(Value::Text("k"), Value::Text(large), SyncMode::kOff, {})), 1);
  const auto cursor = remote->ScanLog({});
  ASSERT_TRUE(cursor->Valid());
  EXPECT_EQ(cursor->entry().value.bytes(), large);
}

// --- processes

TEST_F(ServerTest, ABackupIsMadeByTheHolder) {
  Begin();
  Put("k", "v");
  const auto remote = holder_->Connect();
  EXPECT_EQ(Must(remote->Backup(root() / "copy", WaitOptions())), 1);
  EXPECT_EQ(Must(ReadLogId(root() / "copy")), engine_->id());
}

TEST_F(ServerTest, AForkedChildOfAClientIsRefusedAndDisturbsNobody) {
  Begin();
  const auto remote = holder_->Connect();
  const pid_t child = fork();
  if (child == 0) {
    const bool refused =
        remote->WaitForHead(1, WaitOptions()).code() == StatusCode::kMisuse &&
        remote->Begin()->TakeTurn(WaitOptions()).status().code() == StatusCode::kMisuse;
    _exit(refused ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_EQ(remote->WaitForHead(0, WaitOptions()).code(), StatusCode::kOk);
}

}  // namespace
}  // namespace streamview
