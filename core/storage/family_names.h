// What the column families of views are called (docs/format.md).

#pragma once

#include <string>

namespace streamview {

inline constexpr char kViewFamilyPrefix[] = "mrview-";

inline bool IsViewFamily(const std::string& name) { return name.starts_with(kViewFamilyPrefix); }

}  // namespace streamview
