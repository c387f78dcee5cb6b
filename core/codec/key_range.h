// Which encoded keys a range of columns means.

#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/base/key_bound.h"

namespace streamview {

// From `lower`, included, to `upper`, excluded. An empty upper end: no end.
struct KeyRange {
  std::string lower, upper;
  // Whether there can be no key in it, since the ends have crossed.
  bool empty() const { return !upper.empty() && upper <= lower; }
};

// The keys that begin with the columns `equal` and of which the next column lies between the
// bounds, where there are any. `first`: where keys begin in their column family.
KeyRange EncodeKeyRange(std::span<const Value> equal, const std::optional<KeyBound>& lower,
                        const std::optional<KeyBound>& upper, std::string_view first);

}  // namespace streamview
