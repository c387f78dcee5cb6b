// Log records: any bytes are decoded or refused, and what is decoded has no other encoding; entries
// come back.

#include "core/codec/record.h"

#include "tests/fuzz/fuzz_target.h"

namespace streamview::fuzz {
namespace {

void CheckArbitrary(std::string_view bytes) {
  Entry entry;
  if (DecodeRecord(bytes, 1, &entry).ok()) {
    std::string again;
    AppendRecord(&again, entry.time_ms, entry.key, entry.value);
    if (entry.continues) again[0] = ContinuesMark(again[0]);
    FUZZ_CHECK(again == bytes);
  }
  std::string_view rest = bytes;
  ValueView value;
  if (ReadTypedValue(&rest, &value)) {
    std::string again;
    AppendTypedValue(&again, value);
    FUZZ_CHECK(again == bytes.substr(0, bytes.size() - rest.size()));
  }
}

void CheckEntry(Input& input) {
  const auto time_ms = static_cast<int64_t>(input.TakeInteger());
  const bool continues = input.TakeBool();
  const ValueView key = input.TakeValue(), value = input.TakeValue();
  std::string record;
  AppendRecord(&record, time_ms, key, value);
  if (continues) record[0] = ContinuesMark(record[0]);
  Entry entry;
  FUZZ_CHECK(DecodeRecord(record, 7, &entry).ok());
  FUZZ_CHECK(entry.seq == 7 && entry.time_ms == time_ms && entry.continues == continues);
  FUZZ_CHECK(Identical(entry.key, key) && Identical(entry.value, value));
  // No part of a record is one.
  FUZZ_CHECK(!DecodeRecord(std::string_view(record).substr(0, record.size() - 1), 7, &entry).ok());
}

}  // namespace
}  // namespace streamview::fuzz

FUZZ_TARGET(record) {
  using namespace streamview::fuzz;
  if (input.TakeBool()) return CheckArbitrary(input.TakeRest());
  CheckEntry(input);
}
