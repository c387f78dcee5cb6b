// How the column families of a store are named (docs/format.md).

#pragma once

namespace streamview {

// Of the column family of each index of a view.
inline constexpr char kViewFamilyPrefix[] = "mrview-";

}  // namespace streamview
