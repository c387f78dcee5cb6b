// The mapper of emit='<path>' [, value='<path>']: index rows by JSON path, with no SQL evaluated.
//
// An entry's value must be JSON, all of it, as simdjson understands JSON: valid UTF-8, nested less
// than 1024 deep. What is not is a map error, "not JSON: <reason>". Each match of emit_path emits
// one row: the match, and what value_path finds (NULL where it finds nothing). Both are what
// SQLite's ->> gives:
//
//   string          TEXT, unescaped           true, false     INTEGER 1, 0
//   integer         INTEGER, or REAL where    null            NULL
//                   it is beyond int64        object, array   TEXT, its JSON without white space
//   other number    REAL
//
// A value that is INTEGER or REAL is that number as JSON; a BLOB is an error; NULL emits nothing.

#pragma once

#include <memory>

#include "core/base/status.h"
#include "core/map/definition.h"
#include "core/map/mapper.h"

namespace streamview {

// Errors: kInvalidArgument (a path that cannot be parsed, or a wildcard in value_path).
// REQUIRES: definition.kind == MapKind::kJsonPath, and two columns
Result<std::unique_ptr<Mapper>> NewJsonPathMapper(const ViewDefinition& definition);

}  // namespace streamview
