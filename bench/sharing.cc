// What it costs to use a log that another process holds, through SQL: each figure is measured in
// the holder, then in a client, then again. What counts is the median of the ratios of such pairs.
//
//   sharing <streamview.so> [rounds]
//
//   look-ups   of ten rows of a view by their key, of a document by its key, of an entry by its
//              seq: the client's time as to what the holder needs and 200 bytes need to another
//              process and back over a Unix socket, together
//   pages      1,000 rows in order, of a view, with and without the documents, of the documents and
//              of the log: the client's rows a second as to the holder's
//   appends    transactions of 1,000 entries: the same
//   durable    sv_append() by 16 processes, as to INSERTs into an ordinary table by 16 processes,
//              in WAL mode with synchronous=FULL. Where the disk's fsync takes less than a
//              millisecond, each fsync of this program's processes sleeps for one before it, for
//              both

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "bench/support.h"

namespace {

std::atomic<bool> fsync_is_slow = false;

int Fsync(long call, int fd) {
  if (fsync_is_slow) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return static_cast<int>(syscall(call, fd));
}

}  // namespace

// SQLite and RocksDB call these in place of the C library's: a program's come first.
extern "C" __attribute__((visibility("default"))) int fsync(int fd) { return Fsync(SYS_fsync, fd); }
extern "C" __attribute__((visibility("default"))) int fdatasync(int fd) {
  return Fsync(SYS_fdatasync, fd);
}

namespace streamview::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kDocuments = 100'000;
constexpr int64_t kKeys = kDocuments / 10;
constexpr int kPageRows = 1000;
constexpr int kProcesses = 16;
// Of one figure, in one process.
constexpr auto kTime = std::chrono::milliseconds(300);
constexpr auto kDurableTime = std::chrono::seconds(2);

double MicrosecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

std::string KeyOf(int64_t i) { return "key/" + std::to_string(1'000'000 + i % kKeys); }
std::string DocumentOf(int64_t i) { return "doc/" + std::to_string(1'000'000 + i % kDocuments); }
std::string ValueOf(int64_t i) {
  return R"({"key":")" + KeyOf(i * 7919) + R"(","n":)" + std::to_string(i) + R"(,"text":")" +
         std::string(200, 'x') + R"("})";
}

// --- what is measured

enum class Kind { kLookUp, kPage, kAppend };
enum class Argument { kKey, kDocument, kSeq };

struct Figure {
  const char* name;
  Kind kind;
  const char* consistency;
  const char* sql;
  Argument argument;
  int64_t rows;
};
constexpr Figure kFigures[] = {
    {"view_lookup", Kind::kLookUp, "session", "SELECT value, doc_id FROM by_key WHERE key = ?1",
     Argument::kKey, kDocuments / kKeys},
    {"view_lookup_latest", Kind::kLookUp, "latest",
     "SELECT value, doc_id FROM by_key WHERE key = ?1", Argument::kKey, kDocuments / kKeys},
    {"view_lookup_documents", Kind::kLookUp, "session", "SELECT doc FROM by_key WHERE key = ?1",
     Argument::kKey, kDocuments / kKeys},
    {"document_lookup", Kind::kLookUp, "session", "SELECT value FROM docs WHERE key = ?1",
     Argument::kDocument, 1},
    {"entry_lookup", Kind::kLookUp, "session", "SELECT value FROM events WHERE seq = ?1",
     Argument::kSeq, 1},
    {"view_page", Kind::kPage, "session",
     "SELECT key, value, doc_id FROM by_key WHERE key >= ?1 LIMIT 1000", Argument::kKey, kPageRows},
    {"view_page_documents", Kind::kPage, "session",
     "SELECT key, doc FROM by_key WHERE key >= ?1 LIMIT 1000", Argument::kKey, kPageRows},
    {"documents_page", Kind::kPage, "session",
     "SELECT key, value FROM docs WHERE key >= ?1 LIMIT 1000", Argument::kDocument, kPageRows},
    {"log_page", Kind::kPage, "session",
     "SELECT seq, key, value FROM events WHERE seq >= ?1 LIMIT 1000", Argument::kSeq, kPageRows},
    {"append", Kind::kAppend, "session", "INSERT INTO events(key, value) VALUES (?1, ?2)",
     Argument::kDocument, kPageRows},
};

