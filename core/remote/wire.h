// The wire: what a process that uses a log and the one that holds it say to each other, as bytes
// (docs/format.md, "The wire").
//
// Put appends a value to a message, Take removes one from the front of what is left of it. Take
// trusts nothing: it returns false where the bytes are no such value, and then what it was to set
// is unspecified. It never takes memory for more than the bytes that are there.

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/entry.h"
#include "core/base/status.h"
#include "core/base/value.h"
#include "core/engine.h"

namespace streamview::wire {

// The protocols that this library speaks. A number that is given out is never changed.
constexpr uint64_t kOldestProtocol = 1;
constexpr uint64_t kNewestProtocol = 1;

// The most bytes of the body of a message. Requests are small: what may be large goes in pieces.
// An answer can hold an entry of the log, and one of them is as large as it is.
constexpr size_t kMaxRequestBytes = 1u << 20;
constexpr size_t kMaxAnswerBytes = 0x7fff'ff00;

// The type of a message. Those of requests are what is to be done, by 16 of a kind.
enum class Op : uint8_t {
  kHello = 1,
  kAnswer = 2,
  kHeartbeat = 3,  // of the server: the request of this id is being worked on
  kCancel = 4,     // of the client: the answer to this id is no longer waited for
  kRelease = 5,    // of the client: these leases are no longer needed; has no answer

  kHead = 16,
  kTakeTurn,
  kUpload,
  kPrepare,
  kCommit,
  kRollback,
  kAbandon,
  kTransactionState,
  kAppendNow,

  kReadLog = 32,
  kReadEntries,
  kWaitForHead,
  kFlushLog,
  kOptimizeLog,
  kCheckLog,
  kLogStatus,
  kBackup,

  kReadDocs = 48,
  kScanDocs,
  kNextDocs,
  kFindVersion,
  kScanHistory,
  kNextHistory,

  kCreateView = 64,
  kFindView,
  kListViews,
  kRenameView,
  kDropView,

  kReadView = 80,
  kScanRows,
  kNextRows,
  kScanIndex,
  kMapFailedOn,
  kNoteDamage,

