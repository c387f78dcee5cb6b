// Reads of streamview's against plain SQLite's: each shape of bench/read_shapes.h, over the same
// documents.
//
//   reads <streamview.so> <documents.jsonl> [<count> [<rounds> [<part of a shape's name>]]]
//
// `count` documents (default: 300,000; those of the file, again and again under other keys, with a
// unique id, shuffled) are put, a tenth of them is updated. Then, in a process each:
//
//   rested   all shapes, after three seconds of rest
//   client   the same but for UPDATE, while another process holds the log (streamview only)
//   cold     the short shapes, just opened, each value for the first time; the page cache is
//            dropped before, if this is root
//   threads  some shapes, by 1, 2 and 4 threads with a connection each
//   updated  all shapes, after 30 % of the documents were updated, without rest
//
// SQLite has all that makes it faster: WAL, 64 MB cache, 1 GB mmap, and ANALYZE. Each round makes
// new databases under $TMPDIR; rounds alternate who goes first. Prints a line for each part and
// shape, fields parted by tabs, of the medians; nothing is asserted, but that both give as many
// rows.

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <random>
#include <thread>

#include "bench/read_shapes.h"
#include "bench/support.h"

namespace streamview::bench {
namespace {

constexpr size_t kPerTransaction = 1000;
constexpr int kColdRuns = 100;
constexpr long kDocumentsPerRun = 50;  // at the least: a small run is a short one
constexpr auto kRest = std::chrono::seconds(3);
const std::vector<std::string> kThreaded = {"document by key", "ten rows of a key",
                                            "ten rows of a key, documents"};

// What is put, and what parameters are drawn from.
struct Workload {
  std::vector<Document> documents;
  std::vector<std::string> tags;
  std::vector<std::string> sections;
};

struct Draw {
  std::string first{}, second{};
  int64_t number = 0;
};

Workload MakeWorkload(const std::string& path, size_t count) {
  const std::vector<Document> originals = ReadDocuments(path);
  Workload work;
  Database json(":memory:");
  Statement with_id(json.handle(), "SELECT json_set(?1, '$.id', ?2)");
  for (size_t i = 0; i < count; i++) {
    const Document& original = originals[i % originals.size()];
    const std::string id = "id/" + std::to_string(i);
    with_id.Bind(1, original.value).Bind(2, id).Step();
    work.documents.push_back(
        {original.key + "/" + std::to_string(i / originals.size()), with_id.Text(0)});
    with_id.Reset();
  }
  std::mt19937_64 random(7);
  std::shuffle(work.documents.begin(), work.documents.end(), random);

  std::map<std::string, int> tags, sections;
  Statement split(json.handle(),
                  "SELECT value, 1 FROM json_each(?1, '$.tags')"
                  " UNION ALL SELECT ?1 ->> '$.section', 0");
  for (const Document& document : originals) {
    split.Bind(1, document.value);
    while (split.Step()) (split.Text(1) == "1" ? tags : sections)[split.Text(0)]++;
    split.Reset();
  }
  for (const auto& [tag, times] : tags) {
    if (times >= 20) work.tags.push_back(tag);
  }
  for (const auto& [section, times] : sections) work.sections.push_back(section);
  if (work.tags.empty()) Die(path + ": no tag is used often enough");
  return work;
}

// --- a contestant

bool IsStreamview(const std::string& contestant) { return contestant != "sqlite"; }

std::unique_ptr<Database> Open(const std::string& contestant, const std::string& extension,
                               const std::string& directory) {
  auto database = std::make_unique<Database>(directory + "/reads.db");
  database->Execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
  if (IsStreamview(contestant)) {
    database->Load(extension);
  } else {
    database->Execute("PRAGMA cache_size = -65536; PRAGMA mmap_size = 1073741824");
  }
  return database;
}

// Puts new versions of the documents from `first` on, `count` of them, around the end.
void Update(const std::string& contestant, Database& database, const Workload& work, size_t first,
            size_t count) {
  Statement change(database.handle(),
                   "SELECT json_set(?1, '$.installed_size', (?1 ->> '$.installed_size') + 1)");
  Statement put(database.handle(), IsStreamview(contestant)
                                       ? "INSERT INTO log(key, value) VALUES (?1, ?2)"
                                       : "UPDATE docs SET value = ?2 WHERE key = ?1");
  for (size_t i = 0; i < count; i++) {
    if (i % kPerTransaction == 0) database.Execute(i == 0 ? "BEGIN" : "COMMIT; BEGIN");
    const Document& document = work.documents[(first + i) % work.documents.size()];
    change.Bind(1, document.value).Step();
    const std::string value = change.Text(0);
    put.Bind(1, document.key).Bind(2, value).Run();
    change.Reset();
  }
  database.Execute("COMMIT");
}

void Load(const std::string& contestant, Database& database, const Workload& work) {
  database.Execute(IsStreamview(contestant) ? kStreamviewSchema : kSqliteSchema);
  {
    Statement put(database.handle(), IsStreamview(contestant)
                                         ? "INSERT INTO log(key, value) VALUES (?1, ?2)"
                                         : "INSERT INTO docs(key, value) VALUES (?1, ?2)");
    for (size_t i = 0; i < work.documents.size(); i++) {
      if (i % kPerTransaction == 0) database.Execute(i == 0 ? "BEGIN" : "COMMIT; BEGIN");
      put.Bind(1, work.documents[i].key).Bind(2, work.documents[i].value).Run();
    }
    database.Execute("COMMIT");
  }
  Update(contestant, database, work, 0, work.documents.size() / 10);
  database.Execute(IsStreamview(contestant) ? "SELECT sv_wait(sv_head())" : "ANALYZE");
}

// --- one shape

class Drawing {
 public:
  Drawing(const Workload& work, uint64_t seed) : work_(work), random_(seed) {}

