// Options: what stands in the parentheses of CREATE VIRTUAL TABLE ... USING sv_log(...),
// sv_docs(...) and sv_view(...).
//
//   argument  = name '=' value          (around each part: white space and SQL comments)
//   value     = bare word | 'string' | "identifier" | `identifier` | [identifier]
//             | ('+' | '-') bare word | '(' anything balanced ')'
//             | schema '.' table                         (the option log only)
//
// Names are case-insensitive. A parenthesised value keeps its text as written, without the outer
// parentheses. Every error is kInvalidArgument and names the option, what is wrong with it and,
// where the name is unknown, the options that exist.

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "core/engine.h"
#include "core/map/definition.h"
#include "ext/written_name.h"

namespace streamview {

struct LogOptions {
  std::optional<std::string> path;  // as written; relative to what is the caller's business
  std::optional<SyncMode> sync;     // absent: follows the database's PRAGMA synchronous
};

struct DocsOptions {
  WrittenName log;
};

struct ViewOptions {
  WrittenName log;
  ViewDefinition definition;  // all fields but name and columns
};

// The arguments after the table's name, argv[3] and on, as SQLite hands them to xCreate.
using ModuleArguments = std::span<const char* const>;

Result<LogOptions> ParseLogOptions(ModuleArguments arguments);
Result<DocsOptions> ParseDocsOptions(ModuleArguments arguments);
Result<ViewOptions> ParseViewOptions(ModuleArguments arguments);
// The option log among those of sv_docs or sv_view, whatever is wrong with the others; nothing
// where it cannot be read.
std::optional<WrittenName> ParseLogName(ModuleArguments arguments);

// Completes a definition with the columns that its map gives (SqlMapColumns; key and value for a
// JSON path). An error where it asks for more key columns than that, or for others to reduce.
Status SetViewColumns(std::vector<std::string> columns, ViewDefinition& definition);

}  // namespace streamview
