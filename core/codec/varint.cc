#include "core/codec/varint.h"

namespace streamview {
namespace {

// What the first byte says.
constexpr uint8_t kMaxOneByte = 240;   // the value itself
constexpr uint8_t kMaxTwoBytes = 248;  // 241..248: the high bits of a two-byte encoding
constexpr uint8_t kThreeBytes = 249;
constexpr uint8_t kFirstBigEndian = 250;  // 250..255: the value in 3..8 bytes

constexpr uint64_t kMinTwoBytes = kMaxOneByte + 1;
constexpr uint64_t kMinThreeBytes = kMaxOneByte + 256 * (kMaxTwoBytes - kMaxOneByte);
constexpr uint64_t kMinBigEndian = kMinThreeBytes + 65536;

uint8_t Byte(std::string_view s, size_t i) { return static_cast<uint8_t>(s[i]); }

int BytesNeeded(uint64_t v) { return (64 - __builtin_clzll(v | 1) + 7) / 8; }

size_t EncodedLength(uint8_t first) {
  if (first <= kMaxOneByte) return 1;
  if (first <= kMaxTwoBytes) return 2;
  if (first == kThreeBytes) return 3;
  return 1 + 3 + (first - kFirstBigEndian);
}

}  // namespace

void AppendVarint(std::string* dst, uint64_t v) {
  char buffer[9];
  size_t n = 0;
  const auto put = [&](uint64_t byte) { buffer[n++] = static_cast<char>(byte & 0xff); };
  if (v < kMinTwoBytes) {
    put(v);
  } else if (v < kMinThreeBytes) {
    v -= kMaxOneByte;
    put(kMaxOneByte + 1 + (v >> 8));
    put(v);
  } else if (v < kMinBigEndian) {
    v -= kMinThreeBytes;
    put(kThreeBytes);
    put(v >> 8);
    put(v);
  } else {
    const int bytes = BytesNeeded(v);
    put(kFirstBigEndian + bytes - 3);
    for (int i = bytes - 1; i >= 0; --i) put(v >> (8 * i));
  }
  dst->append(buffer, n);
}

bool ReadVarint(std::string_view* input, uint64_t* v) {
  if (input->empty()) return false;
  const uint8_t first = Byte(*input, 0);
  const size_t length = EncodedLength(first);
  if (input->size() < length) return false;
  // Only the shortest encoding of a value is one: else equal keys could differ.
  if (length == 1) {
    *v = first;
  } else if (length == 2) {
    *v = kMaxOneByte + 256 * (first - kMinTwoBytes) + Byte(*input, 1);
    if (*v < kMinTwoBytes) return false;
  } else if (length == 3) {
    *v = kMinThreeBytes + uint64_t{256} * Byte(*input, 1) + Byte(*input, 2);
  } else {
    *v = 0;
    for (size_t i = 1; i < length; ++i) *v = *v << 8 | Byte(*input, i);
    if (*v < kMinBigEndian || BytesNeeded(*v) != static_cast<int>(length) - 1) return false;
  }
  input->remove_prefix(length);
  return true;
}

void AppendSignedVarint(std::string* dst, int64_t v) {
  AppendVarint(dst, static_cast<uint64_t>(v) << 1 ^ (v < 0 ? UINT64_MAX : 0));
}

bool ReadSignedVarint(std::string_view* input, int64_t* v) {
  uint64_t folded;
  if (!ReadVarint(input, &folded)) return false;
  *v = static_cast<int64_t>(folded >> 1 ^ ((folded & 1) != 0 ? UINT64_MAX : 0));
  return true;
}

void AppendBigEndian64(std::string* dst, uint64_t v) {
  char buffer[8];
  for (int i = 0; i < 8; ++i) buffer[i] = static_cast<char>(v >> (56 - 8 * i));
  dst->append(buffer, sizeof buffer);
}

uint64_t DecodeBigEndian64(const char* p) {
  uint64_t v = 0;
  for (int i = 0; i < 8; ++i) v = v << 8 | static_cast<uint8_t>(p[i]);
  return v;
}

}  // namespace streamview
