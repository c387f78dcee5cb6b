#include "core/map/row_builder.h"

#include <algorithm>
#include <boost/sort/spreadsort/string_sort.hpp>
#include <numeric>

#include "core/codec/index_entry.h"
#include "core/codec/key_codec.h"
#include "core/map/emission_limits.h"

namespace streamview {

ValueView DocId(const Entry& entry) {
  return entry.has_document() ? entry.key : ValueView::Integer(static_cast<int64_t>(entry.seq));
}

std::string AtEntry(Seq seq, const ValueView& doc_id, const std::string& message) {
  return "entry " + std::to_string(seq) + " (" + ToDisplay(doc_id) + "): " + message;
}

Result<bool> RowBuilder::MapEntry(Mapper* mapper, const Entry& entry, std::string* why) {
  BeginEntry(entry);
  const Status mapped = mapper->Map(entry, *this);
  if (mapped.ok()) {
    EndEntry();
    return true;
  }
  DropEntry();
  if (mapped.IsCutShort()) return mapped;
  if (why != nullptr) *why = mapped.message();
  return false;
}

void RowBuilder::BeginEntry(const Entry& entry) {
  seq_ = entry.seq;
  doc_id_ = DocId(entry);
  is_event_ = !entry.has_document();
  entry_begin_ = arena_.size();
  emissions_.clear();
}

Status RowBuilder::Emit(std::span<const ValueView> row) {
  SV_RETURN_IF_ERROR(CheckColumns(row.size(), columns_));
  const auto key_columns = row.first(key_columns_);
  SV_RETURN_IF_ERROR(CheckEmission(emissions_.size(), key_columns));
  Emission e{};
  e.key = arena_.size();
  for (const ValueView& column : key_columns) AppendKeyColumn(&arena_, column);
  e.key_size = arena_.size() - e.key;
  e.value = arena_.size();
  AppendIndexValue(&arena_, seq_, emissions_.size(), key_columns, doc_id_,
                   row.subspan(key_columns_));
  e.value_size = arena_.size() - e.value;
  SV_RETURN_IF_ERROR(CheckEmittedBytes(arena_.size() - entry_begin_));
  emissions_.push_back(e);
  return Status::Ok();
}

void RowBuilder::NumberEqualKeys() {
  if (emissions_.size() < 2) return;
  order_.resize(emissions_.size());
  std::iota(order_.begin(), order_.end(), size_t{0});
  const auto key = [this](size_t i) { return At(emissions_[i].key, emissions_[i].key_size); };
  std::stable_sort(order_.begin(), order_.end(),
                   [&](size_t a, size_t b) { return key(a) < key(b); });
  for (size_t i = 1; i < order_.size(); i++) {
    if (key(order_[i]) == key(order_[i - 1])) {
      emissions_[order_[i]].ordinal = emissions_[order_[i - 1]].ordinal + 1;
    }
  }
}

void RowBuilder::EndEntry() {
  NumberEqualKeys();
  for (const Emission& e : emissions_) {
    Row row{seq_, arena_.size(), e.value, 0, static_cast<uint32_t>(e.value_size)};
    arena_.append(arena_, e.key, e.key_size);
    AppendIndexKeySuffix(&arena_, doc_id_, is_event_, e.ordinal);
    row.key_size = static_cast<uint32_t>(arena_.size() - row.key);
    rows_.push_back(row);
  }
  emissions_.clear();
}

void RowBuilder::DropEntry() {
  arena_.resize(entry_begin_);
  emissions_.clear();
}

// By the bytes of the keys, which have much in common: comparing whole keys takes almost twice the
// time.
void RowBuilder::SortByKey() {
  boost::sort::spreadsort::string_sort(
      rows_.begin(), rows_.end(),
      [this](const Row& row, size_t i) { return static_cast<unsigned char>(arena_[row.key + i]); },
      [](const Row& row) -> size_t { return row.key_size; },
      [this](const Row& a, const Row& b) { return KeyOf(a) < KeyOf(b); });
}

void RowBuilder::ForEachSorted(
    const std::function<void(Seq seq, std::string_view key, std::string_view value)>& visit) {
  SortByKey();
  for (size_t i = 0; i < rows_.size();) {
    const std::string_view key = KeyOf(rows_[i]);
    const Row* latest = &rows_[i];
    for (++i; i < rows_.size() && KeyOf(rows_[i]) == key; ++i) {
      if (rows_[i].seq > latest->seq) latest = &rows_[i];
    }
    visit(latest->seq, key, At(latest->value, latest->value_size));
  }
}

}  // namespace streamview
