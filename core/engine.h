// Engine: one log, its documents and its views, as they are committed. What a connection has
// appended and not committed yet, it keeps and merges in itself (core/session/session.h).
//
// It is abstract so that other implementations can stand beside the embedded one
// (core/local_engine.h): one that talks to the process holding the directory, or one that follows a
// replicated log. So nothing here assumes that appends come from this process alone, and all that
// goes in is a value; all that comes out is one, or a cursor over values.
//
// Thread-safety: Engine and View are thread-safe. Transaction, cursors and snapshots belong to one
// thread at a time (a snapshot may be handed on). Whatever waits takes WaitOptions.
//
// Lifetime: transactions, views, snapshots and cursors keep what they need of the engine alive, but
// must be gone before the last reference to the engine is: an engine closes in its destructor.
//
// Where a caller breaks what a function REQUIRES, one that returns a Status returns kMisuse; of the
// others, only builds with checks take notice (core/base/check.h).
//
// Beside the errors that a function names, any that reads can fail with kCorruption, kIOError,
// kNoMemory, or kDamaged: derived data was found damaged, and is built anew from the log; call
// again, and make a new cursor. Any that writes can fail with kFull and kIOError.
// Where another process holds the log, any can fail with kLost, or kBusy where that one does not
// answer. A call in a forked child fails with kMisuse: the threads exist in the parent only.
//
// A log whose directory cannot be written is open for reading only: appends, and what defines,
// renames or drops views, give kReadOnly with the reason.

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/entry.h"
#include "core/base/key_bound.h"
#include "core/base/status.h"
#include "core/base/value.h"
#include "core/base/wait.h"
#include "core/map/definition.h"
#include "core/map/mapper.h"

namespace streamview {

// Gives the token of the last conditional transaction that the database has committed; empty: none.
// Where `expected` was that at some time, it may answer without making sure that it still is.
using CommittedToken = std::function<Result<std::string>(const std::string& expected)>;

// Whether the database has committed the transaction with this token. It must be sure: whoever
// wrote the token may be about to commit it still, unless `is_over`: that process has ended. Then a
// no may be given where it has not been seen to that it stays so, whatever process may end yet; so
// it is asked again, without `is_over`, until that is done. An error: it cannot tell now, and is
// asked again.
using WasCommitted = std::function<Result<bool>(const std::string& token, bool is_over)>;

enum class SyncMode { kOff, kNormal, kFull };  // docs: design "What is promised of data"

// Instead of a number of an entry that is read up to: the head, as of the call.
constexpr Seq kLatest = UINT64_MAX;

// A run of the log, both ends included.
struct LogRange {
  Seq first = 1;
  Seq last = UINT64_MAX;
  bool reverse = false;
};

// The rows of a view whose index columns (the key columns, then doc_id unless it reduces) begin
// with `equal` and whose next index column lies between the bounds. Values compare as SQLite
// compares them under BINARY: NULL < numbers (INTEGER and REAL together) < TEXT < BLOB; an absent
// bound is no bound.
struct ViewRange {
  std::vector<Value> equal;
  std::optional<KeyBound> lower;
  std::optional<KeyBound> upper;
  bool reverse = false;  // the exact reverse of the order: key columns, doc_id, order of emission
  // ReadDocument will be called for most rows: an engine that is far away reads them along.
  bool with_documents = false;
};

// Entries in order. As with all cursors, `Valid()` is false at the end and after an error: then
// look at status().
class LogCursor {
 public:
  virtual ~LogCursor() = default;
  virtual bool Valid() const = 0;
  virtual void Next() = 0;  // REQUIRES: Valid()
  virtual Status status() const = 0;
  // Valid until the next call of Next(). REQUIRES: Valid()
  virtual const Entry& entry() const = 0;
};

class ViewCursor {
 public:
  virtual ~ViewCursor() = default;
  virtual bool Valid() const = 0;
  virtual void Next() = 0;  // REQUIRES: Valid()
  virtual Status status() const = 0;
  // Column i of the row (0-based, ViewDefinition::RowColumns). Valid until the next call of Next().
  // Where it cannot be read, it is NULL and status() says why. REQUIRES: Valid()
  virtual ValueView column(size_t i) = 0;
  // The document and the entry that the row comes from; a view that reduces has none of the three.
  // The key of the document; for an event without key, its seq as INTEGER. Where it cannot be read,
  // as of column(); and seq() and row_id() are 0.
  virtual ValueView doc_id() = 0;
  virtual Seq seq() = 0;
  // The value of the log entry that the row comes from. REQUIRES: Valid()
  virtual Result<Value> ReadDocument() = 0;
  // A number of its own for each row of the view, the same in every scan that shows the row. Of a
  // view that reduces it is a hash of the key, so that two of a million rows share one with a
  // probability of 3 in 100 million.
  virtual int64_t row_id() = 0;
  // Goes to the first row of another range of the same snapshot, as a new cursor would, with what
  // it has already. False: it cannot, and is of no use any more.
  virtual bool Restart(const ViewRange& /*range*/) { return false; }
};

// Documents in key order (SQLite's BINARY order), unless the range says otherwise.
class DocCursor {
 public:
  virtual ~DocCursor() = default;
  virtual bool Valid() const = 0;
  virtual void Next() = 0;  // REQUIRES: Valid()
  virtual Status status() const = 0;
  // Valid until the next call of Next(). REQUIRES: Valid()
  virtual ValueView key() = 0;
  virtual Seq seq() = 0;
  // The document's entry, read from the log at the first call for it. REQUIRES: Valid()
  virtual Result<Entry> ReadEntry() = 0;
};

// The end of the log: its last entry; zeros where there is none.
struct LogEnd {
  Seq seq = 0;
  int64_t time_ms = 0;  // no later entry has an earlier time
};

// The right to append to the log, and what is about to be appended. The destructor rolls back.
//
//   TakeTurn  ->  Prepare  ->  Commit | Rollback
//
// After Prepare the transaction may still go on (SQLite's COMMIT found the database busy): then it
// is prepared again, with all its entries.
class Transaction {
 public:
  virtual ~Transaction() = default;

