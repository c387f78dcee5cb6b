#include "tests/ext/testing/packages.h"

#include <simdjson.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>

namespace streamview::testing {
namespace {

// The output of `command`.
std::string ReadCommand(const std::string& command) {
  std::FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("cannot run: " + command);
  std::string text;
  char buffer[1 << 16];
  for (size_t n; (n = fread(buffer, 1, sizeof(buffer), pipe)) > 0;) text.append(buffer, n);
  if (pclose(pipe) != 0) throw std::runtime_error("failed: " + command);
  return text;
}

std::string ReadData() {
  const char* given = std::getenv("STREAMVIEW_DATA");
  const std::string path =
      given != nullptr ? given : STREAMVIEW_SOURCE_DIR "/sql/data/debian-packages.jsonl";
  return ReadCommand((path.ends_with(".zst") ? "zstdcat '" : "cat '") + path + "'");
}

}  // namespace

std::vector<Package> ReadPackages() {
  const simdjson::padded_string text(ReadData());
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document_stream lines;
  if (parser.iterate_many(text).get(lines) != simdjson::SUCCESS) {
    throw std::runtime_error("cannot read the packages");
  }
  std::vector<Package> packages;
  for (auto line : lines) {
    simdjson::ondemand::object object = line.get_object();
    Package package;
    package.key = std::string_view(object["key"]);
    package.value = std::string_view(simdjson::to_json_string(object["value"]));
    packages.push_back(std::move(package));
  }
  return packages;
}

}  // namespace streamview::testing
