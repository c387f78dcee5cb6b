#include "asset.h"

namespace {

// A field begins with its number and the kind of what follows.
enum WireType : uint64_t { kVarint = 0, kBytes = 2 };

constexpr uint64_t Tag(uint64_t field, WireType type) { return field << 3 | type; }

// Base 128, the lowest digit first; the top bit says that more follow.
void AppendVarint(std::string* out, uint64_t v) {
  for (; v >= 0x80; v >>= 7) out->push_back(static_cast<char>(v | 0x80));
  out->push_back(static_cast<char>(v));
}

void AppendBytes(std::string* out, uint64_t field, std::string_view bytes) {
  AppendVarint(out, Tag(field, kBytes));
  AppendVarint(out, bytes.size());
  out->append(bytes);
}

bool ReadVarint(std::string_view* in, uint64_t* v) {
  *v = 0;
  for (int shift = 0; shift < 64 && !in->empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(in->front());
    in->remove_prefix(1);
    *v |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

bool ReadBytes(std::string_view* in, std::string_view* bytes) {
  uint64_t size;
  if (!ReadVarint(in, &size) || size > in->size()) return false;
  *bytes = in->substr(0, size);
  in->remove_prefix(size);
  return true;
}

}  // namespace

std::string EncodeAsset(const Asset& asset) {
  std::string out;
  AppendBytes(&out, 1, asset.filename);
  AppendVarint(&out, Tag(2, kVarint));
  AppendVarint(&out, asset.size);
  AppendBytes(&out, 3, asset.location);
  for (const std::string& tag : asset.tags) AppendBytes(&out, 4, tag);
  return out;
}

std::optional<Asset> DecodeAsset(std::string_view bytes) {
  Asset asset;
  while (!bytes.empty()) {
    uint64_t tag, number = 0;
    std::string_view text;
    if (!ReadVarint(&bytes, &tag)) return std::nullopt;
    const bool read = (tag & 7) == kVarint  ? ReadVarint(&bytes, &number)
                      : (tag & 7) == kBytes ? ReadBytes(&bytes, &text)
                                            : false;
    if (!read) return std::nullopt;
    if (tag == Tag(1, kBytes)) asset.filename = text;
    if (tag == Tag(2, kVarint)) asset.size = number;
    if (tag == Tag(3, kBytes)) asset.location = text;
    if (tag == Tag(4, kBytes)) asset.tags.emplace_back(text);
  }
  return asset;
}
