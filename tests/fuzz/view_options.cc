// The arguments of CREATE VIRTUAL TABLE and the definition of a view: any text is parsed or
// refused, and what is parsed is stored and read again as it was; any bytes are read as a stored
// definition or refused.
//
// The input is a letter, the kind, and arguments, with a zero byte between them.

#include <vector>

#include "core/codec/index_entry.h"
#include "ext/options.h"
#include "tests/fuzz/fuzz_target.h"

namespace streamview::fuzz {
namespace {

void CheckStored(const ViewDefinition& definition) {
  const std::string stored = definition.Encode();
  const Result<ViewDefinition> read = ViewDefinition::Decode(stored);
  FUZZ_CHECK(read.ok());
  FUZZ_CHECK(read->Encode() == stored);
  FUZZ_CHECK(read->Fingerprint() == definition.Fingerprint());
  FUZZ_CHECK(read->ToDisplay() == definition.ToDisplay());
}

void CheckDefinition(ViewDefinition definition) {
  std::vector<std::string> columns = {"key", "value"};
  while (columns.size() < definition.key_columns) columns.emplace_back("k");
  // A view by path has these two columns, whatever it asks for.
  if (definition.kind == MapKind::kJsonPath) columns.resize(2);
  const bool fits = definition.key_columns <= columns.size();
  const bool ok = SetViewColumns(std::move(columns), definition).ok();
  FUZZ_CHECK(fits || !ok);
  if (ok) CheckStored(definition);
}

void CheckArbitrary(std::string_view bytes) {
  const Result<ViewDefinition> read = ViewDefinition::Decode(bytes);
  if (!read.ok()) return;
  FUZZ_CHECK(read->Encode() == bytes);
  // What the engine relies on.
  FUZZ_CHECK(read->key_columns >= 1 && read->key_columns <= kMaxKeyColumns);
  FUZZ_CHECK(read->key_columns <= read->columns.size());
  FUZZ_CHECK(read->kind == MapKind::kSql || read->columns.size() == 2);
}

}  // namespace
}  // namespace streamview::fuzz

FUZZ_TARGET(view_options) {
  using namespace streamview;
  const uint8_t kind = input.TakeByte();
  if (kind == 'b') return fuzz::CheckArbitrary(input.TakeRest());
  std::vector<std::string> texts;
  while (!input.empty()) texts.emplace_back(input.TakeUntil('\0'));
  std::vector<const char*> arguments;
  for (const std::string& text : texts) arguments.push_back(text.c_str());
  (void)ParseLogOptions(arguments);
  (void)ParseDocsOptions(arguments);
  const Result<ViewOptions> options = ParseViewOptions(arguments);
  if (options.ok()) fuzz::CheckDefinition(options->definition);
}
