// Real documents: the package index of Debian 12.

#pragma once

#include <string>
#include <vector>

namespace streamview::testing {

struct Package {
  std::string key;    // "pkg/<name>"
  std::string value;  // JSON text, byte for byte as in the file
};

// The 3,000 packages of sql/data/debian-packages.jsonl; or, where the environment variable
// STREAMVIEW_DATA names a .jsonl or .jsonl.zst file of the same form, all of that.
std::vector<Package> ReadPackages();

}  // namespace streamview::testing
