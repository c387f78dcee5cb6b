#include "core/view/view_check.h"

#include "core/base/findings.h"
#include "core/codec/index_entry.h"
#include "core/codec/record.h"
#include "core/log/log_reader.h"
#include "core/storage/rocks.h"
#include "core/view/row_builder.h"

namespace streamview {

namespace {

// A map may take long for each entry.
constexpr Seq kPollEvery = 16;

class ViewCheck {
 public:
  ViewCheck(const Log& log, const IndexSnapshot& snapshot, Mapper* mapper, const WaitOptions& wait)
      : log_(log),
        snapshot_(snapshot),
        index_(*snapshot.index()),
        definition_(index_.definition()),
        mapper_(mapper),
        wait_(wait) {
    options_.snapshot = snapshot.state().snapshot.get();
  }

  Status Run(const DocIndex& docs) {
    SV_RETURN_IF_ERROR(CheckSuperseded(docs));
    SV_RETURN_IF_ERROR(CheckLogAgainstIndex());
    SV_RETURN_IF_ERROR(CheckIndexAgainstLog());
    return findings_.ToStatus("view " + definition_.name);
  }

 private:
  Status CheckSuperseded(const DocIndex& docs) {
    constexpr Seq kStep = 1 << 16;
    std::vector<Supersession> list;
    uint64_t count = 0;
    bool same = true;
    for (Seq after = 0; after < snapshot_.seq(); after += kStep) {
      SV_RETURN_IF_ERROR(wait_.CheckInterrupted());
      list.clear();
      SV_RETURN_IF_ERROR(
          docs.ListSupersessions(after, std::min(after + kStep, snapshot_.seq()), &list));
      count += list.size();
      for (const Supersession& s : list) same = same && snapshot_.IsSuperseded(s.superseded);
    }
    if (!same || count != snapshot_.state().superseded.size()) {
      findings_.Add("its superseded entries are not those of the document index");
    }
    return Status::Ok();
  }

  Status CheckLogAgainstIndex() {
    for (Seq next = 1; next <= snapshot_.seq();) {
      SV_RETURN_IF_ERROR(wait_.CheckInterrupted());
      EntryBatch batch;
      SV_RETURN_IF_ERROR(ReadStoredBatch(log_, next, snapshot_.seq(), &batch));
      for (const Entry& entry : batch.entries()) {
        if (entry.seq % kPollEvery == 0) SV_RETURN_IF_ERROR(wait_.CheckInterrupted());
        if (entry.is_tombstone() || snapshot_.IsSuperseded(entry.seq)) continue;
        SV_RETURN_IF_ERROR(CheckEntry(entry));
      }
      next = batch.last() + 1;
    }
    return Status::Ok();
  }

  Status CheckEntry(const Entry& entry) {
    RowBuilder rows(definition_);
    SV_ASSIGN_OR_RETURN(const bool mapped, rows.MapEntry(mapper_, entry));
    if (mapped == snapshot_.state().errors.Contains(entry.seq)) {
      findings_.Add("entry " + std::to_string(entry.seq) +
                    (mapped ? " is recorded as an error, and its map has none"
                            : " is no recorded error, and its map fails"));
    }
    Status status;
    rows.ForEachSorted([&](Seq seq, std::string_view key, std::string_view value) {
      rows_of_log_++;
      rocksdb::PinnableSlice stored;
      const rocksdb::Status read =
          index_.db()->Get(options_, index_.family()->handle(), ToSlice(key), &stored);
      if (read.IsNotFound()) {
        findings_.Add("the index lacks " + Describe(key, value) + " of entry " +
                      std::to_string(seq));
      } else if (!read.ok()) {
        status = FromRocks(read, "reading " + index_.family()->name());
      } else if (ToView(stored) != value) {
        findings_.Add("the index has other values in " + Describe(key, value) + " of entry " +
                      std::to_string(seq));
      }
    });
    return status;
  }

  // Each row of the index comes from an entry. Where all rows of the log were found, and the index
  // has no more than these, that is shown already.
  Status CheckIndexAgainstLog() {
    uint64_t rows = 0;
    SV_RETURN_IF_ERROR(ForEachRow([&](Seq, std::string_view, std::string_view) {
      rows++;
      return Status::Ok();
    }));
    if (rows == rows_of_log_ && findings_.empty()) return Status::Ok();
    return ForEachRow([this](Seq seq, std::string_view key, std::string_view value) {
      SV_ASSIGN_OR_RETURN(const bool emitted, EmitsKey(seq, key));
      if (!emitted) {
        findings_.Add("the index has " + Describe(key, value) + ", which entry " +
                      std::to_string(seq) + " does not emit");
      }
      return Status::Ok();
    });
  }

  template <typename Visit>
  Status ForEachRow(const Visit& visit) {
    std::unique_ptr<rocksdb::Iterator> it(
        index_.db()->NewIterator(options_, index_.family()->handle()));
    uint64_t n = 0;
    for (it->Seek(ToSlice(kFirstIndexKey)); it->Valid(); it->Next()) {
      if (n++ % kBatchEntries == 0) SV_RETURN_IF_ERROR(wait_.CheckInterrupted());
      Seq seq;
      if (!ReadIndexSeq(ToView(it->value()), &seq)) {
        findings_.Add("an index entry holds no sequence number");
      } else if (!snapshot_.IsSuperseded(seq)) {
        SV_RETURN_IF_ERROR(visit(seq, ToView(it->key()), ToView(it->value())));
      }
    }
    return FromRocks(it->status(), "reading " + index_.family()->name());
  }

  Result<bool> EmitsKey(Seq seq, std::string_view key) {
    rocksdb::PinnableSlice record;
    const Status read = log_.ReadRecord(seq, &record);
    if (read.code() == StatusCode::kNotFound) return false;
    SV_RETURN_IF_ERROR(read);
    Entry entry;
    SV_RETURN_IF_ERROR(DecodeRecord(ToView(record), seq, &entry));
    RowBuilder rows(definition_);
    if (!entry.is_tombstone()) {
      SV_RETURN_IF_ERROR(rows.MapEntry(mapper_, entry).status());
    }
    bool found = false;
    rows.ForEachSorted(
        [&](Seq, std::string_view emitted, std::string_view) { found = found || emitted == key; });
    return found;
  }

  std::string Describe(std::string_view key, std::string_view value) const {
    IndexEntryDecoder decoder(definition_.columns.size(), definition_.key_columns);
    if (!decoder.Reset(key, value).ok()) return "an entry that does not decode";
    std::string text = "row (";
    for (size_t i = 0; i < definition_.key_columns; i++)
      text += ToDisplay(decoder.column(i)) + ", ";
    return text + "document " + ToDisplay(decoder.doc_id()) + ")";
  }

  const Log& log_;
  const IndexSnapshot& snapshot_;
  const ViewIndex& index_;
  const ViewDefinition& definition_;
  Mapper* const mapper_;
  const WaitOptions& wait_;
  rocksdb::ReadOptions options_;
  uint64_t rows_of_log_ = 0;
  Findings findings_;
};

}  // namespace

Status CheckView(const Log& log, const DocIndex& docs, const IndexSnapshot& snapshot,
                 Mapper* mapper, const WaitOptions& wait) {
  return ViewCheck(log, snapshot, mapper, wait).Run(docs);
}

}  // namespace streamview
