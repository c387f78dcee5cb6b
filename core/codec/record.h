// The log record: one entry of the log as bytes (its sequence number is the key of the record).
// Also the typed value, which keeps the storage class of a Value and does not order;
// docs/format.md.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/entry.h"
#include "core/base/status.h"
#include "core/base/value.h"

namespace streamview {

// A REAL that is NaN is written as NULL, as SQLite does.
void AppendTypedValue(std::string* dst, const ValueView& v);
// Removes a typed value from the front of *input; the bytes of *v point into it. False where *input
// does not begin with one; then *input and *v are unspecified.
[[nodiscard]] bool ReadTypedValue(std::string_view* input, ValueView* v);

// What the first byte of a record becomes where further entries of its transaction follow. (A
// transaction knows which of its entries is the last one only when it is written.)
char ContinuesMark(char first_byte);

// kConstraint where the key is too large for an entry.
Status CheckKey(const ValueView& key);
// kConstraint where no log can have an entry of this number.
Status CheckNumber(Seq seq);

// The time of an entry that is appended now: milliseconds since the Unix epoch, but not before
// `last_ms`, which is the time of the entry before it.
int64_t TimeAfter(int64_t last_ms);

void AppendRecord(std::string* dst, int64_t time_ms, const ValueView& key, const ValueView& value);
// Fills *out from one whole record; its key and value point into `bytes`. Errors: kCorruption, with
// `seq` and the reason in the message; then *out is unspecified.
Status DecodeRecord(std::string_view bytes, Seq seq, Entry* out);

}  // namespace streamview
