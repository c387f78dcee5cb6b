// Versions of what the engine stands on.

#pragma once

#include <string>

namespace streamview {

// The storage library, as linked at run time: "7.8.3".
std::string StorageVersion();

}  // namespace streamview
