// A process that may connect to the one that holds a log, and does whatever it likes there: others
// are served meanwhile, and the holder's memory stays within bounds. And one that pretends to hold
// a log: who uses it gets errors.

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <random>
#include <thread>

#include "core/remote/frame.h"
#include "core/remote/listener.h"
#include "core/remote/wire.h"
#include "tests/ext/testing/child_process.h"
#include "tests/ext/testing/fixture.h"
#include "tests/ext/testing/other_process.h"
#include "tests/ext/testing/seed.h"

namespace streamview::testing {
namespace {

using ::testing::AnyOf;
using wire::Op;
using Clock = std::chrono::steady_clock;

WaitOptions Patiently() {
  WaitOptions wait;
  wait.deadline = Clock::now() + std::chrono::seconds(60);
  return wait;
}

// --- the client

// One connection, of a client's own making.
class HostileConnection {
 public:
  explicit HostileConnection(const std::string& socket) {
    Result<Socket> connected = ConnectToHolder(socket, Patiently());
    if (connected.ok()) socket_ = *std::move(connected);
  }

  bool Send(std::string_view bytes) { return socket_ && socket_.Send(bytes, Patiently()).ok(); }
  template <typename... Fields>
  bool Send(Op op, const Fields&... fields) {
    OutgoingFrame frame(static_cast<uint8_t>(op));
    wire::PutAll(&frame.bytes, fields...);
    return frame.Finish(++id_, wire::kMaxRequestBytes).ok() && Send(frame.bytes);
  }
  // Whether the request was granted.
  template <typename... Fields>
  bool Ask(Op op, const Fields&... fields) {
    if (!Send(op, uint64_t{0}, fields...)) return false;
    for (Frame frame;;) {
      const Result<bool> next = reader_.Next(&frame, Patiently());
      if (!next.ok() || !*next) return false;
      if (frame.type == static_cast<uint8_t>(Op::kHeartbeat)) continue;
      uint64_t lease;
      Seq head;
      Status outcome;
      std::string_view in = frame.body;
      return wire::TakeAnswer(&in, &lease, &head, &outcome) && outcome.ok();
    }
  }
  bool Greet() { return Ask(Op::kHello, wire::Hello()); }

