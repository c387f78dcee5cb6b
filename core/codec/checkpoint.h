// Checkpoint: how far a function of the log has processed it.
//
// The same number means another entry in another epoch, which begins where a log was taken over
// that is not the one that others knew. So a checkpoint of another epoch says nothing.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/entry.h"

namespace streamview {

struct Checkpoint {
  uint64_t epoch = 0;
  Seq seq = 0;  // processed up to here

  bool operator==(const Checkpoint&) const = default;
};

// The stored form (docs/format.md): two varints.
void AppendCheckpoint(std::string* dst, const Checkpoint& checkpoint);
// False where the bytes are not exactly one checkpoint.
bool ReadCheckpoint(std::string_view bytes, Checkpoint* checkpoint);

}  // namespace streamview
