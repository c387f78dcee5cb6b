#include "ext/options.h"

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "ext/sql_scanner.h"

namespace streamview {

namespace {

std::string ToLower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

std::string Quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

struct Option {
  std::string name;  // lower case
  std::string value;
  std::optional<std::string> schema;  // of the option log, where its value names one
};

// Reads one argument.
class ArgumentParser {
 public:
  explicit ArgumentParser(std::string_view text) : scanner_(text) {}

  Result<Option> Parse() {
    Option option;
    scanner_.SkipBlanks();
    option.name = ToLower(scanner_.TakeWhile(
        [](char c) { return SqlScanner::IsLetter(c) || SqlScanner::IsDigit(c); }));
    scanner_.SkipBlanks();
    if (option.name.empty() || scanner_.Peek() != '=') {
      return Status::InvalidArgument("cannot read " + Quoted(scanner_.text()) +
                                     ": an option is written name = value");
    }
    scanner_.Skip();
    scanner_.SkipBlanks();
    Result<std::string> value =
        option.name == "log" ? ParseTable(&option.schema) : ParseValue(/*ends_at_dot=*/false);
    if (!value.ok()) return value.status().WithContext("option " + option.name);
    option.value = *std::move(value);
    if (option.value.empty() || option.schema == "") {
      return Status::InvalidArgument("option " + option.name + " has no value");
    }
    scanner_.SkipBlanks();
    if (!scanner_.AtEnd()) {
      return Status::InvalidArgument("option " + option.name + ": unexpected " +
                                     Quoted(scanner_.rest()) + " after its value");
    }
    return option;
  }

 private:
  Result<std::string> ParseValue(bool ends_at_dot) {
    if (scanner_.Peek() == '(') return ParseParenthesised();
    if (SqlScanner::IsQuote(scanner_.Peek())) return ParseQuoted();
    std::string value;
    while (!scanner_.AtEnd() && !scanner_.AtComment() && !SqlScanner::IsSpace(scanner_.Peek()) &&
           !(ends_at_dot && scanner_.Peek() == '.')) {
      value += scanner_.Peek();
      scanner_.Skip();
    }
    return value;
  }

  // A table, with or without its schema.
  Result<std::string> ParseTable(std::optional<std::string>* schema) {
    const bool is_string = scanner_.Peek() == '\'';
    SV_ASSIGN_OR_RETURN(std::string first, ParseValue(/*ends_at_dot=*/true));
    scanner_.SkipBlanks();
    if (scanner_.Peek() == '.') {
      scanner_.Skip();
      scanner_.SkipBlanks();
      *schema = std::move(first);
      return ParseValue(/*ends_at_dot=*/false);
    }
    if (!is_string) return first;
    // As in an argument of a function.
    WrittenName name = ParseName(first);
    *schema = std::move(name.schema);
    return std::move(name.table);
  }

  // REQUIRES: at a quote
  Result<std::string> ParseQuoted() {
    const char open = scanner_.Peek();
    if (std::optional<std::string> value = scanner_.TakeQuoted()) return *std::move(value);
    return Status::InvalidArgument(std::string("the closing ") + (open == '[' ? ']' : open) +
                                   " is missing");
  }

  // REQUIRES: at '('. Strings and comments inside may hold parentheses of their own.
  Result<std::string> ParseParenthesised() {
    const size_t begin = scanner_.pos() + 1;
    int depth = 0;
    while (!scanner_.AtEnd()) {
      if (scanner_.AtComment()) {
        scanner_.SkipComment();
      } else if (SqlScanner::IsQuote(scanner_.Peek())) {
        SV_RETURN_IF_ERROR(ParseQuoted().status());
      } else {
        const char c = scanner_.Peek();
        const size_t end = scanner_.pos();
        scanner_.Skip();
        if (c == '(') ++depth;
        if (c == ')' && --depth == 0)
          return SqlScanner::Trim(scanner_.text().substr(begin, end - begin));
      }
    }
    return Status::InvalidArgument("the closing ) is missing");
  }

  SqlScanner scanner_;
};

// The options of one CREATE statement, each at most once.
class Options {
 public:
  using Names = std::initializer_list<std::string_view>;

