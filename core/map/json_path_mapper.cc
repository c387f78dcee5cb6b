#include "core/map/json_path_mapper.h"

#include <simdjson.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/check.h"
#include "core/map/json_path.h"

namespace streamview {
namespace {

namespace dom = simdjson::dom;
namespace ondemand = simdjson::ondemand;
using simdjson::error_code;
using Step = JsonPath::Step;

Status JsonError(error_code error) {
  if (error == simdjson::MEMALLOC) return Status::NoMemory();
  return Status::InvalidArgument(std::string("not JSON: ") + simdjson::error_message(error));
}

bool IsDigit(char c) { return '0' <= c && c <= '9'; }

constexpr std::string_view kNumberBytes = "0123456789+-.eE";

// Whether JSON's grammar calls all of `s` a number.
bool IsNumber(std::string_view s) {
  const auto take = [&s](std::string_view any) {
    if (s.empty() || any.find(s[0]) == std::string_view::npos) return false;
    s.remove_prefix(1);
    return true;
  };
  const auto take_digits = [&s] {
    const size_t digits = std::min(s.find_first_not_of("0123456789"), s.size());
    s.remove_prefix(digits);
    return digits > 0;
  };
  take("-");
  if (!take("0") && !take_digits()) return false;
  if (take(".") && !take_digits()) return false;
  if (take("eE")) {
    take("+-");
    if (!take_digits()) return false;
  }
  return s.empty();
}

// `json` with 0 in the place of every number. It is JSON exactly where `json` is. simdjson refuses
// integers beyond 64 bits and reals beyond double, which SQLite takes; this tells the documents
// that have such numbers from those that are no JSON.
std::string WithoutNumbers(std::string_view json) {
  std::string out;
  bool in_string = false;
  while (!json.empty()) {
    const char c = json[0];
    size_t length = 1;
    if (in_string) {
      if (c == '\\') length = std::min<size_t>(2, json.size());
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '-' || IsDigit(c)) {
      length = std::min(json.find_first_not_of(kNumberBytes), json.size());
    }
    const std::string_view token = json.substr(0, length);
    out += !in_string && IsNumber(token) ? "0" : token;
    json.remove_prefix(length);
  }
  return out;
}

// A JSON text, validated as a whole, then read on demand.
//
// simdjson's DOM parser validates, its On-Demand parser reads: that one validates only what it
// reads, but leads to the bytes of the text, which numbers and objects are taken from as SQLite
// does. Keeps its buffers from one document to the next.
class JsonText {
 public:
  // Valid until the next Parse.
  Status Parse(std::string_view json) {
    SV_RETURN_IF_ERROR(Reserve(json.size()));
    // On-Demand has a special case for a scalar that is the whole document. As the only element of
    // an array every document is treated alike.
    text_.clear();
    text_ += '[';
    text_ += json;
    text_ += ']';
    const size_t length = text_.size();
    text_.append(simdjson::SIMDJSON_PADDING, ' ');
    SV_RETURN_IF_ERROR(Validate(std::string_view(text_).substr(1, json.size())));
    const simdjson::padded_string_view padded(text_.data(), length, text_.size());
    if (const error_code error = reader_.iterate(padded).get(document_)) return JsonError(error);
    return Status::Ok();
  }

  // Goes (back) to the top of the document. Values read before are invalid then, and so are the
  // bytes of strings read before.
  Status Root(ondemand::value* root) {
    document_.rewind();
    ondemand::array array;
    error_code error = document_.get_array().get(array);
    if (!error) error = array.at(0).get(*root);
    return error ? JsonError(error) : Status::Ok();
  }

 private:
  // `json` must be followed by padding.
  Status Validate(std::string_view json) {
    error_code error =
        validator_.parse(json.data(), json.size(), /*realloc_if_needed=*/false).error();
    if (error == simdjson::NUMBER_ERROR) error = validator_.parse(WithoutNumbers(json)).error();
    return error ? JsonError(error) : Status::Ok();
  }

  Status Reserve(size_t size) {
    if (size <= capacity_) return Status::Ok();
    // In powers of two, so that slowly growing documents do not allocate each time.
    const size_t capacity = std::bit_ceil(std::max<size_t>(size, 4096));
    error_code error = validator_.allocate(capacity);
    // One level and two bytes more: the array around the document.
    if (!error) error = reader_.allocate(capacity + 2, simdjson::DEFAULT_MAX_DEPTH + 1);
    if (error) return JsonError(error);
    capacity_ = capacity;
    return Status::Ok();
  }

