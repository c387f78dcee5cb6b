// The parts, one by one: encoding and decoding, mapping by JSON path, finding in memory.

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "core/base/seq_set.h"
#include "core/codec/index_entry.h"
#include "core/codec/key_codec.h"
#include "core/codec/record.h"
#include "core/index/run_cache.h"
#include "core/map/definition.h"
#include "core/map/json_path_mapper.h"
#include "core/map/row_builder.h"

namespace streamview {
namespace {

const std::string kDocument =
    R"({"package":"hello","version":"2.10-3","section":"devel","installed_size":277,"size":53084,)"
    R"("tags":["devel::examples","implemented-in::c","interface::commandline","role::program"],)"
    R"("depends":["libc6"],"description":"example package based on GNU hello"})";

ViewDefinition TagsDefinition() {
  ViewDefinition definition;
  definition.name = "tags";
  definition.kind = MapKind::kJsonPath;
  definition.emit_path = "$.tags[*]";
  definition.columns = {"key", "value"};
  return definition;
}

Entry DocumentEntry(const std::string& key) {
  Entry entry{};
  entry.seq = 7;
  entry.key = ValueView::Text(key);
  entry.value = ValueView::Text(kDocument);
  return entry;
}

void AppendKey(benchmark::State& state) {
  const ValueView values[] = {ValueView::Text("interface::commandline"), ValueView::Integer(277)};
  std::string key;
  for (auto _ : state) {
    key.clear();
    AppendKeyColumn(&key, values[state.range(0)]);
    benchmark::DoNotOptimize(key.data());
  }
}
BENCHMARK(AppendKey)->ArgName("number")->Arg(0)->Arg(1);

void WriteRecord(benchmark::State& state) {
  std::string record;
  for (auto _ : state) {
    record.clear();
    AppendRecord(&record, 1'700'000'000'000, ValueView::Text("pkg/hello"),
                 ValueView::Text(kDocument));
    benchmark::DoNotOptimize(record.data());
  }
}
BENCHMARK(WriteRecord);

void ReadRecord(benchmark::State& state) {
  std::string record;
  AppendRecord(&record, 1'700'000'000'000, ValueView::Text("pkg/hello"),
               ValueView::Text(kDocument));
  Entry entry;
  for (auto _ : state) {
    if (!DecodeRecord(record, 1, &entry).ok()) state.SkipWithError("the record does not decode");
    benchmark::DoNotOptimize(entry.seq);
  }
}
BENCHMARK(ReadRecord);

// One document to index entries: four rows.
void MapDocument(benchmark::State& state) {
  const ViewDefinition definition = TagsDefinition();
  Result<std::unique_ptr<Mapper>> mapper = NewJsonPathMapper(definition);
  const std::string key = "pkg/hello";
  const Entry entry = DocumentEntry(key);
  for (auto _ : state) {
    RowBuilder rows(definition);
    if (!rows.MapEntry(mapper->get(), entry).ok()) state.SkipWithError("the map fails");
    benchmark::DoNotOptimize(rows.rows());
  }
}
BENCHMARK(MapDocument);

// Rows of `documents` documents in the order of an index.
void SortRows(benchmark::State& state) {
  const ViewDefinition definition = TagsDefinition();
  Result<std::unique_ptr<Mapper>> mapper = NewJsonPathMapper(definition);
  for (auto _ : state) {
    state.PauseTiming();
    RowBuilder rows(definition);
    for (int64_t i = 0; i < state.range(0); i++) {
      const std::string key = "pkg/" + std::to_string(i * 7919 % state.range(0));
      (void)rows.MapEntry(mapper->get(), DocumentEntry(key));
    }
    state.ResumeTiming();
    rows.ForEachSorted(
        [](Seq, std::string_view key, std::string_view) { benchmark::DoNotOptimize(key.data()); });
  }
  state.SetItemsProcessed(state.iterations() * state.range(0) * 4);
}
BENCHMARK(SortRows)->ArgName("documents")->Arg(1000)->Arg(50'000);

void DecodeIndexEntry(benchmark::State& state) {
  const ValueView columns[] = {ValueView::Text("role::program")}, others[] = {ValueView::Null()};
  const ValueView doc_id = ValueView::Text("pkg/hello");
  std::string key, value;
  AppendIndexKey(&key, columns, doc_id, /*is_event=*/false, 0);
  AppendIndexValue(&value, 123456, 2, columns, doc_id, others);
  IndexEntryDecoder decoder(2, 1);
  for (auto _ : state) {
    if (!decoder.Reset(key, value).ok()) state.SkipWithError("the entry does not decode");
    benchmark::DoNotOptimize(decoder.seq());
  }
}
BENCHMARK(DecodeIndexEntry);

void TestSuperseded(benchmark::State& state) {
  std::vector<Seq> seqs;
  for (Seq seq = 0; seq < 1'000'000; seq += 10) seqs.push_back(seq);
  const SeqSet superseded = SeqSet().With(seqs);
  Seq seq = 0;
  for (auto _ : state) {
    seq = (seq + 7919) % 1'000'000;
    benchmark::DoNotOptimize(superseded.Contains(seq));
  }
}
BENCHMARK(TestSuperseded);

void FindRun(benchmark::State& state) {
  RunCache cache;
  const Value key[] = {Value::Text("role::program")};
  const KeyRange range = EncodeKeyRange(key, {}, {}, "");
  cache.Insert(range, /*reverse=*/false, 1, CachedRun());
  for (auto _ : state) benchmark::DoNotOptimize(cache.Find(range, /*reverse=*/false, 1));
}
BENCHMARK(FindRun);

}  // namespace
}  // namespace streamview
