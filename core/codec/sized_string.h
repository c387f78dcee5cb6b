// A string behind its length, a varint.

#pragma once

#include <string>
#include <string_view>

namespace streamview {

void AppendString(std::string* dst, std::string_view s);
// Removes one from the front of *input. False where *input does not begin with one; then both are
// unspecified.
[[nodiscard]] bool ReadString(std::string_view* input, std::string* s);

}  // namespace streamview
