#include "core/map/emission_limits.h"

#include <string>

#include "core/map/mapper.h"

namespace streamview {

Status CheckColumns(size_t emitted, size_t expected) {
  if (emitted == expected) return Status::Ok();
  return Status::InvalidArgument("the map emits a row of " + std::to_string(emitted) +
                                 " columns, and the view has " + std::to_string(expected));
}

Status CheckEmission(size_t emitted, std::span<const ValueView> key_columns) {
  if (emitted >= kMaxEmissionsPerEntry) {
    return Status::Constraint("the map emits more than " + std::to_string(kMaxEmissionsPerEntry) +
                              " rows for one entry");
  }
  size_t bytes = 0;
  for (const ValueView& column : key_columns) bytes += column.bytes().size();
  if (bytes > kMaxKeyBytes) {
    return Status::Constraint("the map emits a key of " + std::to_string(bytes) +
                              " bytes; at most " + std::to_string(kMaxKeyBytes) + " are allowed");
  }
  return Status::Ok();
}

Status CheckEmittedBytes(size_t bytes) {
  if (bytes <= kMaxEmittedBytesPerEntry) return Status::Ok();
  return Status::Constraint("the map emits more than " +
                            std::to_string(kMaxEmittedBytesPerEntry >> 20) + " MiB for one entry");
}

}  // namespace streamview
