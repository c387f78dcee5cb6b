#include "core/codec/key_range.h"

#include <utility>

#include "core/base/check.h"
#include "core/codec/key_codec.h"

namespace streamview {

KeyRange EncodeKeyRange(std::span<const Value> equal, const std::optional<KeyBound>& lower,
                        const std::optional<KeyBound>& upper, std::string_view first) {
  KeyRange keys;
  EncodeKeyRange(equal, lower, upper, first, &keys);
  return keys;
}

void EncodeKeyRange(std::span<const Value> equal, const std::optional<KeyBound>& lower,
                    const std::optional<KeyBound>& upper, std::string_view first, KeyRange* keys) {
  keys->lower.clear();
  for (const Value& value : equal) AppendKeyColumn(&keys->lower, value);
  const size_t prefix = keys->lower.size();
  if (upper) {
    keys->upper = keys->lower;
    AppendKeyColumn(&keys->upper, upper->value);
    if (upper->inclusive) keys->upper = AfterKeyColumns(std::move(keys->upper));
  } else if (prefix != 0) {
    keys->upper = keys->lower;
    keys->upper = AfterKeyColumns(std::move(keys->upper));
  } else {
    keys->upper.clear();
  }
  if (lower) {
    AppendKeyColumn(&keys->lower, lower->value);
    if (!lower->inclusive) keys->lower = AfterKeyColumns(std::move(keys->lower));
  } else if (prefix == 0) {
    keys->lower = first;
  }
}

std::string EndOfNeighbours(const KeyRange& keys, size_t columns) {
  SV_REQUIRE(columns > 0);
  std::string_view rest = keys.lower;
  bool is_column = true;
  for (size_t i = 1; i < columns && is_column; i++) is_column = SkipKeyColumn(&rest);
  SV_REQUIRE(is_column);
  return AfterKeyColumns(keys.lower.substr(0, keys.lower.size() - rest.size()));
}

}  // namespace streamview