  // Waits for the writer's turn of the log, as `wait` allows: from then on to the end of the
  // transaction nobody else appends, and the log ends as is returned. Where the transaction has the
  // turn already it only says so again. Errors: kBusy past the deadline, kInterrupted, and the
  // engine's background error.
  virtual Result<LogEnd> TakeTurn(const WaitOptions& wait) = 0;

  // Writes entries where a crash of the process (kNormal) or the machine (kFull) cannot lose them,
  // still visible to nobody: `records` are all that the transaction has, in their stored form
  // (core/codec/record.h), numbered from LogEnd::seq + 1 on. They take the place of what was
  // prepared before. On error nothing of the transaction is written, and it can be rolled back or
  // prepared again. With no records it writes nothing. With a token, which must be new, the
  // transaction is conditional: should the process die now, the next opening keeps it only if the
  // database has committed that token (EngineOptions). A token may end in '-' and the number of the
  // last entry, for messages. REQUIRES: the transaction has the turn, or there are no records; each
  // record decodes, its key is not too large (CheckKey), and its time is not before that of the one
  // before it.
  virtual Status Prepare(const Records& records, SyncMode sync, const std::string& token = "") = 0;
  // Makes the prepared entries visible at once, wakes the views and gives the turn back. Does not
  // fail where this process holds the log. Else, kLost: whether it took effect is not known; the
  // token tells, once it is known what the database has committed. REQUIRES: prepared
  virtual Status Commit() = 0;
  // Takes back what was prepared, and gives the turn back. An error (the disk refuses) leaves the
  // engine with a background error, and the entries still invisible.
  virtual Status Rollback() = 0;
  // Ends it as if the process died now: what is prepared is decided about when the log is opened
  // next, and until then nobody appends.
  virtual void Abandon() = 0;
};

// One state of a view: what it held when it had processed all entries up to seq(); a session adds
// its own entries. Unchanged however long it lives.
class ViewSnapshot {
 public:
  virtual ~ViewSnapshot() = default;
  virtual Seq seq() const = 0;
  virtual std::unique_ptr<ViewCursor> NewCursor(const ViewRange& range) const = 0;
};

// Index entries of a view in their stored form, by key: of one that reduces they are aggregates
// (core/codec/aggregate.h), else rows (core/codec/index_entry.h).
class IndexCursor {
 public:
  virtual ~IndexCursor() = default;
  virtual bool Valid() const = 0;
  virtual void Next() = 0;  // REQUIRES: Valid()
  virtual Status status() const = 0;
  // Both valid until the next call of Next(). REQUIRES: Valid()
  virtual std::string_view key() const = 0;
  virtual std::string_view value() const = 0;
};

// The state of a view as the engine has it. Beside its rows it gives what those need who add
// entries that are not committed.
class CommittedView : public ViewSnapshot {
 public:
  // The index entries of a run of keys (core/codec/key_range.h makes it of columns) that count.
  // REQUIRES: !keys.empty()
  virtual std::unique_ptr<IndexCursor> Scan(const KeyRange& keys, bool reverse) const = 0;
  // Whether the map failed on a log entry, which counts at this state. False, too, of one that does
  // not count.
  virtual Result<bool> MapFailedOn(Seq seq) const = 0;
  // Notes that what Scan gave contradicts its format, so that the index is built anew. Returns
  // kDamaged, with `what`.
  virtual Status NoteDamage(const std::string& what) const = 0;
};

// A run of documents by key.
struct DocRange {
  std::optional<KeyBound> lower;
  std::optional<KeyBound> upper;
  bool reverse = false;
  // ReadEntry will be called for most documents: an engine that is far away reads them along.
  bool with_entries = false;
  // The documents may come in any order, whatever `reverse` says.
  bool any_order = false;
};

// The live documents after the log entries up to seq(); a session adds its own entries. Unchanged
// however long it lives.
class DocsSnapshot {
 public:
  virtual ~DocsSnapshot() = default;
  virtual Seq seq() const = 0;
  virtual std::unique_ptr<DocCursor> NewCursor(const DocRange& range) const = 0;
  // How many there are. Nothing: that is to be found out by a cursor.
  virtual Result<std::optional<uint64_t>> Count() const { return std::optional<uint64_t>(); }
};

// A row that is in a view from some log entry on, or from then on no more.
struct ViewChange {
  bool withdrawn = false;
  Value doc_id;
  std::vector<Value> row;  // all columns of the map
};

// What log entries change in a view. Belongs to one thread at a time.
class ViewChanges {
 public:
  virtual ~ViewChanges() = default;
  // Sets *changes to what `entry` changes: first the rows of the version that it supersedes, then
  // its own, each in the order of the view. A row that both have is no change. REQUIRES: the entry
  // is one of the log's, and not past View::checkpoint().
  virtual Status Read(const Entry& entry, std::vector<ViewChange>* changes) = 0;
};

enum class ViewState { kBuilding, kLive, kFailed };

struct ViewStatus {
  std::string id;
  ViewDefinition definition;
  ViewState state = ViewState::kBuilding;
  bool rebuilding = false;  // another index is being built; the present one answers
  Seq seq = 0;              // processed up to here
  Seq target = 0;           // the head of the log
  Seq progress = 0;  // how far the index is, the one being built where rebuilding; not all readable
  uint64_t entries = 0;         // physical, dead ones included; beyond 100,000 an estimate
  uint64_t superseded_met = 0;  // dead entries that readers came upon since opening
  uint64_t errors = 0;          // entries that the map failed on and that still count
  std::string last_error;
  uint64_t bytes_on_disk = 0;
  double rate = 0;  // log entries a second, lately; 0 where idle
};

struct LogStatus {
  std::string id;
  std::string directory;  // empty: in memory
  Seq head = 0;
  uint64_t bytes_on_disk = 0;
  std::string background_error;  // why writes are refused; empty: they are not
  // What is wrong, or was since the log was opened, with what is derived from it: it cannot be
  // written, or was damaged and had to be built anew. Empty: nothing.
  std::string derived_error;
  // The process that has the log open, as it knows itself, and how many others use it.
  int64_t holder = 0;
  uint64_t clients = 0;
  // What is worth knowing though nothing has failed, as the asking process sees it: that the one
  // which holds the log, and maps for all, is of another kind. Empty: nothing.
  std::string note;
};

struct MapError {
  Seq seq = 0;
  Value doc_id;
  std::string message;
};

class View {
 public:
  virtual ~View() = default;
  virtual const std::string& id() const = 0;
  virtual ViewDefinition definition() const = 0;

