// WrittenName: the name of a table as people write it, in an argument of a function
// ('main.events') or an option (log = main.events).
//
//   name = [part '.'] part        part = bare | "quoted" | `quoted` | [quoted]

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ext/host_sql.h"

namespace streamview {

struct WrittenName {
  std::optional<std::string> schema;
  std::string table;
};

// A text that is not of that form is a bare name, as it stands.
WrittenName ParseName(std::string_view text);

// How a text can be the name of a table: as it stands, which goes before all else, since a name may
// have dots and quotes in it; or as WrittenName has it.
enum class NameForm { kAsItStands, kAsWritten };
bool Names(std::string_view text, NameForm form, const TableName& table);

}  // namespace streamview
