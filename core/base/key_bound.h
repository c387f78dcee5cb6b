// Ranges of keys: by the values in their columns, and as they are encoded.

#pragma once

#include <string>

#include "core/base/value.h"

namespace streamview {

// An end of a range of keys, with the key itself or without.
struct KeyBound {
  Value value;
  bool inclusive = true;
};

// Encoded keys from `lower`, included, to `upper`, excluded. An empty upper end: no end.
struct KeyRange {
  std::string lower, upper;
  // Whether there can be no key in it, since the ends have crossed.
  bool empty() const { return !upper.empty() && upper <= lower; }
};

}  // namespace streamview
