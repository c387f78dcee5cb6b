#include "core/index/index_check.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "core/log/log_reader.h"
#include "core/storage/rocks.h"

namespace streamview {

namespace {

// A map may take long for each entry.
constexpr Seq kPollEvery = 16;

}  // namespace

Status IndexCheck::CheckSuperseded() {
  constexpr Seq kStep = 1 << 16;
  std::vector<Supersession> list;
  uint64_t count = 0;
  bool same = true;
  for (Seq after = 0; after < state_.seq; after += kStep) {
    SV_RETURN_IF_ERROR(wait_.CheckInterrupted());
    list.clear();
    SV_RETURN_IF_ERROR(
        index_.docs().ListSupersessions(after, std::min(after + kStep, state_.seq), &list));
    count += list.size();
    for (const Supersession& s : list) same = same && state_.superseded.Contains(s.superseded);
  }
  if (!same || count != state_.superseded.size()) {
    findings_.Add("its superseded entries are not those of the document index");
  }
  return Status::Ok();
}

Status IndexCheck::ForEachCounting(const std::function<Status(const Entry& entry)>& visit) {
  for (Seq next = 1; next <= state_.seq;) {
    SV_RETURN_IF_ERROR(wait_.CheckInterrupted());
    EntryBatch batch;
    SV_RETURN_IF_ERROR(ReadStoredBatch(index_.log(), next, state_.seq, BlockCache::kSpare, &batch));
    for (const Entry& entry : batch.entries()) {
      if (entry.seq % kPollEvery == 0) SV_RETURN_IF_ERROR(wait_.CheckInterrupted());
      if (entry.is_tombstone() || state_.superseded.Contains(entry.seq)) continue;
      SV_RETURN_IF_ERROR(visit(entry));
    }
    next = batch.last() + 1;
  }
  return Status::Ok();
}

void IndexCheck::CheckError(const Entry& entry, bool mapped) {
  if (mapped != state_.errors.Contains(entry.seq)) return;
  findings_.Add("entry " + std::to_string(entry.seq) +
                (mapped ? " is recorded as an error, and its map has none"
                        : " is no recorded error, and its map fails"));
}

Status IndexCheck::ForEachStored(
    std::string_view from,
    const std::function<Result<bool>(std::string_view key, std::string_view value)>& visit) {
  std::unique_ptr<rocksdb::Iterator> it(
      index_.db()->NewIterator(read_options_, index_.family()->handle()));
  uint64_t n = 0;
  for (it->Seek(ToSlice(from)); it->Valid(); it->Next()) {
    if (n++ % kBatchEntries == 0) SV_RETURN_IF_ERROR(wait_.CheckInterrupted());
    SV_ASSIGN_OR_RETURN(const bool more, visit(ToView(it->key()), ToView(it->value())));
    if (!more) return Status::Ok();
  }
  return index_.CheckRead(it->status());
}

}  // namespace streamview