  kAdvance = 96,
  kCheckpoint,
  kRebuild,
  kFlushView,
  kOptimizeView,
  kCheckView,
  kViewStatus,
  kListErrors,
  kViewChanges,
};

// What both say first; of the client it is the first request, of the server its answer.
struct Hello {
  uint64_t oldest_protocol = kOldestProtocol;
  uint64_t newest_protocol = kNewestProtocol;
  std::string library;  // Version()
  std::string host;     // of what the library is a guest, for messages; empty: not known
  // Of a client: the session that it has already, or empty. Of a server: the client's.
  std::string session;
  std::string log_id;  // of a client: the log that it expects; empty: any
  uint64_t epoch = 0;  // of a server (core/codec/checkpoint.h)
};

// How many rows, and about how many bytes of them, an answer shall hold. At least one, if any.
struct PageLimits {
  uint64_t rows = 0;
  uint64_t bytes = 0;
};

// What became of a conditional transaction (Transaction::Prepare).
enum class TransactionState : uint8_t {
  kUnknown,  // it is not among those of lately
  kPrepared,
  kCommitted,
  kRolledBack,
};

// A row of a view, as a cursor gives it. Its views point into the message.
struct Row {
  std::vector<ValueView> columns;
  ValueView doc_id;
  Seq seq = 0;
  int64_t row_id = 0;
};

// How long a call may still take: in milliseconds, plus 1; 0: as long as it likes.
uint64_t RemainingTime(const WaitOptions& wait);
WaitOptions::Clock::time_point DeadlineOf(uint64_t remaining_time);

// A range or key whose values are cut to a length at which they still compare with all that can be
// stored as they do themselves: no key is as long (kMaxKeyBytes). So requests are small.
ViewRange Shortened(const ViewRange& range);
DocRange Shortened(const DocRange& range);
KeyRange Shortened(const KeyRange& range);
ValueView Shortened(const ValueView& key);

void Put(std::string* dst, bool v);
void Put(std::string* dst, uint64_t v);
void Put(std::string* dst, int64_t v);
void Put(std::string* dst, double v);
void Put(std::string* dst, std::string_view v);
void Put(std::string* dst, const ValueView& v);
void Put(std::string* dst, const Status& v);
void Put(std::string* dst, SyncMode v);
void Put(std::string* dst, TransactionState v);
void Put(std::string* dst, const Hello& v);
void Put(std::string* dst, const PageLimits& v);
void Put(std::string* dst, const Entry& v);
void Put(std::string* dst, const DocVersion& v);
void Put(std::string* dst, const LogEnd& v);
void Put(std::string* dst, const KeyBound& v);
void Put(std::string* dst, const KeyRange& v);
void Put(std::string* dst, const LogRange& v);
void Put(std::string* dst, const DocRange& v);
void Put(std::string* dst, const ViewRange& v);
void Put(std::string* dst, const ViewDefinition& v);
void Put(std::string* dst, const ViewStatus& v);
void Put(std::string* dst, const LogStatus& v);
void Put(std::string* dst, const MapError& v);
void Put(std::string* dst, const ViewChange& v);
void Put(std::string* dst, const Row& v);
inline void Put(std::string* dst, const std::string& v) { Put(dst, std::string_view(v)); }
inline void Put(std::string* dst, const Value& v) { Put(dst, v.view()); }
void Put(std::string* dst, const char* v) = delete;  // it would be a bool

[[nodiscard]] bool Take(std::string_view* in, bool* v);
[[nodiscard]] bool Take(std::string_view* in, uint64_t* v);
[[nodiscard]] bool Take(std::string_view* in, int64_t* v);
[[nodiscard]] bool Take(std::string_view* in, double* v);
[[nodiscard]] bool Take(std::string_view* in, std::string_view* v);  // points into the input
[[nodiscard]] bool Take(std::string_view* in, std::string* v);
[[nodiscard]] bool Take(std::string_view* in, ValueView* v);  // points into the input
[[nodiscard]] bool Take(std::string_view* in, Value* v);
[[nodiscard]] bool Take(std::string_view* in, Status* v);
[[nodiscard]] bool Take(std::string_view* in, SyncMode* v);
[[nodiscard]] bool Take(std::string_view* in, TransactionState* v);
[[nodiscard]] bool Take(std::string_view* in, Hello* v);
[[nodiscard]] bool Take(std::string_view* in, PageLimits* v);
[[nodiscard]] bool Take(std::string_view* in, Entry* v);  // points into the input
[[nodiscard]] bool Take(std::string_view* in, DocVersion* v);
[[nodiscard]] bool Take(std::string_view* in, LogEnd* v);
[[nodiscard]] bool Take(std::string_view* in, KeyBound* v);
[[nodiscard]] bool Take(std::string_view* in, KeyRange* v);
[[nodiscard]] bool Take(std::string_view* in, LogRange* v);
[[nodiscard]] bool Take(std::string_view* in, DocRange* v);
[[nodiscard]] bool Take(std::string_view* in, ViewRange* v);
[[nodiscard]] bool Take(std::string_view* in, ViewDefinition* v);
[[nodiscard]] bool Take(std::string_view* in, ViewStatus* v);
[[nodiscard]] bool Take(std::string_view* in, LogStatus* v);
[[nodiscard]] bool Take(std::string_view* in, MapError* v);
[[nodiscard]] bool Take(std::string_view* in, ViewChange* v);
[[nodiscard]] bool Take(std::string_view* in, Row* v);  // points into the input

// How every answer begins: what the holder keeps for the client from now on (0: nothing), the head
// of the log, and the outcome. The first two have a fixed length, and can be filled in at the end.
constexpr size_t kAnswerOutcome = 16;  // where the outcome stands
void PutAnswer(std::string* dst, const Status& outcome);
// REQUIRES: an answer begins at `p`
void SetAnswer(char* p, uint64_t lease, Seq head);
[[nodiscard]] bool TakeAnswer(std::string_view* in, uint64_t* lease, Seq* head, Status* outcome);

template <typename T>
void Put(std::string* dst, const std::optional<T>& v) {
  Put(dst, v.has_value());
  if (v.has_value()) Put(dst, *v);
}

template <typename T>
[[nodiscard]] bool Take(std::string_view* in, std::optional<T>* v) {
  bool present;
  if (!Take(in, &present)) return false;
  v->reset();
  return !present || Take(in, &v->emplace());
}

template <typename T>
void Put(std::string* dst, const std::vector<T>& list) {
  Put(dst, uint64_t{list.size()});
  for (const T& v : list) Put(dst, v);
}

template <typename T>
[[nodiscard]] bool Take(std::string_view* in, std::vector<T>* list) {
  uint64_t count;
  // Each takes a byte at least. Memory is taken as they come.
  if (!Take(in, &count) || count > in->size()) return false;
  list->clear();
  for (; count > 0; count--) {
    if (!Take(in, &list->emplace_back())) return false;
  }
  return true;
}

template <typename T>
void Put(std::string* dst, const std::map<std::string, T>& map) {
  Put(dst, uint64_t{map.size()});
  for (const auto& [key, v] : map) {
    Put(dst, key);
    Put(dst, v);
  }
}

template <typename T>
[[nodiscard]] bool Take(std::string_view* in, std::map<std::string, T>* map) {
  uint64_t count;
  if (!Take(in, &count) || count > in->size()) return false;
  map->clear();
  for (; count > 0; count--) {
    std::string key;
    if (!Take(in, &key) || !Take(in, &(*map)[key])) return false;
  }
  return true;
}

// Several values, one behind the other.
template <typename... Ts>
void PutAll(std::string* dst, const Ts&... values) {
  (Put(dst, values), ...);
}

template <typename... Ts>
[[nodiscard]] bool TakeAll([[maybe_unused]] std::string_view* in, Ts*... values) {
  return (Take(in, values) && ...);
}

// The same, where nothing may be left.
template <typename... Ts>
[[nodiscard]] bool TakeWhole(std::string_view in, Ts*... values) {
  return TakeAll(&in, values...) && in.empty();
}

}  // namespace streamview::wire