// A connection of one process to the database that all of them use.
class User {
 public:
  User(const std::string& path, const std::string& extension) : database_(path + "/bench.db") {
    database_.Load(extension);
    database_.Execute("PRAGMA busy_timeout = 60000; PRAGMA synchronous = NORMAL");
  }

  void Fill() {
    database_.Execute(
        "PRAGMA journal_mode = WAL; CREATE VIRTUAL TABLE events USING sv_log;"
        "CREATE VIRTUAL TABLE by_key USING sv_view(log = events, emit = '$.key', value = '$.n');"
        "CREATE VIRTUAL TABLE docs USING sv_docs(log = events); BEGIN");
    Statement insert(database_.handle(), "INSERT INTO events(key, value) VALUES (?1, ?2)");
    for (int64_t i = 0; i < kDocuments; i++) {
      const std::string key = DocumentOf(i), value = ValueOf(i);
      insert.Bind(1, key).Bind(2, value).Run();
    }
    database_.Execute("COMMIT");
    CatchUp();
  }
  void CatchUp() { database_.Execute("SELECT sv_wait(sv_head())"); }

  // Microseconds for one of it, as most take.
  double Measure(const Figure& figure) {
    database_.Execute(std::string("SELECT sv_consistency('") + figure.consistency + "')");
    Statement statement(database_.handle(), figure.sql);
    std::vector<double> times;
    for (const auto begin = Clock::now(); Clock::now() - begin < kTime || times.size() < 5;) {
      const auto start = Clock::now();
      if (figure.kind == Kind::kAppend) {
        Append(statement, figure);
      } else {
        Read(statement, figure);
      }
      times.push_back(MicrosecondsSince(start));
    }
    CatchUp();
    return Median(std::move(times));
  }

 private:
  void Read(Statement& statement, const Figure& figure) {
    // Anywhere, but so that as many rows follow.
    next_ += 7919;
    const int64_t place = next_ % (kKeys - 2 * kPageRows);
    const std::string key = figure.argument == Argument::kKey ? KeyOf(place) : DocumentOf(place);
    if (figure.argument == Argument::kSeq) {
      statement.Bind(1, place + 1);
    } else {
      statement.Bind(1, key);
    }
    int64_t rows = 0;
    for (; statement.Step(); rows++) {
      for (int i = 0; i < 2; i++) statement.Touch(i);
    }
    statement.Reset();
    if (rows != figure.rows) Die(std::string(figure.name) + ": rows are missing");
  }
  void Append(Statement& statement, const Figure& figure) {
    database_.Execute("BEGIN");
    for (int64_t i = 0; i < figure.rows; i++) {
      const std::string key = "new/" + std::to_string(next_++), value = ValueOf(next_);
      statement.Bind(1, key).Bind(2, value).Run();
    }
    database_.Execute("COMMIT");
  }

  Database database_;
  int64_t next_ = 0;
};

// --- processes

// What a child process does, until it is told nothing more: a number is asked for, one comes back.
class Worker {
 public:
  // `run` is called in the child, which this process has made before it loaded anything.
  using Answer = std::function<double(int)>;
  explicit Worker(const std::function<Answer()>& make) {
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0) Die("no socket");
    pid_ = fork();
    if (pid_ < 0) Die("no process");
    if (pid_ != 0) {
      close(fds[1]);
      fd_ = fds[0];
      return;
    }
    close(fds[0]);
    Answer answer;
    for (int question; read(fds[1], &question, sizeof question) == sizeof question;) {
      if (!answer) answer = make();
      const double result = answer(question);
      if (write(fds[1], &result, sizeof result) != sizeof result) break;
    }
    answer = nullptr;  // closes the log
    _exit(0);
  }
  ~Worker() {
    close(fd_);
    waitpid(pid_, nullptr, 0);
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  double Ask(int question) const {
    double result;
    if (write(fd_, &question, sizeof question) != sizeof question ||
        read(fd_, &result, sizeof result) != sizeof result) {
      Die("a process has ended");
    }
    return result;
  }

 private:
  pid_t pid_;
  int fd_ = -1;
};

