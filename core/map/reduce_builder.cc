#include "core/map/reduce_builder.h"

#include <cmath>

#include "core/map/emission_limits.h"
#include "core/map/row_builder.h"

namespace streamview {

std::string ValuesKey(std::string_view row_key) {
  std::string key(1, kValuesPrefix);
  return key.append(row_key);
}

Result<bool> ReduceBuilder::MapEntry(Mapper* mapper, const Entry& entry, bool subtract,
                                     std::string* why) {
  if (entry.is_tombstone()) return true;
  entry_begin_ = arena_.size();
  first_emission_ = emissions_.size();
  subtract_ = subtract;
  const Status mapped = mapper->Map(entry, *this);
  if (mapped.ok()) return true;
  arena_.resize(entry_begin_);
  emissions_.resize(first_emission_);
  if (mapped.IsCutShort()) return mapped;
  *why = mapped.message();
  return false;
}

void ReduceBuilder::Clear() {
  arena_.clear();
  emissions_.clear();
}

Status ReduceBuilder::Emit(std::span<const ValueView> row) {
  SV_RETURN_IF_ERROR(CheckColumns(row.size(), columns_));
  const auto key_columns = row.first(key_columns_);
  SV_RETURN_IF_ERROR(CheckEmission(emissions_.size() - first_emission_, key_columns));
  Emission e{arena_.size(), 0, 0, ValueView(), subtract_};
  if (sums() > 0) {
    e.value = row[key_columns_];
    SV_RETURN_IF_ERROR(CheckValue(e.value));
    if (IsRealColumn(e.value)) e.reals |= ValueBit();
  }
  for (size_t i = 0; i < key_columns_; i++) {
    AppendKeyColumn(&arena_, key_columns[i]);
    e.reals |= uint64_t{IsRealColumn(key_columns[i])} << i;
  }
  e.key_size = arena_.size() - e.key;
  SV_RETURN_IF_ERROR(CheckEmittedBytes(arena_.size() - entry_begin_));
  emissions_.push_back(e);
  return Status::Ok();
}

Status ReduceBuilder::CheckValue(const ValueView& value) const {
  const bool is_number = value.is_number();
  if (is_number && (value.type() == ValueType::kInteger || std::isfinite(value.real()))) {
    return Status::Ok();
  }
  return Status::Constraint("reduce = '" + std::string(ReduceName(reduce_)) +
                            "' takes finite numbers, and the map emits the value " +
                            ToDisplay(value));
}

Status WithdrawEntry(const ViewDefinition& view, Mapper* mapper, const Entry& entry,
                     ReduceBuilder* builder) {
  std::string why;
  SV_ASSIGN_OR_RETURN(const bool mapped, builder->MapEntry(mapper, entry, /*subtract=*/true, &why));
  if (mapped) return Status::Ok();
  return Status::Corruption("view " + view.name + ": " + AtEntry(entry, why) +
                            ", and it was mapped before, so what it has added is not known");
}

}  // namespace streamview