  std::string text_;
  size_t capacity_ = 0;
  dom::parser validator_;
  ondemand::parser reader_;
  ondemand::document document_;
};

// Calls visit(value) for each value that `steps` lead to from `value`, in the order of the
// document. visit returns a Status; an error ends the walk and is returned.
template <typename Visit>
Status Walk(ondemand::value value, std::span<const Step> steps, Visit& visit);

template <typename Visit>
Status WalkObject(ondemand::object object, std::span<const Step> steps, Visit& visit) {
  for (auto result : object) {
    ondemand::field field;
    if (const error_code error = std::move(result).get(field)) return JsonError(error);
    if (steps[0].kind == Step::Kind::kEveryMember) {
      SV_RETURN_IF_ERROR(Walk(field.value(), steps.subspan(1), visit));
      continue;
    }
    std::string_view name;
    if (const error_code error = field.unescaped_key().get(name)) return JsonError(error);
    if (name == steps[0].name) return Walk(field.value(), steps.subspan(1), visit);
  }
  return Status::Ok();
}

template <typename Visit>
Status WalkArray(ondemand::array array, std::span<const Step> steps, Visit& visit) {
  uint64_t wanted = steps[0].index;
  if (steps[0].kind == Step::Kind::kElementFromEnd) {
    size_t count;
    if (const error_code error = array.count_elements().get(count)) return JsonError(error);
    if (wanted > count) return Status::Ok();
    wanted = count - wanted;
  }
  uint64_t at = 0;
  for (auto result : array) {
    ondemand::value element;
    if (const error_code error = result.get(element)) return JsonError(error);
    if (steps[0].kind == Step::Kind::kEveryElement) {
      SV_RETURN_IF_ERROR(Walk(element, steps.subspan(1), visit));
    } else if (at++ == wanted) {
      return Walk(element, steps.subspan(1), visit);
    }
  }
  return Status::Ok();
}

template <typename Visit>
Status Walk(ondemand::value value, std::span<const Step> steps, Visit& visit) {
  if (steps.empty()) return visit(value);
  const bool of_object =
      steps[0].kind == Step::Kind::kMember || steps[0].kind == Step::Kind::kEveryMember;
  ondemand::json_type type;
  if (const error_code error = value.type().get(type)) return JsonError(error);
  if (of_object && type == ondemand::json_type::object) {
    ondemand::object object;
    if (const error_code error = value.get_object().get(object)) return JsonError(error);
    return WalkObject(object, steps, visit);
  }
  if (!of_object && type == ondemand::json_type::array) {
    ondemand::array array;
    if (const error_code error = value.get_array().get(array)) return JsonError(error);
    return WalkArray(array, steps, visit);
  }
  return Status::Ok();
}

ValueView NumberToValue(ondemand::value number) {
  std::string_view token = number.raw_json_token();
  token = token.substr(0, token.find_first_not_of(kNumberBytes));
  int64_t integer;
  const char* const end = token.data() + token.size();
  const auto [last, error] = std::from_chars(token.data(), end, integer);
  if (error == std::errc() && last == end) return ValueView::Integer(integer);
  // Not by get_double(): simdjson 3.0 misreads numbers below 1 of more than 19 digits.
  double real;
  if (std::from_chars(token.data(), end, real).ec == std::errc()) return ValueView::Real(real);
  // It is a number (Parse has seen to that) that no double holds: too small, or too large.
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (number.get_double().get(real) == simdjson::SUCCESS && std::fabs(real) < 1) {
    return ValueView::Real(0);
  }
  return ValueView::Real(token[0] == '-' ? -kInfinity : kInfinity);
}

// The text of an array or object as the document has it; white space may follow it.
error_code RawText(ondemand::value json, ondemand::json_type type, std::string_view* raw) {
  if (type == ondemand::json_type::array) {
    ondemand::array array;
    if (const error_code error = json.get_array().get(array)) return error;
    return array.raw_json().get(*raw);
  }
  ondemand::object object;
  if (const error_code error = json.get_object().get(object)) return error;
  return object.raw_json().get(*raw);
}

class JsonPathMapper : public Mapper {
 public:
  JsonPathMapper(JsonPath emit_path, std::optional<JsonPath> value_path)
      : emit_path_(std::move(emit_path)), value_path_(std::move(value_path)) {}

  Status Map(const Entry& entry, Emitter& emitter) override {
    switch (entry.value.type()) {
      case ValueType::kNull:
        return Status::Ok();
      case ValueType::kInteger:
      case ValueType::kReal:
        return MapNumber(entry.value, emitter);
      case ValueType::kText:
        return MapText(entry.value.bytes(), emitter);
      case ValueType::kBlob:
        break;
    }
    return Status::InvalidArgument("JSON cannot hold BLOB values");
  }

