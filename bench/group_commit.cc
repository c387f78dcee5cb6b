// How many commits a second reach the disk where many connections commit at once: transactions of
// one row, each durable before it is acknowledged.
//
//   group_commit <streamview.so> [seconds]
//
// 1 to 32 threads, each with its own connection to one database in WAL mode with synchronous=FULL,
// commit for so many seconds (default: 1) by
//
//   sqlite      INSERT into an ordinary table
//   insert      INSERT into a log. SQLite lets one connection write at a time, up to and with its
//               COMMIT, so these cannot share an fsync either
//   sv_append   sv_append(), which is outside of SQLite's transactions: one fsync serves all that
//               wait for it

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <thread>

#include "bench/support.h"

namespace streamview::bench {
namespace {

struct Contestant {
  const char* name;
  const char* schema;
  const char* commit;
};
constexpr Contestant kContestants[] = {
    {"sqlite", "CREATE TABLE t(seq INTEGER PRIMARY KEY, key, value)",
     "INSERT INTO t(key, value) VALUES (?1, ?2)"},
    {"insert", "CREATE VIRTUAL TABLE t USING sv_log", "INSERT INTO t(key, value) VALUES (?1, ?2)"},
    {"sv_append", "CREATE VIRTUAL TABLE t USING sv_log", "SELECT sv_append('t', ?1, ?2)"},
};
constexpr char kPragmas[] =
    "PRAGMA busy_timeout = 60000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL";

void CommitUntil(const std::atomic<bool>& end, Database& database, const Contestant& contestant,
                 std::atomic<int64_t>& commits) {
  Statement commit(database.handle(), contestant.commit);
  const std::string document = R"({"tags":["cat","black"],"location":"hawaii"})";
  while (!end) {
    const std::string key = "key" + std::to_string(commits.fetch_add(1));
    commit.Bind(1, key).Bind(2, document).Run();
  }
}

double CommitsPerSecond(const Contestant& contestant, const std::string& extension, int threads,
                        double seconds) {
  const ScratchDirectory directory;
  std::vector<std::unique_ptr<Database>> connections;
  for (int i = 0; i < threads; ++i) {
    connections.push_back(std::make_unique<Database>(directory.path() + "/bench.db"));
    connections.back()->Load(extension);
    connections.back()->Execute(kPragmas);
    if (i == 0) connections.back()->Execute(contestant.schema);
  }
  std::atomic<bool> end = false;
  std::atomic<int64_t> commits = 0;
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::thread> running;
  for (const auto& connection : connections) {
    running.emplace_back(CommitUntil, std::cref(end), std::ref(*connection), std::cref(contestant),
                         std::ref(commits));
  }
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  end = true;
  for (std::thread& thread : running) thread.join();
  const auto elapsed = std::chrono::steady_clock::now() - start;
  return static_cast<double>(commits) / std::chrono::duration<double>(elapsed).count();
}

void Run(const std::string& extension, double seconds) {
  std::printf("commits/s, durable, by threads\n\n%-10s", "threads");
  for (const Contestant& contestant : kContestants) std::printf("%12s", contestant.name);
  std::printf("\n");
  for (int threads = 1; threads <= 32; threads *= 2) {
    std::printf("%-10d", threads);
    for (const Contestant& contestant : kContestants) {
      std::printf("%12.0f", CommitsPerSecond(contestant, extension, threads, seconds));
      std::fflush(stdout);
    }
    std::printf("\n");
  }
}

}  // namespace
}  // namespace streamview::bench

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) {
    streamview::bench::Die("usage: group_commit <streamview.so> [seconds]");
  }
  const double seconds = argc == 3 ? std::atof(argv[2]) : 1;
  if (seconds <= 0) streamview::bench::Die("seconds must be a positive number");
  streamview::bench::Run(argv[1], seconds);
  return 0;
}
