// Runs a fuzz target on inputs that are kept, without a fuzzer: corpora are regression tests.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz_target.h"

namespace streamview::fuzz {
namespace {

namespace fs = std::filesystem;

std::map<std::string, Target>& Targets() {
  static auto* const targets = new std::map<std::string, Target>;
  return *targets;
}

std::vector<fs::path> ListInputs(const fs::path& path) {
  if (!fs::is_directory(path)) return {path};
  std::vector<fs::path> inputs;
  for (const fs::directory_entry& entry : fs::directory_iterator(path)) inputs.push_back(entry);
  std::sort(inputs.begin(), inputs.end());
  return inputs;
}

std::string ReadFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

int Replay(const std::string& name, const std::vector<std::string>& paths) {
  const auto target = Targets().find(name);
  if (target == Targets().end()) {
    std::fprintf(stderr, "no fuzz target is called %s; there are:", name.c_str());
    for (const auto& [known, function] : Targets()) std::fprintf(stderr, " %s", known.c_str());
    std::fprintf(stderr, "\n");
    return 2;
  }
  size_t count = 0;
  for (const std::string& path : paths) {
    for (const fs::path& input : ListInputs(path)) {
      const std::string bytes = ReadFile(input);
      std::fprintf(stderr, "%s\n", input.c_str());  // before: it may be the last
      target->second(Input(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
      count++;
    }
  }
  std::fprintf(stderr, "%zu inputs\n", count);
  return count > 0 ? 0 : 1;
}

}  // namespace

RegisteredTarget::RegisteredTarget(const char* name, Target target) { Targets()[name] = target; }

}  // namespace streamview::fuzz

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: fuzz_replay <target> <file or directory>...\n");
    return 2;
  }
  return streamview::fuzz::Replay(argv[1], {argv + 2, argv + argc});
}
