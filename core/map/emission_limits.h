// The checks of the bounds of mapper.h, for those who take what a Mapper emits. Errors:
// kConstraint.

#pragma once

#include <cstddef>
#include <span>

#include "core/base/status.h"
#include "core/base/value.h"

namespace streamview {

// A mapper of the program's own may be of another view than it says. Errors: kInvalidArgument.
Status CheckColumns(size_t emitted, size_t expected);
// Of a row with these key columns, where the entry has emitted `emitted` before.
Status CheckEmission(size_t emitted, std::span<const ValueView> key_columns);
// Of an entry that has emitted so many bytes.
Status CheckEmittedBytes(size_t bytes);

}  // namespace streamview