  // The state of the view at `at_least` or later, which the calling thread itself brings about
  // where nobody has yet. REQUIRES: at_least <= Engine::Head(), or kLatest. `first`: the range that
  // NewCursor will be called with first, where that is known: an engine that is far away gives its
  // first rows along. Errors: kFailed (with the map's message, whatever at_least is), kInterrupted,
  // kTimedOut (with a message that says how far the view came); where the view is not that far, and
  // the process that holds the log has no mapper for it, that of its MapperFactory.
  virtual Result<std::shared_ptr<const CommittedView>> Read(Seq at_least, const WaitOptions& wait,
                                                            const ViewRange* first = nullptr) = 0;
  // Processes the log up to `seq`, or finds it done; returns the checkpoint. REQUIRES:
  // seq <= Engine::Head(). Errors: as Read.
  virtual Result<Seq> AdvanceTo(Seq seq, const WaitOptions& wait) = 0;
  // How far it is now.
  virtual Seq checkpoint() const = 0;

  // Starts to build a second index from the whole log in the background; the present one answers
  // until the new one has caught up. Revives a failed view. Where a rebuild is under way it starts
  // anew.
  virtual Status Rebuild(const WaitOptions& wait) = 0;
  // Writes what is in memory to disk, so that a restart need not replay it.
  virtual Status Flush() = 0;
  // Processes the log up to the head, deletes all superseded entries and compacts the rest.
  virtual Status Optimize(const WaitOptions& wait) = 0;
  // Maps the log again and compares. kCorruption: the message names the first differences.
  virtual Status CheckIntegrity(const WaitOptions& wait) = 0;
  // A mapper of the caller's own, which nobody waits for. Made in this process, wherever the index
  // is. Errors: those of the MapperFactory.
  virtual Result<std::unique_ptr<Mapper>> NewMapper() = 0;
  // Maps with a mapper of its own, so nobody waits for it. Errors: kInvalidArgument (the view
  // reduces), and those of the MapperFactory.
  virtual Result<std::unique_ptr<ViewChanges>> NewChanges() = 0;
  virtual ViewStatus GetStatus() const = 0;
  // Up to `limit` errors of entries with seq > after, that count at the view's present state, in
  // order.
  virtual Result<std::vector<MapError>> ListErrors(Seq after, size_t limit) const = 0;
};

class Engine {
 public:
  virtual ~Engine() = default;

