#include "core/map/definition.h"

#include <algorithm>
#include <limits>

#include "core/codec/aggregate.h"
#include "core/codec/index_entry.h"
#include "core/codec/sized_string.h"
#include "core/codec/varint.h"

namespace streamview {
namespace {

constexpr uint8_t kDefinitionVersion = 1;

// All fields but the name. The fingerprint is made of these bytes: a field that is added later must
// add nothing to them where it has the value that older definitions imply.
void AppendFields(std::string* dst, const ViewDefinition& d) {
  AppendString(dst, d.log_name);
  dst->push_back(static_cast<char>(d.kind));
  AppendString(dst, d.map);
  AppendString(dst, d.emit_path);
  AppendString(dst, d.value_path);
  AppendVarint(dst, d.columns.size());
  for (const std::string& column : d.columns) AppendString(dst, column);
  AppendVarint(dst, d.key_columns);
  AppendBigEndian64(dst, static_cast<uint64_t>(d.version));
  dst->push_back(static_cast<char>(d.on_error));
  if (d.reduce != Reduce::kNone) dst->push_back(static_cast<char>(d.reduce));
}

// Takes fields off the front of `input`. Each returns false where there is none, or not a valid
// one.
struct FieldReader {
  std::string_view input;

  bool Read(std::string* s) { return ReadString(&input, s); }

  bool Read(std::vector<std::string>* list) {
    uint64_t count;
    if (!ReadVarint(&input, &count) || count > input.size()) return false;
    list->resize(count);
    return std::all_of(list->begin(), list->end(), [this](std::string& s) { return Read(&s); });
  }

  bool Read(uint32_t* v) {
    uint64_t wide;
    if (!ReadVarint(&input, &wide) || wide > std::numeric_limits<uint32_t>::max()) return false;
    *v = static_cast<uint32_t>(wide);
    return true;
  }

  bool Read(int64_t* v) {
    if (input.size() < 8) return false;
    *v = static_cast<int64_t>(DecodeBigEndian64(input.data()));
    input.remove_prefix(8);
    return true;
  }