  // `known`: the names that `module` has.
  static Result<Options> Parse(std::string_view module, Names known, ModuleArguments arguments) {
    Options options;
    for (const char* argument : arguments) {
      SV_ASSIGN_OR_RETURN(Option option, ArgumentParser(argument).Parse());
      if (std::find(known.begin(), known.end(), option.name) == known.end()) {
        return Status::InvalidArgument("unknown option " + Quoted(option.name) + ": " +
                                       std::string(module) + " has " + Join(known));
      }
      if (options.Find(option.name) != nullptr) {
        return Status::InvalidArgument("option " + option.name + " is given twice");
      }
      options.options_.push_back(std::move(option));
    }
    return options;
  }

  // nullptr where the option is not given.
  const std::string* Find(std::string_view name) const {
    const Option* const option = FindOption(name);
    return option == nullptr ? nullptr : &option->value;
  }
  const Option* FindOption(std::string_view name) const {
    for (const Option& option : options_) {
      if (option.name == name) return &option;
    }
    return nullptr;
  }

 private:
  static std::string Join(Names names) {
    std::string list;
    for (std::string_view name : names) {
      if (!list.empty()) list += ", ";
      list += name;
    }
    return list;
  }

  std::vector<Option> options_;
};

Result<int64_t> ParseInteger(std::string_view name, std::string_view text, int64_t min,
                             int64_t max) {
  const std::string_view digits = text.starts_with('+') ? text.substr(1) : text;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  const bool is_integer = error == std::errc() && end == digits.data() + digits.size();
  if (!is_integer || value < min || value > max) {
    const bool bounded = min != INT64_MIN || max != INT64_MAX;
    return Status::InvalidArgument(
        "option " + std::string(name) + " is " + Quoted(text) + "; it must be an integer" +
        (bounded ? " from " + std::to_string(min) + " to " + std::to_string(max) : ""));
  }
  return value;
}

// The value among `choices` whose name `text` is, in any case.
template <typename T>
Result<T> ParseChoice(std::string_view name, std::string_view text,
                      std::initializer_list<std::pair<std::string_view, T>> choices) {
  std::string list;
  for (const auto& [choice, value] : choices) {
    if (ToLower(text) == choice) return value;
    if (!list.empty()) list += ", ";
    list += choice;
  }
  return Status::InvalidArgument("option " + std::string(name) + " is " + Quoted(text) +
                                 "; expected one of: " + list);
}

Result<WrittenName> RequireLog(const Options& options, const char* module) {
  if (const Option* log = options.FindOption("log")) return WrittenName{log->schema, log->value};
  return Status::InvalidArgument(std::string("option log is missing: say which log with ") +
                                 module + "(log = <table>)");
}

Status ParseMap(const Options& options, ViewDefinition& definition) {
  const std::string* map = options.Find("map");
  const std::string* emit = options.Find("emit");
  const std::string* value = options.Find("value");
  if (map != nullptr && emit != nullptr) {
    return Status::InvalidArgument("options map and emit exclude each other: give one of them");
  }
  if (map == nullptr && emit == nullptr) {
    return Status::InvalidArgument(
        "option map or emit is missing: say what to index with map = (SELECT ...) or emit = "
        "'<json path>'");
  }
  if (map != nullptr) {
    if (value != nullptr) {
      return Status::InvalidArgument(
          "option value goes with emit; with map, the SELECT gives the further columns");
    }
    definition.kind = MapKind::kSql;
    definition.map = *map;
    return Status::Ok();
  }
  definition.kind = MapKind::kJsonPath;
  definition.emit_path = *emit;
  if (value != nullptr) definition.value_path = *value;
  return Status::Ok();
}

}  // namespace

Result<LogOptions> ParseLogOptions(ModuleArguments arguments) {
  SV_ASSIGN_OR_RETURN(const Options given, Options::Parse("sv_log", {"path", "sync"}, arguments));
  LogOptions options;
  if (const std::string* path = given.Find("path")) options.path = *path;
  if (const std::string* sync = given.Find("sync")) {
    SV_ASSIGN_OR_RETURN(options.sync, ParseChoice<SyncMode>("sync", *sync,
                                                            {{"full", SyncMode::kFull},
                                                             {"normal", SyncMode::kNormal},
                                                             {"off", SyncMode::kOff}}));
  }
  return options;
}

Result<DocsOptions> ParseDocsOptions(ModuleArguments arguments) {
  SV_ASSIGN_OR_RETURN(const Options given, Options::Parse("sv_docs", {"log"}, arguments));
  DocsOptions options;
  SV_ASSIGN_OR_RETURN(options.log, RequireLog(given, "sv_docs"));
  return options;
}

std::optional<WrittenName> ParseLogName(ModuleArguments arguments) {
  for (const char* argument : arguments) {
    const Result<Option> option = ArgumentParser(argument).Parse();
    if (option.ok() && option->name == "log") return WrittenName{option->schema, option->value};
  }
  return std::nullopt;
}

Result<ViewOptions> ParseViewOptions(ModuleArguments arguments) {
  SV_ASSIGN_OR_RETURN(const Options given, Options::Parse("sv_view",
                                                          {"log", "map", "emit", "value", "keys",
                                                           "reduce", "version", "on_error"},
                                                          arguments));
  ViewOptions options;
  ViewDefinition& definition = options.definition;
  SV_ASSIGN_OR_RETURN(options.log, RequireLog(given, "sv_view"));
  definition.log_name = options.log.table;
  SV_RETURN_IF_ERROR(ParseMap(given, definition));
  if (const std::string* keys = given.Find("keys")) {
    SV_ASSIGN_OR_RETURN(const int64_t n, ParseInteger("keys", *keys, 1, int64_t{kMaxKeyColumns}));
    definition.key_columns = static_cast<uint32_t>(n);
  }
  if (const std::string* reduce = given.Find("reduce")) {
    SV_ASSIGN_OR_RETURN(definition.reduce, ParseChoice<Reduce>("reduce", *reduce,
                                                               {{"count", Reduce::kCount},
                                                                {"sum", Reduce::kSum},
                                                                {"stats", Reduce::kStats}}));
  }
  if (const std::string* version = given.Find("version")) {
    SV_ASSIGN_OR_RETURN(definition.version,
                        ParseInteger("version", *version, INT64_MIN, INT64_MAX));
  }
  if (const std::string* on_error = given.Find("on_error")) {
    SV_ASSIGN_OR_RETURN(definition.on_error,
                        ParseChoice<OnError>("on_error", *on_error,
                                             {{"skip", OnError::kSkip}, {"stop", OnError::kStop}}));
  }
  return options;
}

namespace {

// "2 columns: year, month"
std::string ListColumns(const std::vector<std::string>& columns) {
  std::string list;
  for (const std::string& column : columns) list += (list.empty() ? "" : ", ") + column;
  return std::to_string(columns.size()) + (columns.size() == 1 ? " column: " : " columns: ") + list;
}

// What is not a key column must be what is reduced, and nothing else: a key column that `keys`
// forgets would make larger groups than were meant.
Status CheckReduce(const ViewDefinition& definition) {
  if (definition.reduce == Reduce::kNone) return Status::Ok();
  const size_t others = definition.columns.size() - definition.key_columns;
  const bool is_count = definition.reduce == Reduce::kCount;
  const bool no_value = definition.kind == MapKind::kJsonPath && definition.value_path.empty();
  const std::string reduce = "reduce = '" + std::string(ReduceName(definition.reduce)) + "'";
  if (no_value && others == 1) {
    if (is_count) return Status::Ok();
    return Status::InvalidArgument(reduce +
                                   " needs option value: the JSON path of the numbers to reduce");
  }
  if (others == (is_count ? 0 : 1)) return Status::Ok();
  return Status::InvalidArgument(
      reduce + " wants " +
      (is_count ? "no column but the key columns" : "one column after the key columns") +
      ", and the map gives, with keys = " + std::to_string(definition.key_columns) + ", " +
      ListColumns(definition.columns));
}

}  // namespace

Status SetViewColumns(std::vector<std::string> columns, ViewDefinition& definition) {
  if (definition.key_columns > columns.size()) {
    return Status::InvalidArgument("option keys is " + std::to_string(definition.key_columns) +
                                   ", but the map gives only " + ListColumns(columns));
  }
  definition.columns = std::move(columns);
  return CheckReduce(definition);
}

}  // namespace streamview
