// Asset: a document of the example, as bytes in the wire format of Protocol Buffers:
//
//   message Asset {
//     string filename = 1;
//     uint64 size = 2;
//     string location = 3;
//     repeated string tags = 4;
//   }
//
// By hand, so that the example needs nothing else; with protoc's class a program is shorter.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct Asset {
  std::string filename;
  uint64_t size = 0;
  std::string location;
  std::vector<std::string> tags;
};

std::string EncodeAsset(const Asset& asset);

// Nothing where the bytes are no Asset. Fields that are not known are left out.
std::optional<Asset> DecodeAsset(std::string_view bytes);