// The time of 200 bytes to another process, and of as many back, in microseconds.
double MeasureRoundTrip() {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0) Die("no socket");
  char bytes[200] = {};
  const pid_t echo = fork();
  if (echo == 0) {
    close(fds[0]);
    while (recv(fds[1], bytes, sizeof bytes, MSG_WAITALL) == sizeof bytes) {
      if (send(fds[1], bytes, sizeof bytes, 0) < 0) break;
    }
    _exit(0);
  }
  close(fds[1]);
  std::vector<double> times;
  for (const auto begin = Clock::now(); Clock::now() - begin < kTime;) {
    const auto start = Clock::now();
    if (send(fds[0], bytes, sizeof bytes, 0) < 0 ||
        recv(fds[0], bytes, sizeof bytes, MSG_WAITALL) != sizeof bytes) {
      Die("the echo has ended");
    }
    times.push_back(MicrosecondsSince(start));
  }
  close(fds[0]);
  waitpid(echo, nullptr, 0);
  return Median(std::move(times));
}

void CompareUses(const std::string& extension, int rounds) {
  const ScratchDirectory directory;
  const auto use = [&](bool fills) {
    return [&directory, &extension, fills]() -> Worker::Answer {
      const auto user = std::make_shared<User>(directory.path(), extension);
      if (fills) user->Fill();
      return [user](int figure) { return figure < 0 ? 0 : user->Measure(kFigures[figure]); };
    };
  };
  const Worker holder(use(true)), client(use(false)),
      echo([] { return [](int) { return MeasureRoundTrip(); }; });
  (void)holder.Ask(-1);
  (void)client.Ask(-1);
  for (int i = 0; i < static_cast<int>(std::size(kFigures)); i++) {
    const Figure& figure = kFigures[i];
    std::vector<double> own, others, trips, ratios;
    for (int round = 0; round < rounds; round++) {
      own.push_back(holder.Ask(i));
      others.push_back(client.Ask(i));
      double trip = 0;
      if (figure.kind == Kind::kLookUp) trips.push_back(trip = echo.Ask(0));
      ratios.push_back(figure.kind == Kind::kLookUp ? others.back() / (own.back() + trip)
                                                    : own.back() / others.back());
    }
    std::printf("%s holder_us %.1f\n%s client_us %.1f\n", figure.name, Median(own), figure.name,
                Median(others));
    if (!trips.empty()) std::printf("%s round_trip_us %.1f\n", figure.name, Median(trips));
    std::printf("%s ratio %.3f\n", figure.name, Median(ratios));
    std::fflush(stdout);
  }
}

// --- durable appends

struct Contestant {
  const char* name;
  const char* schema;
  const char* commit;
};
constexpr Contestant kSqlite = {"sqlite", "CREATE TABLE t(seq INTEGER PRIMARY KEY, key, value)",
                                "INSERT INTO t(key, value) VALUES (?1, ?2)"};
constexpr Contestant kAppend = {"sv_append", "CREATE VIRTUAL TABLE t USING sv_log",
                                "SELECT sv_append('t', ?1, ?2)"};