 private:
  Socket socket_;
  FrameReader reader_{&socket_, 64u << 20};
  uint32_t id_ = 0;
};

using Connections = std::vector<std::unique_ptr<HostileConnection>>;

Connections Connect(const std::string& socket, int attempts) {
  Connections connections;
  for (int i = 0; i < attempts; ++i) {
    auto connection = std::make_unique<HostileConnection>(socket);
    if (connection->Greet()) connections.push_back(std::move(connection));
  }
  return connections;
}

// Each does its worst, and returns how much of it was let.
int TakeLeases(const std::string& socket, const std::string& view) {
  int taken = 0;
  static Connections connections = Connect(socket, 100);
  for (const auto& connection : connections) {
    const std::optional<ViewRange> all = ViewRange();
    while (connection->Ask(Op::kReadView, view, Seq{0}, all, wire::PageLimits{1, 1})) ++taken;
  }
  return taken;
}

int TakeConnections(const std::string& socket, const std::string& /*view*/) {
  static Connections connections = Connect(socket, 3000);
  return static_cast<int>(connections.size());
}

int SendHalves(const std::string& socket, const std::string& /*view*/) {
  int sent = 0;
  static Connections connections;
  for (int i = 0; i < 300; ++i) {
    connections.push_back(std::make_unique<HostileConnection>(socket));
    OutgoingFrame frame(static_cast<uint8_t>(Op::kHello));
    frame.bytes.resize(wire::kMaxRequestBytes);
    if (!frame.Finish(1, wire::kMaxRequestBytes).ok()) return -1;
    frame.bytes.pop_back();
    sent += connections.back()->Send(frame.bytes);
  }
  return sent;
}

int AskAndNeverRead(const std::string& socket, const std::string& /*view*/) {
  int asked = 0;
  static Connections connections = Connect(socket, 300);
  for (const auto& connection : connections) {
    for (int i = 0; i < 20; ++i) {
      asked += connection->Send(Op::kReadLog, uint64_t{0}, LogRange{},
                                wire::PageLimits{10'000, 1u << 20});
    }
  }
  return asked;
}

int PromiseLongMessages(const std::string& socket, const std::string& /*view*/) {
  static Connections connections;
  for (int i = 0; i < 1000; ++i) {
    HostileConnection connection(socket);
    if (i % 2 == 0) (void)connection.Greet();
    (void)connection.Send(std::string("\x7f\xff\xff\xff\x10\0\0\0\1", 9));
  }
  return 1000;
}

// args: which of them, the socket, the id of a view. Says how much it got, and keeps it until its
// input ends.
int BeHostile(const std::vector<std::string>& args) {
  ::alarm(200);
  const rlimit files = {8192, 8192};
  (void)::setrlimit(RLIMIT_NOFILE, &files);
  const std::map<std::string, int (*)(const std::string&, const std::string&)> ways = {
      {"leases", TakeLeases},           {"connections", TakeConnections}, {"halves", SendHalves},
      {"never-reads", AskAndNeverRead}, {"lengths", PromiseLongMessages},
  };
  std::cout << ways.at(args[0])(args[1], args[2]) << std::endl;
  std::string end;
  std::getline(std::cin, end);
  return 0;
}
const ChildProgram kBeHostile("be-hostile", BeHostile);

class HostileClientTest : public DatabaseTest, public ::testing::WithParamInterface<const char*> {};

// As ServerOptions has it: of one process 128 connections, each with a request of 1 MiB (in a
// buffer of up to 2) and an answer of about 1; and the cursors of 16,000 leases.
#ifdef __SANITIZE_ADDRESS__
constexpr int64_t kQuarantine = 256 << 20;  // what was freed last, which the sanitizer keeps
#else
constexpr int64_t kQuarantine = 0;
#endif
constexpr int64_t kMostMemory = (512 << 20) + kQuarantine;

int64_t MemoryOf(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/statm");
  int64_t size = 0, resident = 0;
  status >> size >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

TEST_P(HostileClientTest, OthersAreServedAndTheHoldersMemoryIsBounded) {
  CreateLogAndView();
  db_->Run(
      "INSERT INTO events(key, value) WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 "
      "FROM n LIMIT 5000) SELECT i, json_object('tags', json_array('a', 'b'), 'x', "
      "hex(zeroblob(100))) FROM n");
  const std::string view =
      db_->Query("SELECT value FROM events_config WHERE key = 'view.view_tags'").at(0);
  db_->Close();
  OtherProcess holder(path_);
  EXPECT_EQ(holder.Integer("SELECT count(*) FROM view_tags"), 10'000);
  const int64_t before = MemoryOf(holder.pid());

  db_ = Connect();
  db_->Run("PRAGMA busy_timeout = 5000");
  EXPECT_EQ(db_->Integer("SELECT holder FROM sv_status WHERE kind = 'log'"), holder.pid());
  ChildProcess hostile("be-hostile",
                       {GetParam(), log_dir_ + "/SOCKET", view.substr(1, view.size() - 2)});
  std::atomic<bool> is_done = false;
  int64_t most = 0;
  std::thread watching([&] {
    while (!is_done) {
      most = std::max(most, MemoryOf(holder.pid()));
      std::this_thread::yield();
    }
  });
  // Both while it is at work, and while it has got all that it can get.
  const auto use = [&](int times) {
    for (int i = 0; i < times; ++i) {
      db_->Run(R"(INSERT INTO events(key, value) VALUES (0, '{"tags":["z"]}'))");
      EXPECT_EQ(db_->Integer("SELECT count(*) FROM view_tags WHERE key = 'z'"), 1);
      OtherProcess another(path_);
      EXPECT_EQ(another.Integer("SELECT count(*) FROM docs_of_all"), 5001);
    }
  };
  db_->Run("CREATE VIRTUAL TABLE docs_of_all USING sv_docs(log = events)");
  use(3);
  const std::optional<std::string> got = hostile.ReadLine();
  use(3);
  is_done = true;
  watching.join();
  EXPECT_LT(most - before, kMostMemory);
  std::cout << GetParam() << ": got " << got.value_or("nothing") << "; the holder had "
            << (before >> 20) << " MiB, and then " << (most >> 20) << std::endl;
  ASSERT_TRUE(got);
  EXPECT_GT(std::stoi(*got), 0);
  hostile.CloseInput();
  EXPECT_EQ(hostile.Wait(), 0);
  EXPECT_TRUE(db_->Eventually("SELECT clients FROM sv_status WHERE kind = 'log'", {"1"}));
  db_->Run("INSERT INTO view_tags(view_tags) VALUES ('integrity-check')");
}

INSTANTIATE_TEST_SUITE_P(Ways, HostileClientTest,
                         ::testing::Values("leases", "connections", "halves", "never-reads",
                                           "lengths"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

// --- the holder

// Has the lock of a log's directory, and answers on its socket as it likes.
class HostileHolder {
 public:
  enum class Way { kGarbage, kGarbageAnswers, kLongMessage, kEnds };

  HostileHolder(const std::string& directory, Way way, uint64_t seed) : way_(way), random_(seed) {
    lock_ = ::open((directory + "/HOLDER").c_str(), O_RDWR | O_CLOEXEC);
    struct flock whole = {};
    whole.l_type = F_WRLCK;
    if (::fcntl(lock_, F_OFD_SETLK, &whole) != 0) throw std::runtime_error("HOLDER");
    Result<std::unique_ptr<Listener>> listener =
        Listener::New(directory + "/SOCKET", [this](Socket socket) { Serve(std::move(socket)); });
    if (!listener.ok()) throw std::runtime_error(listener.status().message());
    listener_ = *std::move(listener);
  }
  ~HostileHolder() {
    listener_.reset();
    ::close(lock_);
  }

  int requests() const { return requests_; }

 private:
  // One client at a time, which connects once: each request of another waits.
  void Serve(Socket socket) {
    FrameReader reader(&socket, wire::kMaxRequestBytes);
    for (Frame frame;;) {
      const Result<bool> next = reader.Next(&frame, Patiently());
      if (!next.ok() || !*next) return;
      ++requests_;
      if (way_ == Way::kEnds) return;
      if (!socket.Send(Answer(frame), Patiently()).ok()) return;
    }
  }
  std::string Random(size_t most) {
    std::string bytes(random_() % most, '\0');
    for (char& c : bytes) c = static_cast<char>(random_() % 3 == 0 ? random_() : random_() % 4);
    return bytes;
  }
  std::string Answer(const Frame& request) {
    if (way_ == Way::kGarbage) return Random(100) + std::string(100, '\xee');
    if (way_ == Way::kLongMessage)
      return std::string("\x7f\xff\xff\x00\2\0\0\0\1", 9) + Random(100);
    OutgoingFrame answer(static_cast<uint8_t>(Op::kAnswer));
    wire::PutAnswer(&answer.bytes, Status::Ok());
    wire::SetAnswer(answer.bytes.data() + kFrameHeaderBytes, random_() % 3, random_() % 5);
    if (request.type == static_cast<uint8_t>(Op::kHello)) {
      wire::Put(&answer.bytes, wire::Hello());
    } else {
      answer.bytes += Random(60);
    }
    (void)answer.Finish(request.id, wire::kMaxAnswerBytes);
    return answer.bytes;
  }

  const Way way_;
  std::mt19937_64 random_;
  int lock_ = -1;
  std::atomic<int> requests_ = 0;
  std::unique_ptr<Listener> listener_;
};

class HostileHolderTest : public DatabaseTest {
 protected:
  HostileHolderTest() {
    CreateLogAndView();
    db_->Run("CREATE VIRTUAL TABLE docs USING sv_docs(log = events); CREATE TABLE plain(x)");
    Append("cat", R"({"tags":["pet"]})");
    db_->Close();
  }

  // Of a process that ends by itself when it is told to, which is no crash; and none waits long.
  void UseIt(HostileHolder::Way way, uint64_t seed) {
    const HostileHolder holder(log_dir_, way, seed);
    OtherProcess other(path_);
    other.Run("PRAGMA busy_timeout = 100");
    for (const char* sql :
         {"SELECT * FROM view_tags", "SELECT * FROM view_tags WHERE key = 'pet'",
          "SELECT * FROM docs", "SELECT * FROM events", "SELECT * FROM sv_history('events', 'cat')",
          "INSERT INTO events(key, value) VALUES (1, 2)", "SELECT sv_append('events', 1, 2)",
          "DELETE FROM docs", "INSERT INTO view_tags(view_tags) VALUES ('integrity-check')",
          "SELECT * FROM sv_status", "BEGIN", "INSERT INTO plain VALUES (1)",
          "INSERT INTO events(value) VALUES (1)", "COMMIT", "ROLLBACK"}) {
      const Clock::time_point start = Clock::now();
      const auto answer = other.Try(sql);
      EXPECT_THAT(answer.code,
                  AnyOf(SQLITE_OK, SQLITE_ERROR, SQLITE_BUSY, SQLITE_IOERR, SQLITE_CANTOPEN,
                        SQLITE_CORRUPT, SQLITE_CONSTRAINT, SQLITE_READONLY, SQLITE_FULL,
                        SQLITE_NOMEM, SQLITE_MISUSE, SQLITE_INTERRUPT))
          << sql << ": " << answer.message;
      EXPECT_LT(Clock::now() - start, std::chrono::seconds(20)) << sql;
    }
    EXPECT_GT(holder.requests(), 0);
    EXPECT_EQ(other.Integer("SELECT 1"), 1);
    other.Kill();
  }
  // Nobody has changed the log.
  void ExpectWhole() {
    db_ = Connect();
    EXPECT_EQ(db_->Integer("SELECT count(*) FROM events"), 1);
    EXPECT_EQ(db_->Integer("SELECT count(*) FROM view_tags"), 1);
    db_->Run("INSERT INTO events(events) VALUES ('integrity-check')");
  }
};

TEST_F(HostileHolderTest, GarbageIsAnError) {
  UseIt(HostileHolder::Way::kGarbage, TestSeed());
  ExpectWhole();
}

TEST_F(HostileHolderTest, AnswersThatAreNoneAreErrors) {
  const uint64_t seed = TestSeed();
  for (int i = 0; i < 5; ++i) UseIt(HostileHolder::Way::kGarbageAnswers, seed + i);
  ExpectWhole();
}

TEST_F(HostileHolderTest, AnAnswerThatDoesNotEndIsAnError) {
  UseIt(HostileHolder::Way::kLongMessage, TestSeed());
  ExpectWhole();
}

TEST_F(HostileHolderTest, AHolderThatEndsEachConnectionIsBusy) {
  UseIt(HostileHolder::Way::kEnds, TestSeed());
  ExpectWhole();
}

}  // namespace
}  // namespace streamview::testing