  Draw Next(Draws draws) {
    switch (draws) {
      case Draws::kNothing:
        return {};
      case Draws::kKey:
        return {.first = Key()};
      case Draws::kId:
        return {.first = "id/" + std::to_string(Below(work_.documents.size()))};
      case Draws::kTag:
        return {.first = Tag()};
      case Draws::kTwoTags:
        return {.first = Tag(), .second = Tag()};
      case Draws::kTagAndDoc:
        return {.first = Tag(), .second = Key()};
      case Draws::kSize:
        return {.number = static_cast<int64_t>(Below(5000))};
      case Draws::kSeq:
        return {.number = static_cast<int64_t>(Below(work_.documents.size()))};
      case Draws::kSection:
        return {.first = work_.sections[Below(work_.sections.size())]};
      case Draws::kTenKeys:
        return {.first = Keys(10)};
      case Draws::kManyKeys:
        return {.first = Keys(1000)};
    }
    Die("no such draw");
  }

 private:
  size_t Below(size_t bound) { return static_cast<size_t>(random_() % bound); }
  const std::string& Key() { return work_.documents[Below(work_.documents.size())].key; }
  const std::string& Tag() { return work_.tags[Below(work_.tags.size())]; }
  std::string Keys(int count) {
    std::string keys = "[";
    for (int i = 0; i < count; i++) keys += (i == 0 ? "\"" : ",\"") + Key() + "\"";
    return keys + "]";
  }

