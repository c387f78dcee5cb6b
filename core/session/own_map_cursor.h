// OwnMapCursor: the elements of a std::map by encoded keys that lie in a range, in either direction.

#pragma once

#include <iterator>
#include <string_view>

#include "core/base/check.h"
#include "core/base/key_bound.h"

namespace streamview {

template <typename Map>
class OwnMapCursor {
 public:
  // The map must outlive the cursor, and not change. REQUIRES: !keys.empty()
  OwnMapCursor(const Map& map, const KeyRange& keys, bool reverse)
      : reverse_(reverse),
        begin_(map.lower_bound(keys.lower)),
        end_(keys.upper.empty() ? map.end() : map.lower_bound(keys.upper)) {
    SV_REQUIRE(!keys.empty());
  }

  bool Valid() const { return begin_ != end_; }
  void Next() {
    SV_REQUIRE(Valid());
    if (reverse_) {
      --end_;
    } else {
      ++begin_;
    }
  }
  // REQUIRES: Valid()
  std::string_view key() const { return Current()->first; }
  const typename Map::mapped_type& value() const { return Current()->second; }
  // For a cursor over encoded keys.
  template <typename Stored>
  int Compare(const Stored& stored) const {
    const int order = key().compare(stored.key());
    return reverse_ ? -order : order;
  }

 private:
  auto Current() const {
    SV_REQUIRE(Valid());
    return reverse_ ? std::prev(end_) : begin_;
  }

  bool reverse_;
  typename Map::const_iterator begin_, end_;
};

}  // namespace streamview
