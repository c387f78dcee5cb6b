#include "core/codec/key_codec.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "core/codec/varint.h"

namespace streamview {
namespace {

constexpr char kTerminator = '\x00';      // ends TEXT and BLOB
constexpr char kEscapedZero = '\xff';     // after 0x00: the two are one 0x00 of the value
constexpr char kAboveAnyColumn = '\xff';  // greater than every tag, and than every origin byte

constexpr uint64_t kSignBit = uint64_t{1} << 63;
constexpr double kTwo53 = 9007199254740992.0;
constexpr double kTwo63 = 9223372036854775808.0;

// A number is the largest double d that is not greater than it, and its residual: what it is more
// than d. Below 2^53 every INTEGER is a double, so there is no residual.
struct Number {
  double d;
  uint16_t residual;  // < 1024, the distance of doubles below 2^63
};

bool HasResidual(double d) { return std::fabs(d) >= kTwo53; }

Number Split(int64_t v) {
  double d = static_cast<double>(v);  // rounds to nearest: perhaps upwards
  if (d == kTwo63 || static_cast<int64_t>(d) > v) d = std::nextafter(d, -kTwo63);
  // Unsigned, since d may be INT64_MIN.
  const uint64_t residual =
      static_cast<uint64_t>(v) - static_cast<uint64_t>(static_cast<int64_t>(d));
  return {d, static_cast<uint16_t>(residual)};
}

// The inverse of Split. False where no INTEGER is split so.
bool Join(const Number& number, int64_t* v) {
  if (!(number.d >= -kTwo63 && number.d < kTwo63) || number.d != std::trunc(number.d)) return false;
  const auto base = static_cast<int64_t>(number.d);
  if (__builtin_add_overflow(base, int64_t{number.residual}, v)) return false;
  const Number again = Split(*v);
  return again.d == number.d && again.residual == number.residual;
}

// IEEE bits order as sign and magnitude. Setting the sign bit of the positive ones and inverting
// the negative ones makes them order as unsigned integers.
uint64_t OrderedBits(double d) {
  const auto bits = std::bit_cast<uint64_t>(d);
  return bits & kSignBit ? ~bits : bits | kSignBit;
}

double FromOrderedBits(uint64_t ordered) {
  return std::bit_cast<double>(ordered & kSignBit ? ordered & ~kSignBit : ~ordered);
}

void AppendNumber(std::string* dst, const Number& number) {
  dst->push_back(kTagNumber);
  AppendBigEndian64(dst, OrderedBits(number.d));
  if (HasResidual(number.d)) {
    dst->push_back(static_cast<char>(number.residual >> 8));
    dst->push_back(static_cast<char>(number.residual & 0xff));
  }
}

bool ReadNumber(std::string_view* input, Number* number) {
  if (input->size() < 8) return false;
  number->d = FromOrderedBits(DecodeBigEndian64(input->data()));
  number->residual = 0;
  input->remove_prefix(8);
  if (!HasResidual(number->d)) return true;
  if (input->size() < 2) return false;
  number->residual = static_cast<uint16_t>(static_cast<uint8_t>((*input)[0]) << 8 |
                                           static_cast<uint8_t>((*input)[1]));
  input->remove_prefix(2);
  return true;
}

bool DecodeNumber(std::string_view* input, bool is_real, ValueView* out) {
  Number number;
  if (!ReadNumber(input, &number)) return false;
  if (number.d == 0 && std::signbit(number.d)) return false;
  if (is_real) {
    *out = ValueView::Real(number.d);
    return number.residual == 0 && !std::isnan(number.d);
  }
  int64_t v;
  if (!Join(number, &v)) return false;
  *out = ValueView::Integer(v);
  return true;
}

void AppendBytes(std::string* dst, char tag, std::string_view bytes) {
  dst->push_back(tag);
  for (size_t zero; (zero = bytes.find('\0')) != std::string_view::npos;) {
    dst->append(bytes.data(), zero + 1);
    dst->push_back(kEscapedZero);
    bytes.remove_prefix(zero + 1);
  }
  dst->append(bytes);
  dst->push_back(kTerminator);
}

// Removes escaped bytes with their terminator from the front of *input, and returns them in *raw
// without it. *escaped: the value holds 0x00.
bool TakeBytes(std::string_view* input, std::string_view* raw, bool* escaped) {
  *escaped = false;
  for (size_t from = 0;;) {
    const size_t zero = input->find('\0', from);
    if (zero == std::string_view::npos) return false;
    if (zero + 1 < input->size() && (*input)[zero + 1] == kEscapedZero) {
      *escaped = true;
      from = zero + 2;
      continue;
    }
    *raw = input->substr(0, zero);
    input->remove_prefix(zero + 1);
    return true;
  }
}

void Unescape(std::string_view raw, std::string* out) {
  out->clear();
  for (size_t zero; (zero = raw.find('\0')) != std::string_view::npos;) {
    out->append(raw.data(), zero + 1);
    raw.remove_prefix(zero + 2);  // TakeBytes has seen the kEscapedZero
  }
  out->append(raw);
}

}  // namespace

bool IsRealColumn(const ValueView& v) {
  return v.type() == ValueType::kReal && !std::isnan(v.real());
}

void AppendKeyColumn(std::string* dst, const ValueView& v) {
  switch (v.type()) {
    case ValueType::kNull:
      dst->push_back(kTagNull);
      return;
    case ValueType::kInteger:
      AppendNumber(dst, Split(v.integer()));
      return;
    case ValueType::kReal:
      if (std::isnan(v.real())) {
        dst->push_back(kTagNull);
      } else {
        AppendNumber(dst, {v.real() == 0 ? 0.0 : v.real(), 0});  // -0.0 equals 0.0
      }
      return;
    case ValueType::kText:
      AppendBytes(dst, kTagText, v.bytes());
      return;
    case ValueType::kBlob:
      AppendBytes(dst, kTagBlob, v.bytes());
      return;
  }
}

bool SkipKeyColumn(std::string_view* input) {
  if (input->empty()) return false;
  const char tag = input->front();
  input->remove_prefix(1);
  Number number;
  std::string_view raw;
  bool escaped;
  switch (tag) {
    case kTagNull:
      return true;
    case kTagNumber:
      return ReadNumber(input, &number);
    case kTagText:
    case kTagBlob:
      return TakeBytes(input, &raw, &escaped);
    default:
      return false;
  }
}

bool ReadKeyColumn(std::string_view* input, bool is_real, std::string* scratch, ValueView* out) {
  if (input->empty()) return false;
  const char tag = input->front();
  input->remove_prefix(1);
  if (tag == kTagNull) {
    *out = ValueView::Null();
    return true;
  }
  if (tag == kTagNumber) return DecodeNumber(input, is_real, out);
  if (tag != kTagText && tag != kTagBlob) return false;

  std::string_view bytes;
  bool escaped;
  if (!TakeBytes(input, &bytes, &escaped)) return false;
  if (!escaped && tag == kTagText) {
    *out = ValueView::CString(bytes);  // its terminator is a zero byte
    return true;
  }
  if (escaped) {
    Unescape(bytes, scratch);
    bytes = *scratch;
  }
  *out = tag == kTagText ? ValueView::Text(bytes) : ValueView::Blob(bytes);
  return true;
}

std::string AfterKeyColumns(std::string columns) {
  columns.push_back(kAboveAnyColumn);
  return columns;
}

}  // namespace streamview
