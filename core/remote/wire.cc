#include "core/remote/wire.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "core/codec/record.h"
#include "core/codec/sized_string.h"
#include "core/codec/varint.h"

namespace streamview::wire {

namespace {

constexpr std::string_view kMagic = "streamview";

// A longer one is without end: clocks, too, have an end.
constexpr std::chrono::milliseconds kLongestWait = std::chrono::hours(24 * 365);

// Enumerations are a byte, which is their value.
template <typename Enum>
void PutEnum(std::string* dst, Enum v) {
  dst->push_back(static_cast<char>(v));
}

template <typename Enum>
bool TakeEnum(std::string_view* in, Enum* v, Enum last) {
  if (in->empty() || static_cast<uint8_t>(in->front()) > static_cast<uint8_t>(last)) return false;
  *v = static_cast<Enum>(in->front());
  in->remove_prefix(1);
  return true;
}

Value Cut(const Value& value, size_t size) {
  const ValueView view = value.view();
  if (view.bytes().size() <= size) return value;
  const std::string_view bytes = view.bytes().substr(0, size);
  return view.type() == ValueType::kText ? Value::Text(bytes) : Value::Blob(bytes);
}

std::optional<KeyBound> Cut(const std::optional<KeyBound>& bound, size_t size) {
  if (!bound) return bound;
  return KeyBound{Cut(bound->value, size), bound->inclusive};
}

}  // namespace

uint64_t RemainingTime(const WaitOptions& wait) {
  const auto now = WaitOptions::Clock::now();
  if (wait.deadline <= now) return 1;
  if (wait.deadline - now > kLongestWait) return 0;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(wait.deadline - now);
  return static_cast<uint64_t>(left.count()) + 1;
}

WaitOptions::Clock::time_point DeadlineOf(uint64_t remaining_time) {
  if (remaining_time == 0 || remaining_time > static_cast<uint64_t>(kLongestWait.count()) + 1) {
    return WaitOptions::Clock::time_point::max();
  }
  return WaitOptions::Clock::now() + std::chrono::milliseconds(remaining_time - 1);
}

// A row's key columns have at most kMaxKeyBytes together, and its doc_id as many: values that have
// more equal nothing, and are cut so that they still do.
ViewRange Shortened(const ViewRange& range) {
  size_t left = 2 * kMaxKeyBytes + 1;
  ViewRange result;
  for (const Value& value : range.equal) {
    result.equal.push_back(Cut(value, std::min(left, kMaxKeyBytes + 1)));
    left -= result.equal.back().view().bytes().size();
  }
  result.lower = Cut(range.lower, kMaxKeyBytes + 1);
  result.upper = Cut(range.upper, kMaxKeyBytes + 1);
  result.reverse = range.reverse;
  result.with_documents = range.with_documents;
  return result;
}

DocRange Shortened(const DocRange& range) {
  DocRange result = range;
  result.lower = Cut(range.lower, kMaxKeyBytes + 1);
  result.upper = Cut(range.upper, kMaxKeyBytes + 1);
  return result;
}

ValueView Shortened(const ValueView& key) {
  const std::string_view bytes = key.bytes().substr(0, kMaxKeyBytes + 1);
  if (bytes.size() == key.bytes().size()) return key;
  return key.type() == ValueType::kText ? ValueView::Text(bytes) : ValueView::Blob(bytes);
}

// An encoded index key: the bytes of key columns and doc_id, of which each may have become two, and
// what stands between and behind them.
KeyRange Shortened(const KeyRange& range) {
  constexpr size_t kLongerThanAny = 5 * kMaxKeyBytes;
  return {range.lower.substr(0, kLongerThanAny), range.upper.substr(0, kLongerThanAny)};
}

void PutAnswer(std::string* dst, const Status& outcome) {
  dst->append(kAnswerOutcome, '\0');
  Put(dst, outcome);
}

void SetAnswer(char* p, uint64_t lease, Seq head) {
  std::string fixed;
  AppendBigEndian64(&fixed, lease);
  AppendBigEndian64(&fixed, head);
  std::copy(fixed.begin(), fixed.end(), p);
}

bool TakeAnswer(std::string_view* in, uint64_t* lease, Seq* head, Status* outcome) {
  if (in->size() < kAnswerOutcome) return false;
  *lease = DecodeBigEndian64(in->data());
  *head = DecodeBigEndian64(in->data() + 8);
  in->remove_prefix(kAnswerOutcome);
  return Take(in, outcome);
}

void Put(std::string* dst, bool v) { dst->push_back(v ? '\1' : '\0'); }

bool Take(std::string_view* in, bool* v) {
  if (in->empty() || static_cast<uint8_t>(in->front()) > 1) return false;
  *v = in->front() != 0;
  in->remove_prefix(1);
  return true;
}

void Put(std::string* dst, uint64_t v) { AppendVarint(dst, v); }
bool Take(std::string_view* in, uint64_t* v) { return ReadVarint(in, v); }

void Put(std::string* dst, int64_t v) { AppendSignedVarint(dst, v); }
bool Take(std::string_view* in, int64_t* v) { return ReadSignedVarint(in, v); }

void Put(std::string* dst, double v) { AppendBigEndian64(dst, std::bit_cast<uint64_t>(v)); }
bool Take(std::string_view* in, double* v) {
  if (in->size() < 8) return false;
  *v = std::bit_cast<double>(DecodeBigEndian64(in->data()));
  in->remove_prefix(8);
  return !std::isnan(*v);
}

void Put(std::string* dst, std::string_view v) { AppendString(dst, v); }
bool Take(std::string_view* in, std::string_view* v) {
  uint64_t size;
  if (!ReadVarint(in, &size) || size > in->size()) return false;
  *v = in->substr(0, size);
  in->remove_prefix(size);
  return true;
}
bool Take(std::string_view* in, std::string* v) { return ReadString(in, v); }

void Put(std::string* dst, const ValueView& v) { AppendTypedValue(dst, v); }
bool Take(std::string_view* in, ValueView* v) { return ReadTypedValue(in, v); }
bool Take(std::string_view* in, Value* v) {
  ValueView view;
  if (!Take(in, &view)) return false;
  *v = Value(view);
  return true;
}

void Put(std::string* dst, const Status& v) {
  PutEnum(dst, v.code());
  if (v.ok()) return;
  PutEnum(dst, v.remedy());
  Put(dst, v.message());
}
bool Take(std::string_view* in, Status* v) {
  StatusCode code;
  if (!TakeEnum(in, &code, StatusCode::kLost)) return false;
  *v = Status::Ok();
  if (code == StatusCode::kOk) return true;
  Remedy remedy;
  std::string_view message;
  if (!TakeEnum(in, &remedy, Remedy::kOtherDirectory) || !Take(in, &message)) return false;
  *v = Status(code, std::string(message)).WithRemedy(remedy);
  return true;
}

void Put(std::string* dst, SyncMode v) { PutEnum(dst, v); }
bool Take(std::string_view* in, SyncMode* v) { return TakeEnum(in, v, SyncMode::kFull); }

void Put(std::string* dst, TransactionState v) { PutEnum(dst, v); }
bool Take(std::string_view* in, TransactionState* v) {
  return TakeEnum(in, v, TransactionState::kRolledBack);
}

// Later protocols may add to its end, and to nothing else: it has to be understood before it is
// known which one is spoken.
void Put(std::string* dst, const Hello& v) {
  PutAll(dst, kMagic, v.oldest_protocol, v.newest_protocol, v.library, v.host, v.session, v.log_id,
         v.epoch);
}
bool Take(std::string_view* in, Hello* v) {
  std::string_view magic;
  return Take(in, &magic) && magic == kMagic &&
         TakeAll(in, &v->oldest_protocol, &v->newest_protocol, &v->library, &v->host, &v->session,
                 &v->log_id, &v->epoch);
}

void Put(std::string* dst, const PageLimits& v) { PutAll(dst, v.rows, v.bytes); }
bool Take(std::string_view* in, PageLimits* v) { return TakeAll(in, &v->rows, &v->bytes); }

void Put(std::string* dst, const Entry& v) {
  PutAll(dst, v.seq, v.time_ms, v.continues, v.key, v.value);
}
bool Take(std::string_view* in, Entry* v) {
  return TakeAll(in, &v->seq, &v->time_ms, &v->continues, &v->key, &v->value);
}

void Put(std::string* dst, const DocVersion& v) {
  PutAll(dst, v.seq, v.is_tombstone, v.key_is_real);
}
bool Take(std::string_view* in, DocVersion* v) {
  return TakeAll(in, &v->seq, &v->is_tombstone, &v->key_is_real);
}

void Put(std::string* dst, const LogEnd& v) { PutAll(dst, v.seq, v.time_ms); }
bool Take(std::string_view* in, LogEnd* v) { return TakeAll(in, &v->seq, &v->time_ms); }

void Put(std::string* dst, const KeyBound& v) { PutAll(dst, v.value, v.inclusive); }
bool Take(std::string_view* in, KeyBound* v) { return TakeAll(in, &v->value, &v->inclusive); }

void Put(std::string* dst, const KeyRange& v) { PutAll(dst, v.lower, v.upper); }
bool Take(std::string_view* in, KeyRange* v) { return TakeAll(in, &v->lower, &v->upper); }

void Put(std::string* dst, const LogRange& v) { PutAll(dst, v.first, v.last, v.reverse); }
bool Take(std::string_view* in, LogRange* v) {
  return TakeAll(in, &v->first, &v->last, &v->reverse);
}

void Put(std::string* dst, const DocRange& v) {
  PutAll(dst, v.lower, v.upper, v.reverse, v.with_entries);
}
bool Take(std::string_view* in, DocRange* v) {
  return TakeAll(in, &v->lower, &v->upper, &v->reverse, &v->with_entries);
}

void Put(std::string* dst, const ViewRange& v) {
  PutAll(dst, v.equal, v.lower, v.upper, v.reverse, v.with_documents);
}
bool Take(std::string_view* in, ViewRange* v) {
  uint64_t equal;
  std::string_view ahead = *in;
  // The key columns, and doc_id.
  if (!Take(&ahead, &equal) || equal > kMaxKeyColumns + 1) return false;
  return TakeAll(in, &v->equal, &v->lower, &v->upper, &v->reverse, &v->with_documents);
}

void Put(std::string* dst, const ViewDefinition& v) { Put(dst, v.Encode()); }
bool Take(std::string_view* in, ViewDefinition* v) {
  std::string_view bytes;
  if (!Take(in, &bytes)) return false;
  Result<ViewDefinition> definition = ViewDefinition::Decode(bytes);
  if (!definition.ok()) return false;
  *v = *std::move(definition);
  return true;
}

void Put(std::string* dst, const ViewStatus& v) {
  PutAll(dst, v.id, v.definition);
  PutEnum(dst, v.state);
  PutAll(dst, v.rebuilding, v.seq, v.target, v.progress, v.entries, v.superseded_met, v.errors,
         v.last_error, v.bytes_on_disk, v.rate);
}
bool Take(std::string_view* in, ViewStatus* v) {
  return TakeAll(in, &v->id, &v->definition) && TakeEnum(in, &v->state, ViewState::kFailed) &&
         TakeAll(in, &v->rebuilding, &v->seq, &v->target, &v->progress, &v->entries,
                 &v->superseded_met, &v->errors, &v->last_error, &v->bytes_on_disk, &v->rate);
}

void Put(std::string* dst, const LogStatus& v) {
  PutAll(dst, v.id, v.directory, v.head, v.bytes_on_disk, v.background_error, v.derived_error,
         v.holder, v.clients);
}
bool Take(std::string_view* in, LogStatus* v) {
  return TakeAll(in, &v->id, &v->directory, &v->head, &v->bytes_on_disk, &v->background_error,
                 &v->derived_error, &v->holder, &v->clients);
}

void Put(std::string* dst, const MapError& v) { PutAll(dst, v.seq, v.doc_id, v.message); }
bool Take(std::string_view* in, MapError* v) {
  return TakeAll(in, &v->seq, &v->doc_id, &v->message);
}

void Put(std::string* dst, const ViewChange& v) { PutAll(dst, v.withdrawn, v.doc_id, v.row); }
bool Take(std::string_view* in, ViewChange* v) {
  return TakeAll(in, &v->withdrawn, &v->doc_id, &v->row);
}

void Put(std::string* dst, const Row& v) {
  PutAll(dst, v.columns, v.doc_id, v.seq);
  AppendBigEndian64(dst, static_cast<uint64_t>(v.row_id));
}
bool Take(std::string_view* in, Row* v) {
  if (!TakeAll(in, &v->columns, &v->doc_id, &v->seq) || in->size() < 8) return false;
  v->row_id = static_cast<int64_t>(DecodeBigEndian64(in->data()));
  in->remove_prefix(8);
  return true;
}

}  // namespace streamview::wire
