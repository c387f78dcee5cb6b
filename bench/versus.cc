// streamview against plain SQLite and raw RocksDB: how fast documents are taken in, changed, found,
// indexed anew and read back, side by side, on the same documents.
//
//   versus <streamview.so> <documents.jsonl> [<count> [<rounds> [<contestant>...]]]
//
// Every contestant holds `count` documents (default: 300,000; those of the file, again and again
// under other keys, shuffled) under their keys, and two indexes: one row per tag, and one by the
// numeric field installed_size.
//
//   streamview      a log and two views by JSON path
//   streamview_sql  the same, with views by SQL maps
//   sqlite          a table, a table of tags kept by triggers, and an index on the expression; with
//                   all that makes it faster: WAL, 64 MB cache, 1 GB mmap, rare checkpoints
//   rocksdb         RocksDB by hand: the documents by number, without any index
//
// Each round runs each contestant in a process of its own, on a new database under $TMPDIR, with
// synchronous=NORMAL; rounds alternate who goes first. Prints one line `contestant metric value`
// for the median of each figure; nothing is asserted, but that all give the same answers.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>

#include "bench/contestant.h"
#include "bench/support.h"

namespace streamview::bench {
namespace {

constexpr int kQueries = 4000;

// What all contestants do, chosen once.
struct Workload {
  std::vector<Document> documents;
  std::vector<Document> updates;  // of a tenth of them
  std::vector<Document> puts;     // each with a tag of its own
  std::vector<std::string> put_tags;
  std::vector<std::string> tags;  // each of ten documents or more
  std::vector<int64_t> sizes;
};

Workload MakeWorkload(const std::string& path, size_t count) {
  const std::vector<Document> originals = ReadDocuments(path);
  Workload work;
  std::mt19937_64 random(7);
  for (size_t i = 0; i < count; ++i) {
    const Document& original = originals[i % originals.size()];
    work.documents.push_back(
        {original.key + "/" + std::to_string(i / originals.size()), original.value});
  }
  std::shuffle(work.documents.begin(), work.documents.end(), random);

  Database json(":memory:");
  Statement change(json.handle(),
                   "SELECT json_set(?1, '$.installed_size', (?1 ->> '$.installed_size') + 1,"
                   " '$.tags[#]', ?2)");
  const auto changed = [&](const Document& document, const std::string& tag) {
    change.Bind(1, document.value).Bind(2, tag).Step();
    Document result{document.key, change.Text(0)};
    change.Reset();
    return result;
  };
  for (size_t i = 0; i < count / 10; ++i) {
    work.updates.push_back(changed(work.documents[random() % count], "updated::yes"));
  }
  for (int i = 0; i < kQueries; ++i) {
    work.put_tags.push_back("put::" + std::to_string(i));
    work.puts.push_back(changed(work.documents[random() % count], work.put_tags.back()));
  }
  Statement tags(json.handle(), "SELECT value FROM json_each(?1, '$.tags')");
  std::map<std::string, int> frequency;
  for (const Document& document : originals) {
    tags.Bind(1, document.value);
    while (tags.Step()) frequency[tags.Text(0)]++;
    tags.Reset();
  }
  std::vector<std::string> frequent;
  for (const auto& [tag, times] : frequency) {
    if (times >= 20) frequent.push_back(tag);
  }
  if (frequent.empty()) Die(path + ": no tag is used often enough");
  for (int i = 0; i < kQueries; ++i) {
    work.tags.push_back(frequent[random() % frequent.size()]);
    work.sizes.push_back(static_cast<int64_t>(random() % 5000));
  }
  return work;
}

// --- one round of one contestant

// Runs `query` with each of the values, twice; returns the times of the second pass.
template <typename Values, typename Query>
std::vector<double> TimeEach(const Values& values, const Query& query) {
  std::vector<double> times;
  for (const bool measured : {false, true}) {
    for (const auto& value : values) {
      const auto start = Clock::now();
      query(value);
      if (measured) times.push_back(Since(start));
    }
  }
  return times;
}

void MeasurePuts(Contestant& contestant, const Workload& work, Metrics& metrics) {
  auto start = Clock::now();
  contestant.PutAll(work.documents);
  metrics["insert_acknowledged"] = static_cast<double>(work.documents.size()) / Since(start);
  contestant.AwaitIndexes();
  metrics["insert_complete"] = static_cast<double>(work.documents.size()) / Since(start);
  start = Clock::now();
  contestant.PutAll(work.updates);
  contestant.AwaitIndexes();
  metrics["update_complete"] = static_cast<double>(work.updates.size()) / Since(start);
}

void MeasureReads(Contestant& contestant, const Workload& work, Metrics& metrics) {
  int64_t rows = 0;
  std::vector<double> lookups =
      TimeEach(work.tags, [&](const std::string& tag) { rows += contestant.Lookup(tag); });
  metrics["lookup_p50"] = Percentile(lookups, 0.5);
  metrics["lookup_p99"] = Percentile(lookups, 0.99);
  metrics["check_lookup_rows"] = static_cast<double>(rows);
  rows = 0;
  std::vector<double> ranges =
      TimeEach(work.sizes, [&](int64_t size) { rows += contestant.Range(size); });
  metrics["range_p50"] = Percentile(ranges, 0.5);
  metrics["range_p99"] = Percentile(ranges, 0.99);
  metrics["check_range_rows"] = static_cast<double>(rows);
}

void MeasureReadYourWrites(Contestant& contestant, const Workload& work, Metrics& metrics) {
  std::vector<double> times;
  for (size_t i = 0; i < work.puts.size(); ++i) {
    const auto start = Clock::now();
    contestant.Put(work.puts[i]);
    const int64_t found = contestant.Lookup(work.put_tags[i]);
    times.push_back(Since(start));
    if (found != 1) Die("a document that was put was not found");
  }
  metrics["put_read_p50"] = Percentile(times, 0.5);
  metrics["put_read_p99"] = Percentile(times, 0.99);
}

Metrics RunRound(const std::string& name, const std::string& extension, const Workload& work) {
  const ScratchDirectory directory;
  Metrics metrics;
  const double before = PeakMegabytes();
  const std::unique_ptr<Contestant> contestant = NewContestant(name, extension, directory.path());
  MeasurePuts(*contestant, work, metrics);
  if (contestant->answers_queries()) {
    MeasureReads(*contestant, work, metrics);
    MeasureReadYourWrites(*contestant, work, metrics);
    const auto start = Clock::now();
    contestant->RebuildTags();
    metrics["rebuild_seconds"] = Since(start);
    metrics["check_index"] = contestant->IndexDigest();
  }
  metrics["peak_megabytes"] = PeakMegabytes() - before;
  contestant->Close();
  metrics["disk_megabytes"] = directory.Megabytes();
  return metrics;
}

// --- all rounds

using Results = std::map<std::string, std::map<std::string, std::vector<double>>>;

void ExpectSameAnswers(const std::map<std::string, Metrics>& round) {
  const auto& [first_name, first] = *round.begin();
  for (const auto& [name, metrics] : round) {
    for (const auto& [metric, value] : metrics) {
      const auto other = first.find(metric);
      if (metric.rfind("check_", 0) != 0 || other == first.end() || other->second == value)
        continue;
      Die(metric + " is " + std::to_string(value) + " for " + name + ", and " +
          std::to_string(other->second) + " for " + first_name);
    }
  }
}

void Run(const std::string& extension, const Workload& work, int rounds,
         std::vector<std::string> contestants) {
  Results results;
  for (int i = 0; i < rounds; ++i) {
    std::map<std::string, Metrics> round;
    for (const std::string& name : contestants) {
      round[name] = RunInChild([&] { return RunRound(name, extension, work); });
      for (const auto& [metric, value] : round[name]) results[name][metric].push_back(value);
    }
    ExpectSameAnswers(round);
    std::reverse(contestants.begin(), contestants.end());
  }
  std::printf("# %zu documents, %d rounds\n", work.documents.size(), rounds);
  for (auto& [name, metrics] : results) {
    for (auto& [metric, values] : metrics) {
      if (metric.rfind("check_", 0) == 0) continue;
      std::printf("%s %s %.6g\n", name.c_str(), metric.c_str(), Median(values));
    }
  }
}

}  // namespace
}  // namespace streamview::bench

int main(int argc, char** argv) {
  using namespace streamview::bench;
  if (argc < 3) {
    Die("usage: versus <streamview.so> <documents.jsonl> [<count> [<rounds> [<contestant>...]]]");
  }
  const long count = argc > 3 ? std::atol(argv[3]) : 300000;
  const int rounds = argc > 4 ? std::atoi(argv[4]) : 3;
  if (count < 1 || rounds < 1) Die("count and rounds must be positive numbers");
  std::vector<std::string> contestants(argv + std::min(argc, 5), argv + argc);
  if (contestants.empty()) contestants = {"streamview", "streamview_sql", "sqlite", "rocksdb"};
  Run(argv[1], MakeWorkload(argv[2], static_cast<size_t>(count)), rounds, contestants);
  return 0;
}
