// Why a log directory cannot be opened, as users are told.

#pragma once

#include <string>

#include "core/base/status.h"

namespace streamview {

inline Status CannotOpen(const std::string& directory, const std::string& why) {
  return Status::CannotOpen("log directory " + directory + ": " + why);
}

}  // namespace streamview
