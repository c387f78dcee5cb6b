#include "ext/written_name.h"

#include <utility>

#include "ext/sql_scanner.h"

namespace streamview {

namespace {

// Nothing where there is no part: at a dot, at the end, or where a closing quote is missing.
std::optional<std::string> TakePart(SqlScanner& scanner) {
  const char first = scanner.Peek();
  // A string is no name, but the quote may be a part of one.
  if (first != '\'' && SqlScanner::IsQuote(first)) return scanner.TakeQuoted();
  const std::string_view bare = scanner.TakeWhile([](char c) { return c != '.'; });
  if (bare.empty()) return std::nullopt;
  return std::string(bare);
}

}  // namespace

WrittenName ParseName(std::string_view text) {
  SqlScanner scanner(text);
  std::optional<std::string> first = TakePart(scanner);
  if (first && scanner.AtEnd()) return {std::nullopt, *std::move(first)};
  if (first && scanner.Peek() == '.') {
    scanner.Skip();
    std::optional<std::string> second = TakePart(scanner);
    if (second && scanner.AtEnd()) return {std::move(first), *std::move(second)};
  }
  return {std::nullopt, std::string(text)};
}

bool Names(std::string_view text, NameForm form, const TableName& table) {
  const std::string whole(text);
  if (form == NameForm::kAsItStands) return SameName(whole, table.table);
  // With dots in either part.
  if (SameName(whole, table.schema + "." + table.table)) return true;
  const WrittenName name = ParseName(text);
  return SameName(name.table, table.table) &&
         (!name.schema || SameName(*name.schema, table.schema));
}

}  // namespace streamview
