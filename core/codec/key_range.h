// Which encoded keys a range of columns means.

#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "core/base/key_bound.h"

namespace streamview {

// The keys that begin with the columns `equal` and of which the next column lies between the
// bounds, where there are any. `first`: where keys begin in their column family.
KeyRange EncodeKeyRange(std::span<const Value> equal, const std::optional<KeyBound>& lower,
                        const std::optional<KeyBound>& upper, std::string_view first);

// The same, in the memory that *keys has.
void EncodeKeyRange(std::span<const Value> equal, const std::optional<KeyBound>& lower,
                    const std::optional<KeyBound>& upper, std::string_view first, KeyRange* keys);

// Where the keys end that begin with the same columns as `keys.lower`, which has `columns` whole
// ones, but for the last.
std::string EndOfNeighbours(const KeyRange& keys, size_t columns);

}  // namespace streamview
