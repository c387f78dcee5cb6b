// Leases: what the process that holds a log keeps for one client, by number.

#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/status.h"
#include "core/engine.h"

namespace streamview {

// Whoever uses what is in it holds its mutex(): a client may ask over several connections at once.
struct Lease {
  virtual ~Lease() = default;
  virtual Mutex& mutex() { return own_mutex; }
  // What it reads from, which it is to go with; null: nothing.
  virtual const Lease* source() const { return nullptr; }
  // A snapshot, or what reads from one: somebody is in the middle of reading.
  virtual bool is_read() const { return true; }

  Mutex own_mutex;
};

// What is read from another lease, by one thread at a time like that.
template <typename Source, typename Cursor>
struct CursorLease : Lease {
  CursorLease(std::shared_ptr<Source> from, std::unique_ptr<Cursor> reads, bool documents)
      : snapshot(std::move(from)), cursor(std::move(reads)), with_documents(documents) {}
  Mutex& mutex() override { return snapshot->own_mutex; }
  const Lease* source() const override { return snapshot.get(); }

  const std::shared_ptr<Source> snapshot;  // outlives the cursor
  const std::unique_ptr<Cursor> cursor;
  const bool with_documents;  // they, or their entries, are read along
};

struct ViewLease : Lease {
  explicit ViewLease(std::shared_ptr<const CommittedView> state, size_t row_columns)
      : view(std::move(state)), columns(row_columns) {}
  const std::shared_ptr<const CommittedView> view;
  const size_t columns;  // of its rows
};

struct DocsLease : Lease {
  explicit DocsLease(std::shared_ptr<const DocsSnapshot> state) : docs(std::move(state)) {}
  const std::shared_ptr<const DocsSnapshot> docs;
};

using RowsLease = CursorLease<ViewLease, ViewCursor>;
using DocCursorLease = CursorLease<DocsLease, DocCursor>;

struct HistoryLease : Lease {
  explicit HistoryLease(std::unique_ptr<LogCursor> entries) : cursor(std::move(entries)) {}
  const std::unique_ptr<LogCursor> cursor;
};

struct ChangesLease : Lease {
  ChangesLease(std::shared_ptr<View> of, std::unique_ptr<ViewChanges> reads)
      : view(std::move(of)), changes(std::move(reads)) {}
  bool is_read() const override { return false; }

  const std::shared_ptr<View> view;  // outlives the changes
  const std::unique_ptr<ViewChanges> changes;
};

// A transaction that has, or had, the writer's turn.
struct TransactionLease : Lease {
  explicit TransactionLease(std::unique_ptr<Transaction> begun) : transaction(std::move(begun)) {}
  bool is_read() const override { return false; }

  // Takes records that the client sends; `anew`: they are the first ones. `tail` is the beginning
  // of one, which goes on with the next call. Errors: kConstraint (they have more than `most`
  // bytes; all are forgotten).
  Status Add(bool anew, const std::vector<std::string_view>& more, std::string_view tail,
             size_t most) REQUIRES(own_mutex);

  std::unique_ptr<Transaction> transaction GUARDED_BY(own_mutex);  // null: it has ended
  LogEnd end GUARDED_BY(own_mutex);                                // what its records follow
  Records records GUARDED_BY(own_mutex);         // that the client has sent so far
  std::string unfinished GUARDED_BY(own_mutex);  // the beginning of the next one
  size_t bytes GUARDED_BY(own_mutex) = 0;        // that these take, about
  bool is_prepared GUARDED_BY(own_mutex) = false;
  std::string token GUARDED_BY(own_mutex);
};

// How many leases all clients may have together, and have.
struct LeaseCount {
  explicit LeaseCount(size_t may) : most(may) {}
  const size_t most;
  std::atomic<size_t> present{0};
};

// Thread-safe.
class Leases {
 public:
  // `all`: null: there is no limit for all together. Outlives this.
  explicit Leases(size_t most, LeaseCount* all = nullptr) : most_(most), all_(all) {}
  ~Leases() { (void)Clear(); }

  // Returns its number. Errors: kBusy (the client has too many, or all together have).
  Result<uint64_t> Add(std::shared_ptr<Lease> lease) EXCLUDES(mutex_);
  // Errors: kNotFound, also of a number that stands for something else than a T.
  template <typename T>
  Result<std::shared_ptr<T>> Find(uint64_t number) EXCLUDES(mutex_) {
    std::shared_ptr<T> lease = std::dynamic_pointer_cast<T>(Get(number));
    if (lease == nullptr) return NoSuchLease(number);
    return lease;
  }
  // Forgets it, and what reads from it. Whoever is using it goes on.
  void Release(uint64_t number) EXCLUDES(mutex_);
  // Whether there is one that is_read().
  bool HasReads() EXCLUDES(mutex_);
  // Forgets all. Returns the transactions among them.
  std::vector<std::shared_ptr<TransactionLease>> Clear() EXCLUDES(mutex_);

 private:
  std::shared_ptr<Lease> Get(uint64_t number) EXCLUDES(mutex_);
  static Status NoSuchLease(uint64_t number);

  void NoteReleased(size_t count) {
    if (all_ != nullptr) all_->present -= count;
  }

  const size_t most_;
  LeaseCount* const all_;
  Mutex mutex_;
  std::map<uint64_t, std::shared_ptr<Lease>> leases_ GUARDED_BY(mutex_);
  uint64_t last_ GUARDED_BY(mutex_) = 0;
};

}  // namespace streamview
