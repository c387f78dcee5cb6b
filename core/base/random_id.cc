#include "core/base/random_id.h"

#include <random>

namespace streamview {

std::string RandomId(size_t bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::random_device device;
  std::string id;
  for (size_t i = 0; i < bytes; i++) {
    const unsigned value = device();
    id += kDigits[value & 15];
    id += kDigits[(value >> 4) & 15];
  }
  return id;
}

}  // namespace streamview
