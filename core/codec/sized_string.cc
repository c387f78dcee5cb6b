#include "core/codec/sized_string.h"

#include "core/codec/varint.h"

namespace streamview {

void AppendString(std::string* dst, std::string_view s) {
  AppendVarint(dst, s.size());
  dst->append(s);
}

bool ReadString(std::string_view* input, std::string* s) {
  uint64_t size;
  if (!ReadVarint(input, &size) || size > input->size()) return false;
  s->assign(input->substr(0, size));
  input->remove_prefix(size);
  return true;
}

}  // namespace streamview
