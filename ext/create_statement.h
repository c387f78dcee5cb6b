// CREATE VIRTUAL TABLE statements as SQLite keeps them in sqlite_schema.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"
#include "ext/host_sql.h"
#include "ext/sqlite_api.h"

namespace streamview {

struct CreateVirtualTable {
  std::string module;
  // As the module's xConnect gets them.
  std::vector<std::string> arguments;
};

// Nothing where it is another statement, or is not whole.
std::optional<CreateVirtualTable> ParseCreateVirtualTable(std::string_view sql);

// Its arguments as ext/options.h takes them; valid as long as the statement is.
std::vector<const char*> ModuleArgumentsOf(const CreateVirtualTable& statement);

struct VirtualTableEntry {
  std::string name;
  CreateVirtualTable statement;
};

// The virtual tables of a database, by name.
Result<std::vector<VirtualTableEntry>> ListVirtualTables(sqlite3* db, const std::string& schema);

// What a schema says of a name.
struct SchemaEntry {
  bool is_view = false;
  std::optional<CreateVirtualTable> virtual_table;
};

// Nothing where there is no such table, or no such database.
Result<std::optional<SchemaEntry>> FindInSchema(sqlite3* db, const TableName& name);

}  // namespace streamview
