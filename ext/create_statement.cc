#include "ext/create_statement.h"

#include <utility>

#include "ext/sql_scanner.h"

namespace streamview {

namespace {

// A bare word or a quoted name.
std::optional<std::string> TakeName(SqlScanner& scanner) {
  scanner.SkipBlanks();
  if (SqlScanner::IsQuote(scanner.Peek())) return scanner.TakeQuoted();
  const std::string_view word = scanner.TakeWhile(SqlScanner::IsNameCharacter);
  if (word.empty()) return std::nullopt;
  return std::string(word);
}

bool TakeKeyword(SqlScanner& scanner, const char* keyword) {
  scanner.SkipBlanks();
  const std::string_view word = scanner.TakeWhile(SqlScanner::IsNameCharacter);
  return SameName(std::string(word), keyword);
}

// What stands between the parentheses, cut at the commas outside of further ones. REQUIRES: at '('
std::optional<std::vector<std::string>> TakeArguments(SqlScanner& scanner) {
  std::vector<std::string> arguments;
  scanner.Skip();
  size_t begin = scanner.pos();
  int depth = 1;
  while (!scanner.AtEnd()) {
    const char c = scanner.Peek();
    if (scanner.AtComment()) {
      scanner.SkipComment();
      continue;
    }
    if (SqlScanner::IsQuote(c)) {
      if (!scanner.TakeQuoted()) return std::nullopt;
      continue;
    }
    if (c == '(') ++depth;
    if (c == ')') --depth;
    if (depth == 0 || (depth == 1 && c == ',')) {
      std::string argument = SqlScanner::Trim(scanner.text().substr(begin, scanner.pos() - begin));
      if (!argument.empty()) arguments.push_back(std::move(argument));
      if (depth == 0) return arguments;
      begin = scanner.pos() + 1;
    }
    scanner.Skip();
  }
  return std::nullopt;
}

}  // namespace

std::optional<CreateVirtualTable> ParseCreateVirtualTable(std::string_view sql) {
  SqlScanner scanner(sql);
  for (const char* keyword : {"CREATE", "VIRTUAL", "TABLE"}) {
    if (!TakeKeyword(scanner, keyword)) return std::nullopt;
  }
  if (!TakeName(scanner) || !TakeKeyword(scanner, "USING")) return std::nullopt;
  std::optional<std::string> module = TakeName(scanner);
  if (!module) return std::nullopt;
  CreateVirtualTable statement{*std::move(module), {}};
  scanner.SkipBlanks();
  if (scanner.AtEnd()) return statement;
  if (scanner.Peek() != '(') return std::nullopt;
  std::optional<std::vector<std::string>> arguments = TakeArguments(scanner);
  if (!arguments) return std::nullopt;
  statement.arguments = *std::move(arguments);
  return statement;
}

std::vector<const char*> ModuleArgumentsOf(const CreateVirtualTable& statement) {
  std::vector<const char*> arguments;
  for (const std::string& argument : statement.arguments) arguments.push_back(argument.c_str());
  return arguments;
}

Result<std::vector<VirtualTableEntry>> ListVirtualTables(sqlite3* db, const std::string& schema) {
  // Virtual tables have no root page. (LIKE would be a function, which an authorizer may refuse.)
  SV_ASSIGN_OR_RETURN(
      HostStatement statement,
      HostStatement::Prepare(db, "SELECT name, sql FROM " + QuoteIdentifier(schema) +
                                     ".sqlite_schema WHERE type = 'table' AND rootpage = 0 "
                                     "ORDER BY name"));
  std::vector<VirtualTableEntry> tables;
  for (;;) {
    SV_ASSIGN_OR_RETURN(const bool row, statement.Step());
    if (!row) return tables;
    std::optional<CreateVirtualTable> parsed = ParseCreateVirtualTable(statement.Text(1));
    if (parsed) tables.push_back({std::string(statement.Text(0)), *std::move(parsed)});
  }
}

Result<std::optional<SchemaEntry>> FindInSchema(sqlite3* db, const TableName& name) {
  if (sqlite3_db_readonly(db, name.schema.c_str()) < 0) return std::optional<SchemaEntry>();
  SV_ASSIGN_OR_RETURN(
      HostStatement statement,
      HostStatement::Prepare(db, "SELECT type = 'view', sql FROM " + QuoteIdentifier(name.schema) +
                                     ".sqlite_schema WHERE type IN ('table', 'view') AND name = "
                                     "?1 COLLATE NOCASE"));
  SV_RETURN_IF_ERROR(statement.BindText(1, name.table));
  SV_ASSIGN_OR_RETURN(const bool row, statement.Step());
  if (!row) return std::optional<SchemaEntry>();
  return std::optional<SchemaEntry>(
      {statement.Integer(0) != 0, ParseCreateVirtualTable(statement.Text(1))});
}

}  // namespace streamview
