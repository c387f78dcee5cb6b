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

// `Entries` walks index entries that count: Valid(), Next(), status(), and of the present one key()
// and value(). It is told that the present one was decoded (Decoded(decoder)), or turns the reason
// why it does not decode into an error (Malformed(why)); and it reads log entries
// (ReadDocument(seq)).
template <typename Entries>
class RowCursor final : public ViewCursor {
 public:
  // `arguments` are those of Entries.
  template <typename... Arguments>
  explicit RowCursor(const ViewDefinition& definition, Arguments&&... arguments)
      : decoder_(definition.columns.size(), definition.key_columns),
        entries_(std::forward<Arguments>(arguments)...) {
    Decode();
  }

  bool Valid() const override { return valid_; }
  Status status() const override { return damage_.ok() ? entries_.status() : damage_; }
  void Next() override {
    SV_REQUIRE(valid_);
    entries_.Next();
    Decode();
  }
  ValueView column(size_t i) override {
    SV_REQUIRE(valid_);
    return decoder_.column(i);
  }
  ValueView doc_id() override { return decoder_.doc_id(); }
  Seq seq() override { return decoder_.seq(); }
  Result<Value> ReadDocument() override { return entries_.ReadDocument(seq()); }
  int64_t row_id() override { return RowId(decoder_.seq(), decoder_.row()); }

 private:
  void Decode() {
    valid_ = false;
    if (!entries_.Valid()) return;
    const Status decoded = decoder_.Reset(entries_.key(), entries_.value());
    valid_ = decoded.ok();
    if (valid_) {
      entries_.Decoded(decoder_);
    } else {
      damage_ = entries_.Malformed(decoded.message());
    }
  }

  IndexEntryDecoder decoder_;
  Entries entries_;
  bool valid_ = false;
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
