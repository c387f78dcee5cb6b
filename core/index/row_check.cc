#include "core/index/row_check.h"

#include "core/codec/index_entry.h"
#include "core/codec/record.h"
#include "core/index/index_check.h"
#include "core/map/row_builder.h"
#include "core/storage/rocks.h"

namespace streamview {

namespace {

class RowCheck final : private IndexCheck {
 public:
  RowCheck(const ViewIndex& index, const IndexState& state, Mapper* mapper, const WaitOptions& wait)
      : IndexCheck(index, state, wait), definition_(index.definition()), mapper_(mapper) {}

  Status Run() {
    SV_RETURN_IF_ERROR(CheckSuperseded());
    SV_RETURN_IF_ERROR(ForEachCounting([this](const Entry& entry) { return CheckEntry(entry); }));
    SV_RETURN_IF_ERROR(CheckIndexAgainstLog());
    return Conclude();
  }

 private:
  Status CheckEntry(const Entry& entry) {
    RowBuilder rows(definition_);
    SV_ASSIGN_OR_RETURN(const bool mapped, rows.MapEntry(mapper_, entry));
    CheckError(entry, mapped);
    Status status;
    rows.ForEachSorted([&](Seq seq, std::string_view key, std::string_view value) {
      rows_of_log_++;
      rocksdb::PinnableSlice stored;
      const rocksdb::Status read =
          index_.db()->Get(read_options_, index_.family()->handle(), ToSlice(key), &stored);
      if (read.IsNotFound()) {
        findings_.Add("the index lacks " + Describe(key, value) + " of entry " +
                      std::to_string(seq));
      } else if (!read.ok()) {
        status = index_.CheckRead(read);
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
    return ForEachStored(kFirstIndexKey,
                         [&](std::string_view key, std::string_view value) -> Result<bool> {
                           Seq seq;
                           if (!ReadIndexSeq(value, &seq)) {
                             findings_.Add("an index entry holds no sequence number");
                           } else if (!state_.superseded.Contains(seq)) {
                             SV_RETURN_IF_ERROR(visit(seq, key, value));
                           }
                           return true;
                         });
  }

  Result<bool> EmitsKey(Seq seq, std::string_view key) {
    rocksdb::PinnableSlice record;
    const Status read = index_.log().ReadRecord(seq, &record);
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

  const ViewDefinition& definition_;
  Mapper* const mapper_;
  uint64_t rows_of_log_ = 0;
};

}  // namespace

Status CheckRows(const ViewIndex& index, const IndexState& state, Mapper* mapper,
                 const WaitOptions& wait) {
  return RowCheck(index, state, mapper, wait).Run();
}

}  // namespace streamview
