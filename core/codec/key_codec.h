// The key encoding: one Value as a self-delimiting run of bytes whose memcmp order is SQLite's
// order under the BINARY collation, NULL < INTEGER and REAL by value < TEXT < BLOB. Concatenated
// columns order as tuples. After FoundationDB's tuple layer
// (https://github.com/apple/foundationdb/blob/main/design/tuple.md); docs/format.md has the bytes.
//
// Values that SQLite calls equal have the same encoding: 1 and 1.0, 0.0 and -0.0. So the encoding
// of a number does not say whether it is INTEGER or REAL; whoever decodes must know. A NaN is a
// NULL.
//
// Every column begins with one of the tags below. No column begins with a byte below kTagNull:
// column families that are keyed by columns use those for their metadata.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/value.h"

namespace streamview {

// Part of the on-disk format. There are gaps on purpose.
constexpr char kTagNull = 0x05;
constexpr char kTagNumber = 0x10;
constexpr char kTagText = 0x20;
constexpr char kTagBlob = 0x30;

void AppendKeyColumn(std::string* dst, const ValueView& v);
inline std::string EncodeKeyColumn(const ValueView& v) {
  std::string encoded;
  AppendKeyColumn(&encoded, v);
  return encoded;
}

// Whether the number that stands in the key is REAL: what ReadKeyColumn has to be told.
bool IsRealColumn(const ValueView& v);

// Removes a column from the front of *input. False where *input does not begin with one; then
// *input is unspecified.
[[nodiscard]] bool SkipKeyColumn(std::string_view* input);

// The same, and decodes it. Numbers become REAL where `is_real`, else INTEGER; it is not looked at
// for other types. The bytes of *out point into the input where they stand there as they are, else
// into *scratch, whose content is replaced. False, too, where no value of that type has this
// encoding.
[[nodiscard]] bool ReadKeyColumn(std::string_view* input, bool is_real, std::string* scratch,
                                 ValueView* out);

// The end of a range of keys, excluded: greater than all keys that begin with exactly the columns
// in `columns` (one or more whole ones), not greater than any other that is greater than these.
// (Incrementing the last byte would not do: the bytes of TEXT 'a' are also a prefix of those of
// 'a' || x'00'.)
std::string AfterKeyColumns(std::string columns);

}  // namespace streamview
