#pragma once

#include "core/base/value.h"

namespace streamview {

// An end of a range of keys, with the key itself or without.
struct KeyBound {
  Value value;
  bool inclusive = true;
};

}  // namespace streamview