  const Workload& work_;
  std::mt19937_64 random_;
};

std::vector<Draw> DrawFor(const Workload& work, const Shape& shape, int runs, uint64_t seed) {
  Drawing drawing(work, seed);
  std::vector<Draw> draws;
  for (int i = 0; i < runs; i++) draws.push_back(drawing.Next(shape.draws));
  return draws;
}

// Runs the statement and reads all columns; returns the number of rows.
int64_t Read(Statement& statement, Draws kind, const Draw& draw) {
  switch (kind) {
    case Draws::kNothing:
      break;
    case Draws::kSize:
    case Draws::kSeq:
      statement.Bind(1, draw.number);
      break;
    case Draws::kTwoTags:
    case Draws::kTagAndDoc:
      statement.Bind(1, draw.first).Bind(2, draw.second);
      break;
    default:
      statement.Bind(1, draw.first);
  }
  int64_t rows = 0;
  for (; statement.Step(); rows++) {
    for (int column = 0; column < statement.columns(); column++) statement.Touch(column);
  }
  statement.Reset();
  return rows;
}

std::vector<double> TimeEach(Statement& statement, const Shape& shape,
                             const std::vector<Draw>& draws, int64_t* rows) {
  std::vector<double> times;
  for (const Draw& draw : draws) {
    const auto start = Clock::now();
    *rows += Read(statement, shape.draws, draw);
    times.push_back(Since(start));
  }
  return times;
}

const std::string& SqlOf(const std::string& contestant, const Shape& shape) {
  return IsStreamview(contestant) ? shape.streamview : shape.sqlite;
}

void Note(const std::string& part, const Shape& shape, std::vector<double>& times, int64_t rows,
          Metrics& metrics) {
  const std::string name = part + "\t" + shape.name + "\t";
  metrics[name + "p50"] = Percentile(times, 0.5);
  metrics[name + "p99"] = Percentile(times, 0.99);
  metrics[name + "rows"] = static_cast<double>(rows);
}

// --- the parts

struct Task {
  std::string contestant;
  std::string extension;
  std::string directory;
  const Workload& work;
  std::vector<Shape> shapes;
};

// All shapes. Each value is read once before it counts, but for one that writes.
void MeasureShapes(const Task& task, const std::string& part, Database& database,
                   Metrics& metrics) {
  for (const Shape& shape : task.shapes) {
    Statement statement(database.handle(), SqlOf(task.contestant, shape));
    const std::vector<Draw> draws = DrawFor(task.work, shape, shape.runs, 11);
    int64_t rows = 0;
    if (!shape.changes) TimeEach(statement, shape, draws, &rows);
    std::vector<double> times = TimeEach(statement, shape, draws, &rows);
    Note(part, shape, times, rows, metrics);
  }
}

Metrics MeasureRested(const Task& task) {
  Metrics metrics;
  const double before = PeakMegabytes();
  const std::unique_ptr<Database> database = Open(task.contestant, task.extension, task.directory);
  Load(task.contestant, *database, task.work);
  std::this_thread::sleep_for(kRest);
  MeasureShapes(task, "rested", *database, metrics);
  metrics["rested\tpeak megabytes\tp50"] = PeakMegabytes() - before;
  return metrics;
}

// A process that holds the log for as long as this lives.
class Holder {
 public:
  explicit Holder(const Task& task) {
    int ready[2];
    if (pipe(ready) != 0 || pipe(until_) != 0) Die("no pipe");
    child_ = fork();
    if (child_ == 0) {
      close(until_[1]);
      const std::unique_ptr<Database> database =
          Open(task.contestant, task.extension, task.directory);
      database->QueryText("SELECT sv_wait(sv_head())");
      char byte = 0;
      std::_Exit(write(ready[1], &byte, 1) == 1 && read(until_[0], &byte, 1) == 0 ? 0 : 1);
    }
    close(ready[1]);
    char byte;
    if (read(ready[0], &byte, 1) != 1) Die("the holder of the log has failed");
    close(ready[0]);
  }
  ~Holder() {
    close(until_[0]);
    close(until_[1]);
    waitpid(child_, nullptr, 0);
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;

 private:
  int until_[2];
  pid_t child_;
};

Metrics MeasureClient(const Task& task) {
  Metrics metrics;
  const std::unique_ptr<Database> database = Open(task.contestant, task.extension, task.directory);
  if (database->QueryText("SELECT holder FROM sv_status LIMIT 1") == std::to_string(getpid())) {
    Die("the log should be held by another process");
  }
  MeasureShapes(task, "client", *database, metrics);
  return metrics;
}

void DropPageCache() {
  sync();
  std::ofstream("/proc/sys/vm/drop_caches") << 1;
}

Metrics MeasureCold(const Task& task) {
  Metrics metrics;
  DropPageCache();
  const std::unique_ptr<Database> database = Open(task.contestant, task.extension, task.directory);
  for (const Shape& shape : task.shapes) {
    if (shape.draws == Draws::kNothing || shape.changes) continue;
    Statement statement(database->handle(), SqlOf(task.contestant, shape));
    int64_t rows = 0;
    std::vector<double> times = TimeEach(
        statement, shape, DrawFor(task.work, shape, std::min(shape.runs, kColdRuns), 13), &rows);
    Note("cold", shape, times, rows, metrics);
  }
  return metrics;
}

Metrics MeasureThreads(const Task& task) {
  Metrics metrics;
  for (const Shape& shape : task.shapes) {
    if (std::find(kThreaded.begin(), kThreaded.end(), shape.name) == kThreaded.end()) continue;
    for (const int threads : {1, 2, 4}) {
      std::vector<std::unique_ptr<Database>> databases;
      for (int i = 0; i < threads; i++) {
        databases.push_back(Open(task.contestant, task.extension, task.directory));
      }
      std::vector<std::vector<double>> times(threads);
      std::vector<int64_t> rows(threads);
      std::vector<std::thread> running;
      for (int i = 0; i < threads; i++) {
        running.emplace_back([&, i] {
          Statement statement(databases[i]->handle(), SqlOf(task.contestant, shape));
          const std::vector<Draw> draws = DrawFor(task.work, shape, shape.runs, 17 + i);
          times[i] = TimeEach(statement, shape, draws, &rows[i]);
        });
      }
      for (std::thread& thread : running) thread.join();
      for (int i = 1; i < threads; i++) {
        times[0].insert(times[0].end(), times[i].begin(), times[i].end());
        rows[0] += rows[i];
      }
      Note("threads " + std::to_string(threads), shape, times[0], rows[0], metrics);
    }
  }
  return metrics;
}

Metrics MeasureUpdated(const Task& task) {
  Metrics metrics;
  const std::unique_ptr<Database> database = Open(task.contestant, task.extension, task.directory);
  const size_t count = task.work.documents.size();
  Update(task.contestant, *database, task.work, count / 2, count * 3 / 10);
  MeasureShapes(task, "updated", *database, metrics);
  return metrics;
}

Metrics MeasureAll(const std::string& contestant, const std::string& extension,
                   const Workload& work, const std::vector<Shape>& shapes) {
  const ScratchDirectory directory;
  Task task{contestant, extension, directory.path(), work, shapes};
  Metrics all;
  const auto add = [&](Metrics (*measure)(const Task&)) {
    all.merge(RunInChild([&] { return measure(task); }));
  };
  add(MeasureRested);
  add(MeasureCold);
  add(MeasureThreads);
  if (IsStreamview(contestant)) {  // but for UPDATE, after which it would have more than SQLite
    std::erase_if(task.shapes, [](const Shape& shape) { return shape.changes; });
    const Holder holder(task);
    add(MeasureClient);
    task.shapes = shapes;
  }
  add(MeasureUpdated);
  return all;
}

// --- all rounds

using Rounds = std::map<std::string, std::vector<double>>;  // by the name of what was measured

void ExpectSameRows(const Metrics& streamview, const Metrics& sqlite) {
  for (const auto& [name, rows] : sqlite) {
    if (!name.ends_with("\trows")) continue;
    const auto other = streamview.find(name);
    if (other == streamview.end() || other->second != rows) Die("different answers: " + name);
  }
}

double MedianOf(Rounds& rounds, const std::string& name) {
  const auto found = rounds.find(name);
  return found == rounds.end() ? 0 : Median(found->second);
}

// The client's times are compared with the holder's.
void PrintShape(const std::string& part, const Shape& shape, Rounds& streamview, Rounds& sqlite) {
  const bool is_client = part == "client";
  const std::string name = "\t" + shape.name + "\t";
  const double p50 = MedianOf(streamview, part + name + "p50");
  if (p50 == 0) return;
  const double other = is_client ? MedianOf(streamview, "rested" + name + "p50")
                                 : MedianOf(sqlite, part + name + "p50");
  const double other_p99 = is_client ? MedianOf(streamview, "rested" + name + "p99")
                                     : MedianOf(sqlite, part + name + "p99");
  std::printf("%s\t%s\t%.4g\t%.4g\t%.2f\t%.4g\t%.4g", part.c_str(), shape.name.c_str(), other, p50,
              p50 / other, other_p99, MedianOf(streamview, part + name + "p99"));
  if (part == "rested" && shape.least > 0) std::printf("\t%g\t%g", shape.least, shape.goal);
  std::printf("\n");
}

void Run(const std::string& extension, const Workload& work, int rounds,
         const std::vector<Shape>& shapes) {
  Rounds streamview, sqlite;
  for (int i = 0; i < rounds; i++) {
    std::map<std::string, Metrics> round;
    for (const std::string contestant :
         {i % 2 == 0 ? "streamview" : "sqlite", i % 2 == 0 ? "sqlite" : "streamview"}) {
      round[contestant] = MeasureAll(contestant, extension, work, shapes);
    }
    ExpectSameRows(round["streamview"], round["sqlite"]);
    for (const auto& [name, value] : round["streamview"]) streamview[name].push_back(value);
    for (const auto& [name, value] : round["sqlite"]) sqlite[name].push_back(value);
  }
  std::printf("# %zu documents, %d rounds; times in us\n", work.documents.size(), rounds);
  std::printf(
      "part\tshape\tsqlite p50\tstreamview p50\tratio\tsqlite p99\tstreamview p99"
      "\tleast\tgoal\n");
  for (const std::string part :
       {"rested", "updated", "cold", "threads 1", "threads 2", "threads 4", "client"}) {
    for (const Shape& shape : shapes) PrintShape(part, shape, streamview, sqlite);
  }
  std::printf("# peak memory, MB: streamview %.0f, sqlite %.0f\n",
              MedianOf(streamview, "rested\tpeak megabytes\tp50"),
              MedianOf(sqlite, "rested\tpeak megabytes\tp50"));
}

}  // namespace
}  // namespace streamview::bench

int main(int argc, char** argv) {
  using namespace streamview::bench;
  if (argc < 3) {
    Die("usage: reads <streamview.so> <documents.jsonl> [<count> [<rounds> [<shape>]]]");
  }
  const long count = argc > 3 ? std::atol(argv[3]) : 300000;
  const int rounds = argc > 4 ? std::atoi(argv[4]) : 3;
  if (count < 100 || rounds < 1) Die("count must be 100 or more, and rounds a positive number");
  std::vector<Shape> shapes = ReadShapes();
  for (Shape& shape : shapes) {
    shape.runs = std::min(shape.runs, static_cast<int>(count / kDocumentsPerRun));
  }
  if (argc > 5) {
    std::erase_if(
        shapes, [&](const Shape& shape) { return shape.name.find(argv[5]) == std::string::npos; });
    if (shapes.empty()) Die(std::string("no shape has this in its name: ") + argv[5]);
  }
  Run(argv[1], MakeWorkload(argv[2], static_cast<size_t>(count)), rounds, shapes);
  return 0;
}
