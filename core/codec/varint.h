// Integers as bytes whose memcmp order is the order of the integers.
//
// The varint is that of SQLite4 (https://sqlite.org/src4/doc/trunk/www/varint.wiki): the first byte
// is the value itself (0..240) or says how long the encoding is, 1 to 9 bytes. docs/format.md has
// examples.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace streamview {

void AppendVarint(std::string* dst, uint64_t v);
// Removes a varint from the front of *input. False where *input does not begin with one, or with
// one that is longer than its value needs; then *input and *v are unspecified.
[[nodiscard]] bool ReadVarint(std::string_view* input, uint64_t* v);

// A signed integer as a varint: 0, -1, 1, -2... as 0, 1, 2, 3... Such bytes do not order.
void AppendSignedVarint(std::string* dst, int64_t v);
[[nodiscard]] bool ReadSignedVarint(std::string_view* input, int64_t* v);

void AppendBigEndian64(std::string* dst, uint64_t v);
// REQUIRES: 8 bytes at p
uint64_t DecodeBigEndian64(const char* p);

}  // namespace streamview
