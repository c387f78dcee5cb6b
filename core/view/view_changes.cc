#include "core/view/view_changes.h"

#include <string>
#include <unordered_map>
#include <utility>

#include "core/codec/index_entry.h"
#include "core/codec/record.h"
#include "core/map/row_builder.h"
#include "core/storage/rocks.h"

namespace streamview {

namespace {

// A row, and its bytes: two rows are the same where their bytes are.
struct EmittedRow {
  std::string identity;
  ViewChange change;
};

class MappedChanges final : public ViewChanges {
 public:
  MappedChanges(const Log* log, const DocIndex* docs, const ViewDefinition& definition,
                std::unique_ptr<Mapper> mapper)
      : log_(log), docs_(docs), definition_(definition), mapper_(std::move(mapper)) {}

  Status Read(const Entry& entry, std::vector<ViewChange>* changes) override {
    changes->clear();
    std::vector<EmittedRow> before, after;
    SV_RETURN_IF_ERROR(MapSuperseded(entry, &before));
    SV_RETURN_IF_ERROR(Map(entry, &after));

    // What both emit stays. (An entry may emit the same row more than once.)
    std::unordered_map<std::string_view, size_t> unmatched;
    for (const EmittedRow& row : after) unmatched[row.identity]++;
    const auto match = [&unmatched](const EmittedRow& row) {
      const auto found = unmatched.find(row.identity);
      return found != unmatched.end() && found->second > 0 && found->second-- > 0;
    };
    for (EmittedRow& row : before) {
      if (match(row)) continue;
      row.change.withdrawn = true;
      changes->push_back(std::move(row.change));
    }
    for (EmittedRow& row : after) {
      if (match(row)) changes->push_back(std::move(row.change));
    }
    return Status::Ok();
  }

 private:
  Status MapSuperseded(const Entry& entry, std::vector<EmittedRow>* rows) {
    if (!entry.has_document()) return Status::Ok();
    SV_ASSIGN_OR_RETURN(const DocVersion previous, docs_->FindPrevious(entry.seq));
    if (previous.seq == 0 || previous.is_tombstone) return Status::Ok();
    rocksdb::PinnableSlice record;
    Entry superseded;
    SV_RETURN_IF_ERROR(log_->ReadRecord(previous.seq, &record));
    SV_RETURN_IF_ERROR(DecodeRecord(ToView(record), previous.seq, &superseded));
    return Map(superseded, rows);
  }

  // In the order of the index. By way of its format, so that the rows are just those of the view.
  Status Map(const Entry& entry, std::vector<EmittedRow>* rows) {
    if (entry.is_tombstone()) return Status::Ok();
    RowBuilder builder(definition_);
    // What cannot be mapped has no rows.
    SV_RETURN_IF_ERROR(builder.MapEntry(mapper_.get(), entry).status());
    IndexEntryDecoder decoder(definition_.columns.size(), definition_.key_columns);
    Status decoded;
    builder.ForEachSorted([&](Seq, std::string_view key, std::string_view value) {
      if (decoded.ok()) decoded = decoder.Reset(key, value);
      if (!decoded.ok()) return;
      EmittedRow& row = rows->emplace_back();
      const auto identify = [&row](const ValueView& v) { AppendTypedValue(&row.identity, v); };
      for (size_t i = 0; i < decoder.columns(); i++) {
        identify(decoder.column(i));
        row.change.row.emplace_back(decoder.column(i));
      }
      identify(decoder.doc_id());
      row.change.doc_id = Value(decoder.doc_id());
    });
    return decoded;
  }

  const Log* const log_;
  const DocIndex* const docs_;
  const ViewDefinition definition_;
  const std::unique_ptr<Mapper> mapper_;
};

}  // namespace

std::unique_ptr<ViewChanges> NewViewChanges(const Log* log, const DocIndex* docs,
                                            const ViewDefinition& definition,
                                            std::unique_ptr<Mapper> mapper) {
  return std::make_unique<MappedChanges>(log, docs, definition, std::move(mapper));
}

}  // namespace streamview