  // --- the log
  virtual const std::string& id() const = 0;
  // The last committed entry; 0: none. Of another process that holds the log, and does not answer,
  // the last that is known of.
  virtual Seq Head() const = 0;
  // Whether a call has failed with kLost: every further one does, and a new engine is to be opened.
  virtual bool IsLost() const { return false; }
  // Whether it is known to be, without a look: this costs nothing.
  virtual bool IsKnownLost() const { return false; }
  // The same number means another entry in another epoch (core/codec/checkpoint.h).
  virtual uint64_t epoch() const = 0;
  // Never null. Waits for nothing: TakeTurn does.
  virtual std::unique_ptr<Transaction> Begin() = 0;
  // Appends one entry as a transaction of its own; returns its number once it is as durable as
  // `sync` says, and visible. Concurrent calls share one fsync; a Transaction that has the writer's
  // turn is waited for. On error the entry is not there. Errors: kConstraint (the key is too large,
  // or the log full), those of Transaction::TakeTurn and Prepare.
  virtual Result<Seq> AppendNow(const ValueView& key, const ValueView& value, SyncMode sync,
                                const WaitOptions& wait) = 0;
  // The entries of `range` as of now: the cursor sees no entry that is appended later. Never null.
  // *head, if it is asked for, becomes the head of the log as the cursor sees it: later cursors
  // that go no further show the same log.
  virtual std::unique_ptr<LogCursor> ScanLog(const LogRange& range, Seq* head = nullptr) = 0;
  // Returns once Head() >= seq. Errors: kInterrupted, kTimedOut.
  virtual Status WaitForHead(Seq seq, const WaitOptions& wait) = 0;
  // Writes the log and its document index to disk.
  virtual Status FlushLog() = 0;
  // The same, and merges their files. Appends go on meanwhile.
  virtual Status OptimizeLog() = 0;
  // Reads the whole log, and compares it with the document index. kCorruption: the message names
  // the first differences.
  virtual Status CheckIntegrity(const WaitOptions& wait) = 0;
  virtual LogStatus GetLogStatus() const = 0;
  // Makes `directory` (absolute, missing or empty) a copy of the log with its documents and views,
  // as of the head, which it returns. The copy has the log's id and belongs to no database yet; it
  // is on disk when the call returns. Appends go on meanwhile, but for a moment in which this waits
  // for the writer's turn; REQUIRES: no transaction of the caller has it. On error nothing is left
  // of the copy. Errors: kCannotOpen (the directory is neither missing nor empty, or cannot be
  // written), kBusy, kInterrupted, kInvalidArgument (the log is in memory, or the directory within
  // its own), kFull, kIOError.
  virtual Result<Seq> Backup(const std::string& directory, const WaitOptions& wait) = 0;

