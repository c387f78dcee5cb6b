#include "core/codec/checkpoint.h"

#include "core/codec/varint.h"

namespace streamview {

void AppendCheckpoint(std::string* dst, const Checkpoint& checkpoint) {
  AppendVarint(dst, checkpoint.epoch);
  AppendVarint(dst, checkpoint.seq);
}

bool ReadCheckpoint(std::string_view bytes, Checkpoint* checkpoint) {
  return ReadVarint(&bytes, &checkpoint->epoch) && ReadVarint(&bytes, &checkpoint->seq) &&
         bytes.empty();
}

}  // namespace streamview
