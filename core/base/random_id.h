#pragma once

#include <cstddef>
#include <string>

namespace streamview {

// `bytes` random bytes from the system, as twice as many hexadecimal digits.
std::string RandomId(size_t bytes);

}  // namespace streamview
