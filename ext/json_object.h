// A row as a JSON object.

#pragma once

#include <span>
#include <string>

#include "core/base/value.h"

namespace streamview {

// {"name":value,...}, without spaces. INTEGER and REAL are numbers (a REAL has a point or an
// exponent, and reads back as the same; infinity is written 9e999, as SQLite's own JSON functions
// read it), TEXT a string, NULL null, and BLOB, which JSON has not, the string that hex() gives.
// REQUIRES: as many names as values
std::string ToJsonObject(std::span<const std::string> names, std::span<const Value> values);

}  // namespace streamview
