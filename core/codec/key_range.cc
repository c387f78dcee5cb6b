#include "core/codec/key_range.h"

#include <utility>

#include "core/codec/key_codec.h"

namespace streamview {

KeyRange EncodeKeyRange(std::span<const Value> equal, const std::optional<KeyBound>& lower,
                        const std::optional<KeyBound>& upper, std::string_view first) {
  std::string prefix;
  for (const Value& value : equal) AppendKeyColumn(&prefix, value);
  KeyRange keys;
  keys.lower = prefix;
  if (lower) {
    AppendKeyColumn(&keys.lower, lower->value);
    if (!lower->inclusive) keys.lower = AfterKeyColumns(std::move(keys.lower));
  } else if (prefix.empty()) {
    keys.lower = std::string(first);
  }
  if (upper) {
    keys.upper = prefix;
    AppendKeyColumn(&keys.upper, upper->value);
    if (upper->inclusive) keys.upper = AfterKeyColumns(std::move(keys.upper));
  } else if (!prefix.empty()) {
    keys.upper = AfterKeyColumns(std::move(prefix));
  }
  return keys;
}

}  // namespace streamview
