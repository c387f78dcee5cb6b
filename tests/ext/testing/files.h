// What tests do with files.

#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>

namespace streamview::testing {

// All bytes of a file; empty where it cannot be read.
inline std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Deletes a directory whose files others may delete at the same time.
inline void RemoveLive(const std::filesystem::path& directory) {
  for (std::error_code error; std::filesystem::exists(directory);) {
    std::filesystem::remove_all(directory, error);
  }
}

}  // namespace streamview::testing