  // --- documents
  // The documents as of `at_least` or later. REQUIRES: at_least <= Head(), or kLatest. `first`: as
  // of View::Read.
  virtual Result<std::shared_ptr<const DocsSnapshot>> ReadDocs(Seq at_least,
                                                               const WaitOptions& wait,
                                                               const DocRange* first = nullptr) = 0;
  // The documents as they were after entry `as_of`, exactly. REQUIRES: as_of <= Head()
  virtual Result<std::shared_ptr<const DocsSnapshot>> ReadDocsAsOf(Seq as_of,
                                                                   const WaitOptions& wait) = 0;
  // The version of a document that was the latest after entry `at`, tombstones included; its seq is
  // 0 where there is none. REQUIRES: at <= Head(), or kLatest
  virtual Result<DocVersion> FindVersion(const ValueView& key, Seq at, const WaitOptions& wait) = 0;
  // The entries of one document as of now, newest first, tombstones included.
  virtual Result<std::unique_ptr<LogCursor>> ScanHistory(const ValueView& key,
                                                         const WaitOptions& wait) = 0;

  // --- views
  // A new view, empty, that begins to follow the log at once, with an id of its own. The mapper
  // comes from the engine's MapperFactory, in the process that holds the log. Errors: those of
  // ViewDefinition::Validate and of the factory. Names need not be unique: a redefinition in one
  // transaction has two for a while.
  // `view_id`: where the database knows the view by an id that the log has lost; empty: a new one.
  virtual Result<std::shared_ptr<View>> CreateView(const ViewDefinition& definition,
                                                   const std::string& view_id = "") = 0;
  // kNotFound where no view has this id.
  virtual Result<std::shared_ptr<View>> FindView(const std::string& view_id) = 0;
  // All views by id, those that cannot be opened included.
  virtual Result<std::map<std::string, ViewDefinition>> ListViews() const = 0;
  // Gives the view another name: for messages and status.
  virtual Status RenameView(const std::string& view_id, const std::string& name) = 0;
  // Removes the view and its data. Readers that hold a snapshot keep it. kNotFound: no such view.
  virtual Status DropView(const std::string& view_id) = 0;
};

}  // namespace streamview
