// Versions of the engine, and of what it stands on.

#pragma once

#include <string>

namespace streamview {

// streamview's own: "1.2.3".
std::string Version();

// The storage library, as linked at run time: "7.8.3".
std::string StorageVersion();

}  // namespace streamview
