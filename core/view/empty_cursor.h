// A cursor over a range of which the bounds have crossed.

#pragma once

#include "core/engine.h"

namespace streamview {

class EmptyCursor final : public ViewCursor {
 public:
  bool Valid() const override { return false; }
  void Next() override {}
  Status status() const override { return Status::Ok(); }
  ValueView column(size_t) override { return ValueView::Null(); }
  ValueView doc_id() override { return ValueView::Null(); }
  Seq seq() override { return 0; }
  Result<Value> ReadDocument() override { return Value(); }
  int64_t row_id() override { return 0; }
};

}  // namespace streamview
