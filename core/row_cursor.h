// RowCursor: the rows of a view that does not reduce, from its index entries, wherever these are:
// in the index alone (core/index/), or merged with a session's own (core/session/).

#pragma once

#include <cstdint>
#include <utility>

#include "core/base/check.h"
#include "core/codec/index_entry.h"
#include "core/engine.h"

namespace streamview {

// The number of the row that entry `seq` emitted as its `row`th.
inline int64_t RowId(Seq seq, uint64_t row) {
  constexpr int kRowBits = 17;  // of the id; the rest is the entry's
  static_assert(kMaxEmissionsPerEntry <= 1 << kRowBits);
  return static_cast<int64_t>(seq << kRowBits | row);
}

// `Entries` walks index entries that count: Valid(), Next(), status(), and of the present one
// key(), value(), seq() and row(). It turns the reason why an entry does not decode into an error
// (Malformed(why)), and reads log entries (ReadDocument(seq)). It may have Restart(range); and
// Load(), to be called before anything of an entry is asked for.
//
// An entry is decoded where one of its columns is asked for: rows that are counted only, or joined
// by what was looked up, are not.
template <typename Entries>
class RowCursor final : public ViewCursor {
 public:
  // `arguments` are those of Entries.
  template <typename... Arguments>
  explicit RowCursor(const ViewDefinition& definition, Arguments&&... arguments)
      : decoder_(definition.columns.size(), definition.key_columns),
        entries_(std::forward<Arguments>(arguments)...) {}

  bool Valid() const override { return entries_.Valid() && damage_.ok(); }
  Status status() const override { return damage_.ok() ? entries_.status() : damage_; }
  void Next() override {
    SV_REQUIRE(Valid());
    is_decoded_ = false;
    entries_.Next();
  }
  ValueView column(size_t i) override { return Decode() ? decoder_.column(i) : ValueView(); }
  ValueView doc_id() override { return Decode() ? decoder_.doc_id() : ValueView(); }
  Seq seq() override { return Load() ? entries_.seq() : 0; }
  Result<Value> ReadDocument() override { return entries_.ReadDocument(seq()); }
  int64_t row_id() override { return Load() ? RowId(entries_.seq(), entries_.row()) : 0; }
  bool Restart(const ViewRange& range) override {
    if constexpr (requires { entries_.Restart(range); }) {
      is_decoded_ = false;
      return damage_.ok() && entries_.Restart(range);
    }
    return false;
  }

 private:
  // False where there turns out to be no entry.
  bool Load() {
    SV_REQUIRE(entries_.Valid());
    if constexpr (requires { entries_.Load(); }) entries_.Load();
    return entries_.Valid();
  }

  bool Decode() {
    if (is_decoded_) return true;
    if (!Load() || !damage_.ok()) return false;
    const Status decoded = decoder_.Reset(entries_.key(), entries_.value());
    is_decoded_ = decoded.ok();
    if (!is_decoded_) damage_ = entries_.Malformed(decoded.message());
    return is_decoded_;
  }

  IndexEntryDecoder decoder_;
  Entries entries_;
  bool is_decoded_ = false;  // the present entry
  Status damage_;
};

// A cursor over a range whose bounds have crossed.
class EmptyCursor final : public ViewCursor {
 public:
  bool Valid() const override { return false; }
  void Next() override { SV_REQUIRE(Valid()); }
  Status status() const override { return Status::Ok(); }
  ValueView column(size_t) override { return ValueView::Null(); }
  ValueView doc_id() override { return ValueView::Null(); }
  Seq seq() override { return 0; }
  Result<Value> ReadDocument() override { return Value(); }
  int64_t row_id() override { return 0; }
};

}  // namespace streamview
