// What changes as a log grows: the rate of appends, the memory, and the time to open it.
//
//   scaling <streamview.so> <documents.jsonl> [<count>]
//
// Appends `count` documents (default: 1,000,000; those of the file, again and again under other
// keys, in an order that jumps about) in transactions of 1,000 to a log with two views by JSON
// path, with synchronous=NORMAL. Prints the rate of each tenth; then the time from opening the
// database to the first answer of a view, after a clean close, and after a kill -9 in the midst of
// appending, there until every view has caught up.

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>

#include "bench/support.h"

namespace streamview::bench {
namespace {

constexpr size_t kDocumentsPerTransaction = 1000;

// Document i of `count`, in the order that jumps about.
class Documents {
 public:
  Documents(std::vector<Document> originals, size_t count)
      : originals_(std::move(originals)), count_(count) {}

  size_t count() const { return count_; }
  Document At(size_t i) const {
    constexpr size_t kPrime = 2'147'483'647;
    const size_t jumped = i * kPrime % count_;
    const Document& original = originals_[jumped % originals_.size()];
    return {original.key + "/" + std::to_string(jumped / originals_.size()), original.value};
  }

 private:
  const std::vector<Document> originals_;
  const size_t count_;
};

std::unique_ptr<Database> OpenDatabase(const std::string& path, const std::string& extension) {
  auto database = std::make_unique<Database>(path);
  database->Load(extension);
  database->Execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
  return database;
}

// Appends documents first..end-1; returns how many a second.
double Append(Database& database, const Documents& documents, size_t first, size_t end) {
  Statement put(database.handle(), "INSERT INTO documents(key, value) VALUES (?1, ?2)");
  double seconds = 0;
  for (size_t i = first; i < end; i += kDocumentsPerTransaction) {
    std::vector<Document> batch;
    for (size_t j = i; j < std::min(end, i + kDocumentsPerTransaction); ++j) {
      batch.push_back(documents.At(j % documents.count()));
    }
    const auto start = Clock::now();
    database.Execute("BEGIN");
    for (const Document& document : batch) put.Bind(1, document.key).Bind(2, document.value).Run();
    database.Execute("COMMIT");
    seconds += Since(start);
  }
  return static_cast<double>(end - first) / seconds;
}

void Grow(const std::string& path, const std::string& extension, const Documents& documents) {
  const double before = PeakMegabytes();
  const auto database = OpenDatabase(path, extension);
  database->Execute(
      "CREATE VIRTUAL TABLE documents USING sv_log;"
      "CREATE VIRTUAL TABLE tags USING sv_view(log = documents, emit = '$.tags[*]');"
      "CREATE VIRTUAL TABLE sizes USING sv_view(log = documents, emit = '$.installed_size')");
  const auto start = Clock::now();
  for (size_t tenth = 0; tenth < 10; ++tenth) {
    const size_t count = documents.count();
    std::printf("tenth_%zu_per_second %.0f\n", tenth + 1,
                Append(*database, documents, tenth * count / 10, (tenth + 1) * count / 10));
    std::fflush(stdout);
  }
  database->QueryText("SELECT sv_wait(sv_head())");
  std::printf("complete_per_second %.0f\n", static_cast<double>(documents.count()) / Since(start));
  std::printf("ingest_peak_megabytes %.0f\n", PeakMegabytes() - before);
}

// Prints the milliseconds from opening the database to the answer of `query`.
void TimeOpening(const char* name, const std::string& path, const std::string& extension,
                 const std::string& query) {
  const double before = PeakMegabytes();
  const auto start = Clock::now();
  const auto database = OpenDatabase(path, extension);
  database->QueryText(query);
  std::printf("%s_milliseconds %.1f\n%s_peak_megabytes %.0f\n", name, Since(start) * 1e3, name,
              PeakMegabytes() - before);
}

void InChild(const std::function<void()>& work) {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    work();
    std::fflush(stdout);
    std::_Exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (status != 0) Die("a part of the benchmark failed");
}

// A process that appends, killed once it has appended a tenth more.
void AppendAndKill(const std::string& path, const std::string& extension,
                   const Documents& documents) {
  int ends[2];
  if (pipe(ends) != 0) Die("no pipe");
  const pid_t child = fork();
  if (child == 0) {
    const auto database = OpenDatabase(path, extension);
    Append(*database, documents, 0, documents.count() / 10);
    if (write(ends[1], "x", 1) != 1) Die("no parent");
    Append(*database, documents, 0, documents.count());
    std::_Exit(1);  // it should not come so far
  }
  char byte;
  if (read(ends[0], &byte, 1) != 1) Die("the process to be killed failed");
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}

void Run(const std::string& extension, const std::string& file, size_t count) {
  const ScratchDirectory directory;
  const std::string path = directory.path() + "/bench.db";
  const Documents documents(ReadDocuments(file), count);
  std::printf("# %zu documents\n", count);
  const std::string lookup = "SELECT doc_id FROM tags LIMIT 1";
  InChild([&] { Grow(path, extension, documents); });
  std::printf("disk_megabytes %.0f\n", directory.Megabytes());
  InChild([&] { TimeOpening("open", path, extension, lookup); });
  AppendAndKill(path, extension, documents);
  InChild([&] { TimeOpening("open_after_kill", path, extension, "SELECT sv_wait(sv_head())"); });
}

}  // namespace
}  // namespace streamview::bench

int main(int argc, char** argv) {
  using streamview::bench::Die;
  if (argc != 3 && argc != 4) Die("usage: scaling <streamview.so> <documents.jsonl> [<count>]");
  const long count = argc == 4 ? std::atol(argv[3]) : 1'000'000;
  if (count < 10) Die("count must be 10 or more");
  streamview::bench::Run(argv[1], argv[2], static_cast<size_t>(count));
  return 0;
}