 private:
  Status MapNumber(const ValueView& number, Emitter& emitter) {
    if (!emit_path_.steps().empty()) return Status::Ok();
    const bool has_value = value_path_ && value_path_->steps().empty();
    return Emit(number, has_value ? number : ValueView::Null(), emitter);
  }

  Status MapText(std::string_view json, Emitter& emitter) {
    SV_RETURN_IF_ERROR(text_.Parse(json));
    ValueView value;
    if (value_path_) SV_RETURN_IF_ERROR(FindValue(&value));
    ondemand::value root;
    SV_RETURN_IF_ERROR(text_.Root(&root));
    auto emit = [&](ondemand::value match) {
      ValueView key;
      SV_RETURN_IF_ERROR(ToValue(match, &key));
      return Emit(key, value, emitter);
    };
    return Walk(root, emit_path_.steps(), emit);
  }

  // Leaves *value as it is where value_path finds nothing. Its bytes are in value_bytes_.
  Status FindValue(ValueView* value) {
    ondemand::value root;
    SV_RETURN_IF_ERROR(text_.Root(&root));
    auto keep = [&](ondemand::value match) {
      SV_RETURN_IF_ERROR(ToValue(match, value));
      if (value->type() == ValueType::kText) {
        value_bytes_ = value->bytes();
        *value = ValueView::Text(value_bytes_);
      }
      return Status::Ok();
    };
    return Walk(root, value_path_->steps(), keep);
  }

  // The bytes of *out are valid until the next call, or until text_ is rewound.
  Status ToValue(ondemand::value json, ValueView* out) {
    ondemand::json_type type;
    if (const error_code error = json.type().get(type)) return JsonError(error);
    std::string_view bytes;
    bool truth;
    switch (type) {
      case ondemand::json_type::null:
        *out = ValueView::Null();
        return Status::Ok();
      case ondemand::json_type::boolean:
        if (const error_code error = json.get_bool().get(truth)) return JsonError(error);
        *out = ValueView::Integer(truth ? 1 : 0);
        return Status::Ok();
      case ondemand::json_type::number:
        *out = NumberToValue(json);
        return Status::Ok();
      case ondemand::json_type::string:
        if (const error_code error = json.get_string().get(bytes)) return JsonError(error);
        *out = ValueView::Text(bytes);
        return Status::Ok();
      case ondemand::json_type::array:
      case ondemand::json_type::object:
        return Minify(json, type, out);
    }
    return JsonError(simdjson::UNEXPECTED_ERROR);
  }

  // The text of an array or object without white space, in minified_.
  Status Minify(ondemand::value json, ondemand::json_type type, ValueView* out) {
    std::string_view raw;
    if (const error_code error = RawText(json, type, &raw)) return JsonError(error);
    minified_.resize(raw.size() + simdjson::SIMDJSON_PADDING);
    size_t length;
    const error_code error = simdjson::minify(raw.data(), raw.size(), minified_.data(), length);
    if (error) return JsonError(error);
    *out = ValueView::Text(std::string_view(minified_).substr(0, length));
    return Status::Ok();
  }

  static Status Emit(const ValueView& key, const ValueView& value, Emitter& emitter) {
    const ValueView row[] = {key, value};
    return emitter.Emit(row);
  }

  const JsonPath emit_path_;
  const std::optional<JsonPath> value_path_;
  JsonText text_;
  std::string value_bytes_;
  std::string minified_;
};

}  // namespace

Result<std::unique_ptr<Mapper>> NewJsonPathMapper(const ViewDefinition& definition) {
  SV_REQUIRE(definition.kind == MapKind::kJsonPath &&
             definition.columns.size() == kJsonPathColumns);
  SV_ASSIGN_OR_RETURN(JsonPath emit_path, JsonPath::Parse(definition.emit_path));
  std::optional<JsonPath> value_path;
  if (!definition.value_path.empty()) {
    SV_ASSIGN_OR_RETURN(value_path, JsonPath::Parse(definition.value_path));
    if (value_path->has_wildcard()) {
      return Status::InvalidArgument(
          "JSON path '" + definition.value_path +
          "' of the value: it must lead to one value, without a wildcard");
    }
  }
  return std::unique_ptr<Mapper>(
      std::make_unique<JsonPathMapper>(std::move(emit_path), std::move(value_path)));
}

}  // namespace streamview
