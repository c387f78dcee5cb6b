#include "tests/ext/testing/temp_dir.h"

#include <stdlib.h>

#include <filesystem>
#include <system_error>

namespace streamview::testing {

TempDir::TempDir() : TempDir(std::filesystem::temp_directory_path().string()) {}

TempDir::TempDir(const std::string& parent) : path_(parent + "/streamview-test-XXXXXX") {
  if (mkdtemp(path_.data()) == nullptr) {
    throw std::system_error(errno, std::generic_category(), "mkdtemp " + path_);
  }
}

TempDir::~TempDir() {
  std::error_code ignored;  // what is left in a temporary directory fails no test
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace streamview::testing
