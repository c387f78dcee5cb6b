#include "core/codec/record.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>

#include "core/codec/varint.h"

namespace streamview {
namespace {

constexpr uint8_t kRecordVersion = 1;

bool ReadBytes(std::string_view* input, std::string_view* bytes) {
  uint64_t length;
  if (!ReadVarint(input, &length) || length > input->size()) return false;
  *bytes = input->substr(0, length);
  input->remove_prefix(length);
  return true;
}

bool ReadFixed64(std::string_view* input, uint64_t* bits) {
  if (input->size() < 8) return false;
  *bits = DecodeBigEndian64(input->data());
  input->remove_prefix(8);
  return true;
}

Status Corrupt(Seq seq, const std::string& reason) {
  return Status::Corruption("log record " + std::to_string(seq) + ": " + reason);
}

}  // namespace

void AppendTypedValue(std::string* dst, const ValueView& v) {
  if (v.type() == ValueType::kReal && std::isnan(v.real())) {
    return AppendTypedValue(dst, ValueView::Null());
  }
  dst->push_back(static_cast<char>(v.type()));
  switch (v.type()) {
    case ValueType::kNull:
      return;
    case ValueType::kInteger:
      return AppendBigEndian64(dst, static_cast<uint64_t>(v.integer()));
    case ValueType::kReal:
      return AppendBigEndian64(dst, std::bit_cast<uint64_t>(v.real()));
    case ValueType::kText:
    case ValueType::kBlob:
      AppendVarint(dst, v.bytes().size());
      dst->append(v.bytes());
      return;
  }
}

bool ReadTypedValue(std::string_view* input, ValueView* v) {
  if (input->empty()) return false;
  const auto type = static_cast<ValueType>(input->front());
  input->remove_prefix(1);
  uint64_t bits;
  std::string_view bytes;
  switch (type) {
    case ValueType::kNull:
      *v = ValueView::Null();
      return true;
    case ValueType::kInteger:
      if (!ReadFixed64(input, &bits)) return false;
      *v = ValueView::Integer(static_cast<int64_t>(bits));
      return true;
    case ValueType::kReal:
      if (!ReadFixed64(input, &bits)) return false;
      *v = ValueView::Real(std::bit_cast<double>(bits));
      return !std::isnan(v->real());
    case ValueType::kText:
      if (!ReadBytes(input, &bytes)) return false;
      *v = ValueView::Text(bytes);
      return true;
    case ValueType::kBlob:
      if (!ReadBytes(input, &bytes)) return false;
      *v = ValueView::Blob(bytes);
      return true;
  }
  return false;  // no ValueType
}

Status CheckKey(const ValueView& key) {
  if (key.bytes().size() <= kMaxKeyBytes) return Status::Ok();
  return Status::Constraint("the key has " + std::to_string(key.bytes().size()) +
                            " bytes; at most " + std::to_string(kMaxKeyBytes) + " are allowed");
}

Status CheckNumber(Seq seq) {
  if (seq <= kMaxSeq) return Status::Ok();
  return Status::Constraint("the log is full: it can have " + std::to_string(kMaxSeq) + " entries");
}

int64_t TimeAfter(int64_t last_ms) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::max<int64_t>(last_ms,
                           std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

// In the version's byte: not the last entry of its transaction.
static constexpr uint8_t kContinuesBit = 0x80;

void AppendRecord(std::string* dst, int64_t time_ms, const ValueView& key, const ValueView& value) {
  constexpr size_t kBesides = 48;  // at most so many bytes beside those of TEXT and BLOB
  dst->reserve(dst->size() + key.bytes().size() + value.bytes().size() + kBesides);
  dst->push_back(kRecordVersion);
  AppendVarint(dst, static_cast<uint64_t>(time_ms));
  AppendTypedValue(dst, key);
  AppendTypedValue(dst, value);
}

char ContinuesMark(char first_byte) { return static_cast<char>(first_byte | kContinuesBit); }

Status DecodeRecord(std::string_view bytes, Seq seq, Entry* out) {
  if (bytes.empty()) return Corrupt(seq, "it is empty");
  const auto first = static_cast<uint8_t>(bytes.front());
  const int version = first & ~kContinuesBit;
  if (version != kRecordVersion) {
    return Corrupt(seq, "unknown version " + std::to_string(version));
  }
  bytes.remove_prefix(1);
  uint64_t time_ms;
  if (!ReadVarint(&bytes, &time_ms)) return Corrupt(seq, "bad time");
  out->seq = seq;
  out->continues = (first & kContinuesBit) != 0;
  out->time_ms = static_cast<int64_t>(time_ms);
  if (!ReadTypedValue(&bytes, &out->key)) return Corrupt(seq, "bad key");
  if (!ReadTypedValue(&bytes, &out->value)) return Corrupt(seq, "bad value");
  if (!bytes.empty()) return Corrupt(seq, std::to_string(bytes.size()) + " bytes too many");
  return Status::Ok();
}

}  // namespace streamview
