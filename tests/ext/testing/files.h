// What tests do with files.

#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace streamview::testing {

// All bytes of a file; empty where it cannot be read.
inline std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace streamview::testing