  template <typename Enum>
  bool ReadEnum(Enum* v, Enum last) {
    if (input.empty() || static_cast<uint8_t>(input.front()) > static_cast<uint8_t>(last)) {
      return false;
    }
    *v = static_cast<Enum>(input.front());
    input.remove_prefix(1);
    return true;
  }
};

bool ReadReduce(FieldReader* in, Reduce* reduce) {
  if (in->input.empty()) return true;
  return in->ReadEnum(reduce, Reduce::kStats) && *reduce != Reduce::kNone;
}

bool ReadFields(FieldReader* in, ViewDefinition* d) {
  return in->Read(&d->log_name) && in->ReadEnum(&d->kind, MapKind::kCustom) && in->Read(&d->map) &&
         in->Read(&d->emit_path) && in->Read(&d->value_path) && in->Read(&d->columns) &&
         in->Read(&d->key_columns) && in->Read(&d->version) &&
         in->ReadEnum(&d->on_error, OnError::kStop) && ReadReduce(in, &d->reduce);
}

__extension__ typedef unsigned __int128 Uint128;

// FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/): it is to tell a changed definition from an
// unchanged one, not to withstand an attacker.
Uint128 Fnv1a128(std::string_view bytes) {
  constexpr Uint128 kPrime = Uint128{1} << 88 | 0x13b;
  Uint128 hash = Uint128{0x6c62272e07bb0142} << 64 | 0x62b821756295c58d;
  for (const char c : bytes) {
    hash ^= static_cast<uint8_t>(c);
    hash *= kPrime;
  }
  return hash;
}

std::string Hex(Uint128 v) {
  std::string hex;
  for (int shift = 124; shift >= 0; shift -= 4) hex += "0123456789abcdef"[v >> shift & 0xf];
  return hex;
}

std::string Quoted(std::string_view s, char quote) {
  std::string out(1, quote);
  for (const char c : s) {
    if (c == quote) out += quote;
    out += c;
  }
  return out += quote;
}

// A table's name as SQL needs it. Only ASCII letters go without quotes: this is for people to read.
std::string Identifier(const std::string& name) {
  const auto plain = [](char c) {
    return c == '_' || ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') || ('0' <= c && c <= '9');
  };
  const bool digit_first = !name.empty() && '0' <= name[0] && name[0] <= '9';
  const bool quotes = name.empty() || digit_first || !std::all_of(name.begin(), name.end(), plain);
  return quotes ? Quoted(name, '"') : name;
}

}  // namespace

std::string_view ReduceName(Reduce reduce) {
  switch (reduce) {
    case Reduce::kCount:
      return "count";
    case Reduce::kSum:
      return "sum";
    case Reduce::kStats:
      return "stats";
    case Reduce::kNone:
      break;
  }
  return "";
}

std::vector<std::string> ViewDefinition::RowColumns() const {
  if (reduce == Reduce::kNone) return columns;
  std::vector<std::string> names(columns.begin(), columns.begin() + key_columns);
  if (reduce != Reduce::kSum) names.emplace_back("count");
  if (reduce != Reduce::kCount) names.emplace_back("sum");
  if (reduce == Reduce::kStats) names.insert(names.end(), {"min", "max", "sumsqr"});
  return names;
}

Status ViewDefinition::Validate() const {
  if (kind == MapKind::kJsonPath && columns.size() != kJsonPathColumns) {
    return Status::InvalidArgument("a view by JSON path has 2 columns, key and value, not " +
                                   std::to_string(columns.size()));
  }
  if (key_columns < 1 || key_columns > columns.size()) {
    return Status::InvalidArgument(std::to_string(key_columns) + " key columns among " +
                                   std::to_string(columns.size()));
  }
  if (key_columns > kMaxKeyColumns) {
    return Status::InvalidArgument(std::to_string(key_columns) + " key columns; at most " +
                                   std::to_string(kMaxKeyColumns) + " are allowed");
  }
  const bool needs_value = reduce == Reduce::kSum || reduce == Reduce::kStats;
  if (needs_value && key_columns == columns.size()) {
    return Status::InvalidArgument("there is no column to reduce");
  }
  return Status::Ok();
}

std::string ViewDefinition::Fingerprint() const {
  const uint8_t version = reduce == Reduce::kNone ? kIndexEntryVersion : kAggregateVersion;
  std::string bytes(1, static_cast<char>(version));
  AppendFields(&bytes, *this);
  return Hex(Fnv1a128(bytes));
}

std::string ViewDefinition::ToDisplay() const {
  std::string out = "log=" + Identifier(log_name);
  if (kind == MapKind::kSql) {
    out += ", map=(" + map + ")";
  } else if (kind == MapKind::kCustom) {
    out += ", mapper=" + Identifier(map);
  } else {
    out += ", emit=" + Quoted(emit_path, '\'');
    if (!value_path.empty()) out += ", value=" + Quoted(value_path, '\'');
  }
  if (key_columns != 1) out += ", keys=" + std::to_string(key_columns);
  if (version != 0) out += ", version=" + std::to_string(version);
  if (on_error == OnError::kStop) out += ", on_error='stop'";
  if (reduce != Reduce::kNone) out += ", reduce='" + std::string(ReduceName(reduce)) + "'";
  return out;
}

std::string ViewDefinition::Encode() const {
  std::string bytes(1, static_cast<char>(kDefinitionVersion));
  AppendString(&bytes, name);
  AppendFields(&bytes, *this);
  return bytes;
}

Result<ViewDefinition> ViewDefinition::Decode(std::string_view bytes) {
  if (bytes.empty()) return Status::Corruption("view definition: it is empty");
  const auto format = static_cast<uint8_t>(bytes.front());
  if (format != kDefinitionVersion) {
    return Status::Corruption("view definition: unknown version " + std::to_string(format));
  }
  FieldReader in{bytes.substr(1)};
  ViewDefinition d;
  if (!in.Read(&d.name) || !ReadFields(&in, &d) || !in.input.empty()) {
    return Status::Corruption("view definition: bad bytes");
  }
  if (const Status valid = d.Validate(); !valid.ok()) {
    return Status::Corruption("view definition: " + valid.message());
  }
  return d;
}

}  // namespace streamview
