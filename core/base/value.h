// ValueView and Value: one dynamically typed value with SQLite's five storage classes.
//
// ValueView does not own its bytes and is cheap to copy; Value owns them. Neither interprets TEXT:
// it is a run of bytes that SQLite calls UTF-8.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/check.h"

namespace streamview {

// The most key columns of a view: an index entry has a bit mask of them (docs/format.md).
constexpr size_t kMaxKeyColumns = 62;

// The numbers are part of the on-disk format (docs/format.md); never change one.
enum class ValueType : uint8_t { kNull = 0, kInteger = 1, kReal = 2, kText = 3, kBlob = 4 };

class ValueView {
 public:
  constexpr ValueView() = default;  // NULL
  static constexpr ValueView Null() { return ValueView(); }
  static constexpr ValueView Integer(int64_t v) {
    ValueView r;
    r.type_ = ValueType::kInteger;
    r.integer_ = v;
    return r;
  }
  static constexpr ValueView Real(double v) {
    ValueView r;
    r.type_ = ValueType::kReal;
    r.real_ = v;
    return r;
  }
  // The bytes must outlive the view.
  static constexpr ValueView Text(std::string_view bytes) { return {ValueType::kText, bytes}; }
  // The same where the bytes are a C string: a zero byte follows them, and none is among them. That
  // spares SQLite's clients a copy.
  static constexpr ValueView CString(std::string_view bytes) {
    ValueView r = Text(bytes);
    r.is_c_string_ = true;
    return r;
  }
  static constexpr ValueView Blob(std::string_view bytes) { return {ValueType::kBlob, bytes}; }

  constexpr ValueType type() const { return type_; }
  constexpr bool is_null() const { return type_ == ValueType::kNull; }
  constexpr bool is_c_string() const { return is_c_string_; }  // else it is not known
  constexpr bool is_number() const {
    return type_ == ValueType::kInteger || type_ == ValueType::kReal;
  }
  // REQUIRES: the type asked for is the type().
  constexpr int64_t integer() const {
    SV_REQUIRE(type_ == ValueType::kInteger);
    return integer_;
  }
  constexpr double real() const {
    SV_REQUIRE(type_ == ValueType::kReal);
    return real_;
  }
  // Empty for others than TEXT and BLOB.
  constexpr std::string_view bytes() const { return bytes_; }

 private:
  constexpr ValueView(ValueType type, std::string_view bytes) : type_(type), bytes_(bytes) {}

  ValueType type_ = ValueType::kNull;
  bool is_c_string_ = false;
  union {
    int64_t integer_ = 0;
    double real_;
  };
  std::string_view bytes_;
};

class Value {
 public:
  Value() = default;  // NULL
  explicit Value(const ValueView& v) : view_(v), bytes_(v.bytes()) {}
  static Value Integer(int64_t v) { return Value(ValueView::Integer(v)); }
  static Value Real(double v) { return Value(ValueView::Real(v)); }
  static Value Text(std::string_view v) { return Value(ValueView::Text(v)); }
  static Value Blob(std::string_view v) { return Value(ValueView::Blob(v)); }

  ValueType type() const { return view_.type(); }
  bool is_null() const { return view_.is_null(); }

  // Valid while this Value lives and is not assigned to.
  ValueView view() const {
    switch (view_.type()) {
      case ValueType::kText:
        return ValueView::Text(bytes_);
      case ValueType::kBlob:
        return ValueView::Blob(bytes_);
      default:
        return view_;
    }
  }
  operator ValueView() const { return view(); }

 private:
  ValueView view_;  // its bytes are never looked at: bytes_ holds them
  std::string bytes_;
};

// Same type and same content (1 and 1.0 differ; NULL equals NULL). For tests and checks, not SQL.
bool Identical(const ValueView& a, const ValueView& b);

// Negative, 0 or positive: SQLite's order under BINARY. NULL, then INTEGER and REAL together by
// value (exactly, also past 2^53), then TEXT, then BLOB. No NaN occurs: SQLite has none.
int Compare(const ValueView& a, const ValueView& b);

// For messages: NULL, 42, 1.5, 'text' (cut where it is long), x'00ff'.
std::string ToDisplay(const ValueView& value);

}  // namespace streamview
