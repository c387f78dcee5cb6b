// A log whose directory holds anything at all: it opens or is refused, and whatever is asked of it
// is answered or refused, without a crash and without an end that does not come.
//
// The input is a list of entries of the column families, some well-formed, some any bytes.

#include <rocksdb/env.h>

#include <memory>

#include "core/codec/checkpoint.h"
#include "core/codec/index_entry.h"
#include "core/codec/key_codec.h"
#include "core/codec/record.h"
#include "core/codec/varint.h"
#include "core/docs/doc_index.h"
#include "core/local_engine.h"
#include "core/map/json_path_mapper.h"
#include "core/storage/rocks.h"
#include "tests/fuzz/fuzz_target.h"

namespace streamview::fuzz {
namespace {

constexpr char kLogId[] = "0123456789abcdef0123456789abcdef";
constexpr char kViewId[] = "v";
constexpr int kMaxRows = 300;  // that a cursor is followed for

// A disk of its own for one input.
class MemoryDisk {
 public:
  MemoryDisk() : env_(rocksdb::NewMemEnv(rocksdb::Env::Default())) {
    Database::SetEnvForTesting(env_.get());
  }
  ~MemoryDisk() { Database::SetEnvForTesting(nullptr); }

 private:
  const std::unique_ptr<rocksdb::Env> env_;
};

std::string SeqKey(Seq seq) {
  std::string key;
  AppendBigEndian64(&key, seq);
  return key;
}

Seq TakeSeq(Input& input) {
  const uint8_t kind = input.TakeByte();
  return kind < 250 ? kind % 16 : input.TakeInteger();
}

std::string TakeSeqBytes(Input& input) {
  std::string bytes;
  AppendVarint(&bytes, TakeSeq(input));
  return bytes;
}

std::string TakeCheckpoint(Input& input) {
  constexpr uint64_t kEpoch = 1;  // of a log that was never adopted
  std::string bytes;
  AppendCheckpoint(&bytes, {kEpoch, TakeSeq(input)});
  return bytes;
}

std::string TakeVersion(Input& input) {
  DocVersion version{TakeSeq(input), input.TakeBool(), input.TakeBool()};
  std::string bytes;
  AppendVersion(&bytes, version);
  return bytes;
}

ViewDefinition TakeDefinition(Input& input) {
  ViewDefinition definition;
  definition.name = "tags";
  definition.log_name = "events";
  definition.kind = input.TakeBelow(8) == 0 ? MapKind::kSql : MapKind::kJsonPath;
  definition.emit_path = input.TakeBool() ? "$.t[*]" : "$";
  definition.columns.assign(1 + input.TakeBelow(4), "c");
  definition.key_columns = static_cast<uint32_t>(1 + input.TakeBelow(4));
  definition.on_error = input.TakeBool() ? OnError::kStop : OnError::kSkip;
  return definition;
}

std::string TakeCatalogEntry(Input& input) {
  std::string bytes = "\1";
  for (const std::string& text :
       {std::string("mrview-v"), std::string(input.TakeBool() ? "mrview-w" : ""),
        TakeDefinition(input).Encode()}) {
    AppendVarint(&bytes, text.size());
    bytes += text;
  }
  return bytes;
}

struct Families {
  LogStore* log;
  DerivedStore* derived;
  std::shared_ptr<ColumnFamily> docs, view, building;
};

void PutBytes(Database* store, rocksdb::ColumnFamilyHandle* family, std::string_view key,
              std::string_view value) {
  FUZZ_CHECK(store->db()->Put(rocksdb::WriteOptions(), family, ToSlice(key), ToSlice(value)).ok());
}

void PutLogEntry(LogStore* store, Input& input) {
  const Seq seq = TakeSeq(input);
  std::string record;
  AppendRecord(&record, 1000, input.TakeValue(), input.TakeValue());
  if (input.TakeBelow(4) == 0) record[0] = ContinuesMark(record[0]);
  PutBytes(store, store->log(), SeqKey(seq), record);
}

void PutDocsEntry(const Families& families, Input& input) {
  using std::string_literals::operator""s;
  const auto put = [&](const std::string& key, const std::string& value) {
    PutBytes(families.derived, families.docs->handle(), key, value);
  };
  std::string key;
  switch (input.TakeBelow(3)) {
    case 0:
      return put("\0checkpoint"s, TakeCheckpoint(input));
    case 1:
      return put("\1" + SeqKey(TakeSeq(input)), TakeVersion(input));
    default:
      AppendKeyColumn(&key, input.TakeValue());
      return put(key, TakeVersion(input));
  }
}

void PutViewEntry(DerivedStore* store, rocksdb::ColumnFamilyHandle* family, Input& input) {
  using std::string_literals::operator""s;
  std::string key, value;
  switch (input.TakeBelow(4)) {
    case 0:
      return PutBytes(store, family, "\0checkpoint"s, TakeCheckpoint(input));
    case 1:
      return PutBytes(store, family, "\0readable_from"s, TakeSeqBytes(input));
    case 2:
      AppendTypedValue(&value, input.TakeValue());
      return PutBytes(store, family, "\1" + SeqKey(TakeSeq(input)), value + "why");
    default: {
      const ValueView columns[] = {input.TakeValue(), input.TakeValue()};
      const ValueView doc_id = input.TakeValue();
      AppendIndexKey(&key, std::span(columns, 1), doc_id, input.TakeBool(), input.TakeByte());
      AppendIndexValue(&value, TakeSeq(input), input.TakeByte(), std::span(columns, 1), doc_id,
                       std::span(columns + 1, 1));
      return PutBytes(store, family, key, value);
    }
  }
}

void PutMetadata(LogStore* store, Input& input) {
  std::string bytes;
  switch (input.TakeBelow(3)) {
    case 0:
      return PutBytes(store, store->meta(), std::string("view/") + kViewId,
                      TakeCatalogEntry(input));
    case 1:
      AppendVarint(&bytes, TakeSeq(input));
      AppendVarint(&bytes, TakeSeq(input));
      for (int i = 0; i < 2; i++) {
        const std::string_view token = input.TakeString();
        AppendVarint(&bytes, token.size());
        bytes += token;
      }
      return PutBytes(store, store->meta(), "conditional", bytes);
    default:
      return PutBytes(store, store->meta(), input.TakeString(), input.TakeString());
  }
}

void PutEntry(const Families& families, Input& input) {
  const uint8_t kind = input.TakeByte() % 16;
  if (kind < 6) return PutLogEntry(families.log, input);
  if (kind < 9) return PutDocsEntry(families, input);
  if (kind < 11) return PutMetadata(families.log, input);
  if (kind < 13) return PutViewEntry(families.derived, families.view->handle(), input);
  if (kind < 14) return PutViewEntry(families.derived, families.building->handle(), input);
  struct Place {
    Database* store;
    rocksdb::ColumnFamilyHandle* family;
  };
  const Place places[] = {{families.log, families.log->log()},
                          {families.derived, families.docs->handle()},
                          {families.log, families.log->meta()},
                          {families.derived, families.view->handle()},
                          {families.derived, families.building->handle()}};
  const std::string_view key = input.TakeString();
  const Place& place = places[input.TakeBelow(std::size(places))];
  PutBytes(place.store, place.family, key, input.TakeString());
}

void Fill(Input& input) {
  StoreOptions options;
  options.directory = "/log";
  options.create = true;
  const Result<std::unique_ptr<LogStore>> log = LogStore::Open(options);
  FUZZ_CHECK(log.ok());
  const Result<std::unique_ptr<DerivedStore>> derived = DerivedStore::Open(options, kLogId);
  FUZZ_CHECK(derived.ok());
  Result<std::shared_ptr<ColumnFamily>> view = (*derived)->CreateViewFamily("v");
  Result<std::shared_ptr<ColumnFamily>> building = (*derived)->CreateViewFamily("w");
  FUZZ_CHECK(view.ok() && building.ok());
  const Families families{log->get(), derived->get(), (*derived)->docs(), *view, *building};
  PutBytes(families.log, families.log->meta(), "log_id", kLogId);
  for (int n = 0; !input.empty() && n < 64; n++) PutEntry(families, input);
}

template <typename Cursor, typename Look>
void Follow(const std::unique_ptr<Cursor>& cursor, Look look) {
  for (int n = 0; cursor->Valid() && n < kMaxRows; n++) {
    look(*cursor);
    cursor->Next();
  }
  (void)cursor->status();
}

void ReadLog(Engine& engine) {
  const Seq head = engine.Head();
  for (const bool reverse : {false, true}) {
    LogRange range;
    range.first = 1;
    range.last = head;
    range.reverse = reverse;
    Follow(engine.ScanLog(range), [&](LogCursor& cursor) {
      const auto history = engine.ScanHistory(cursor.entry().key, WaitOptions());
      if (history.ok()) Follow(*history, [](LogCursor& version) { (void)version.entry(); });
    });
  }
  for (const auto& docs :
       {engine.ReadDocs(head, WaitOptions()), engine.ReadDocsAsOf(head / 2, WaitOptions())}) {
    if (!docs.ok()) continue;
    for (const bool reverse : {false, true}) {
      DocRange range;
      range.reverse = reverse;
      Follow((*docs)->NewCursor(range), [](DocCursor& cursor) { (void)cursor.ReadEntry(); });
    }
  }
  (void)engine.FindVersion(ValueView::Text("a"), head, WaitOptions());
  (void)engine.CheckIntegrity(WaitOptions());
}

void ReadView(View& view, Seq head) {
  const auto snapshot = view.Read(head, WaitOptions());
  if (snapshot.ok()) {
    const size_t columns = view.definition().columns.size();
    for (const bool reverse : {false, true}) {
      ViewRange range;
      range.reverse = reverse;
      Follow((*snapshot)->NewCursor(range), [columns](ViewCursor& cursor) {
        for (size_t i = 0; i < columns; i++) (void)cursor.column(i);
        (void)cursor.row_id();
        (void)cursor.ReadDocument();
      });
    }
  }
  (void)view.ListErrors(0, 100);
  (void)view.GetStatus();
  (void)view.CheckIntegrity(WaitOptions());
}

void Use(Engine& engine) {
  ReadLog(engine);
  const Result<std::shared_ptr<View>> view = engine.FindView(kViewId);
  if (view.ok()) ReadView(**view, engine.Head());
  const Result<Seq> appended = engine.AppendNow(
      ValueView::Text("a"), ValueView::Text("{\"t\":[1]}"), SyncMode::kNormal, WaitOptions());
  FUZZ_CHECK(!appended.ok() || *appended == engine.Head());
  if (!view.ok()) return;
  (void)(*view)->Rebuild(WaitOptions());
  ReadView(**view, engine.Head());
  (void)(*view)->Optimize(WaitOptions());
  ReadView(**view, engine.Head());
}

Result<std::unique_ptr<Mapper>> NewMapper(const ViewDefinition& definition) {
  if (definition.kind == MapKind::kJsonPath) return NewJsonPathMapper(definition);
  return Status::InvalidArgument("no SQL here");
}

}  // namespace
}  // namespace streamview::fuzz

FUZZ_TARGET(stored_log) {
  using namespace streamview;
  const fuzz::MemoryDisk disk;
  const std::string token(input.TakeString());
  fuzz::Fill(input);
  EngineOptions options;
  options.directory = "/log";
  options.log_id = fuzz::kLogId;
  options.name = "events";
  options.view_ids = {fuzz::kViewId};
  options.mapper_factory = fuzz::NewMapper;
  options.committed_token = [&](const std::string&) { return Result<std::string>(token); };
  options.background = false;
  for (const bool adopt : {false, true}) {
    options.adopt = adopt;
    const Result<std::unique_ptr<LocalEngine>> engine =
        LocalEngine::Open(options, /*create=*/false, Status::Ok());
    if (engine.ok()) fuzz::Use(**engine);
  }
}
