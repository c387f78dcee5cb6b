// MergeCursor: what is committed and what is a session's own, as one sequence.

#pragma once

#include <iterator>
#include <memory>
#include <string_view>
#include <utility>

#include "core/base/check.h"
#include "core/base/key_bound.h"
#include "core/base/status.h"
#include "core/codec/key_codec.h"
#include "core/engine.h"

namespace streamview {

// `Stored` is a cursor of the engine: Valid(), Next(), status(). `Own` walks what is in memory:
// Valid(), Next(), and Compare(stored), which tells whose present element comes first: negative
// where it is its own, 0 where both have one place. Then the cursor stands at both.
template <typename Stored, typename Own>
class MergeCursor {
 public:
  MergeCursor(std::unique_ptr<Stored> stored, Own own)
      : stored_(std::move(stored)), own_(std::move(own)) {
    Choose();
  }

  bool Valid() const { return at_stored_ || at_own_; }
  void Next() {
    SV_REQUIRE(Valid());
    if (at_stored_) stored_->Next();
    if (at_own_) own_.Next();
    Choose();
  }
  Status status() const { return stored_->status(); }

  bool at_stored() const { return at_stored_; }
  bool at_own() const { return at_own_; }
  // REQUIRES: at_stored(), or at_own()
  Stored& stored() const {
    SV_REQUIRE(at_stored_);
    return *stored_;
  }
  const Own& own() const {
    SV_REQUIRE(at_own_);
    return own_;
  }

 private:
  void Choose() {
    const bool has_stored = stored_->Valid();
    const bool has_own = own_.Valid() && (has_stored || stored_->status().ok());
    const int order = has_stored && has_own ? own_.Compare(*stored_) : 0;
    at_own_ = has_own && order <= 0;
    at_stored_ = has_stored && order >= 0;
  }

  std::unique_ptr<Stored> stored_;
  Own own_;
  bool at_stored_ = false;
  bool at_own_ = false;
};

// The elements of a std::map by encoded keys that lie in a range, in either direction.
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
  int Compare(const IndexCursor& stored) const { return Compare(stored.key()); }
  int Compare(DocCursor& stored) const { return Compare(EncodeKeyColumn(stored.key())); }

 private:
  int Compare(std::string_view stored_key) const {
    const int order = key().compare(stored_key);
    return reverse_ ? -order : order;
  }
  auto Current() const {
    SV_REQUIRE(Valid());
    return reverse_ ? std::prev(end_) : begin_;
  }

  bool reverse_;
  typename Map::const_iterator begin_, end_;
};

}  // namespace streamview