// Milliseconds.
double MeasureFsync() {
  const ScratchDirectory directory;
  const int fd = open((directory.path() + "/file").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  std::vector<double> times;
  for (int i = 0; i < 50; i++) {
    if (write(fd, "x", 1) != 1) Die("no file can be written");
    const auto start = Clock::now();
    if (fdatasync(fd) != 0) Die("no file can be synced");
    times.push_back(MicrosecondsSince(start) / 1000);
  }
  close(fd);
  return Median(std::move(times));
}

// What the processes of one measurement share.
struct Progress {
  std::atomic<int> ready{0};
  std::atomic<bool> begin{false};
  std::atomic<bool> end{false};
  std::atomic<int64_t> commits{0};
};

void CommitDurably(const Contestant& contestant, const std::string& path,
                   const std::string& extension, bool creates, Progress& progress) {
  Database database(path + "/bench.db");
  database.Load(extension);
  database.Execute(
      "PRAGMA busy_timeout = 60000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
  if (creates) database.Execute(contestant.schema);
  Statement commit(database.handle(), contestant.commit);
  const std::string document = R"({"tags":["cat","black"],"location":"hawaii"})";
  const std::string name = "process" + std::to_string(getpid()) + "/";
  commit.Bind(1, name).Bind(2, document).Run();
  progress.ready++;
  while (!progress.begin) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  for (int64_t i = 0; !progress.end; i++) {
    const std::string key = name + std::to_string(i);
    commit.Bind(1, key).Bind(2, document).Run();
    progress.commits++;
  }
  // Who holds the log must not end before the others have.
  progress.ready--;
  while (creates && progress.ready > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

double CommitsPerSecond(const Contestant& contestant, const std::string& extension) {
  const ScratchDirectory directory;
  void* const shared =
      mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) Die("no memory");
  auto& progress = *new (shared) Progress;
  std::vector<pid_t> processes;
  const auto wait_for = [&](int ready) {
    while (progress.ready < ready) {
      if (waitpid(-1, nullptr, WNOHANG) > 0) Die("a process has ended");
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  };
  for (int i = 0; i < kProcesses; i++) {
    const pid_t pid = fork();
    if (pid == 0) {
      CommitDurably(contestant, directory.path(), extension, i == 0, progress);
      _exit(0);
    }
    processes.push_back(pid);
    if (i == 0) wait_for(1);
  }
  wait_for(kProcesses);
  progress.begin = true;
  const auto start = Clock::now();
  std::this_thread::sleep_for(kDurableTime);
  progress.end = true;
  const double seconds = MicrosecondsSince(start) / 1e6;
  const auto commits = static_cast<double>(progress.commits);
  for (const pid_t pid : processes) waitpid(pid, nullptr, 0);
  munmap(shared, sizeof(Progress));
  return commits / seconds;
}

void CompareDurable(const std::string& extension, int rounds) {
  const double fsync_time = MeasureFsync();
  fsync_is_slow = fsync_time < 1;
  std::printf("fsync_ms %.3f\nfsync_as_measured_with_ms %.3f\n", fsync_time, MeasureFsync());
  std::vector<double> plain, ours, ratios;
  for (int round = 0; round < rounds; round++) {
    plain.push_back(CommitsPerSecond(kSqlite, extension));
    ours.push_back(CommitsPerSecond(kAppend, extension));
    ratios.push_back(ours.back() / plain.back());
  }
  fsync_is_slow = false;
  std::printf("durable sqlite_per_second %.0f\ndurable sv_append_per_second %.0f\n", Median(plain),
              Median(ours));
  std::printf("durable ratio %.3f\n", Median(ratios));
}

}  // namespace
}  // namespace streamview::bench

int main(int argc, char** argv) {
  using namespace streamview::bench;
  if (argc != 2 && argc != 3) Die("usage: sharing <streamview.so> [rounds]");
  const int rounds = argc == 3 ? std::atoi(argv[2]) : 5;
  if (rounds <= 0) Die("rounds must be a positive number");
  signal(SIGPIPE, SIG_IGN);
  std::printf("# 16 processes, medians of %d rounds\n", rounds);
  std::fflush(stdout);
  CompareUses(argv[1], rounds);
  CompareDurable(argv[1], rounds);
  return 0;
}
