// Session: one log as one connection uses it. It keeps what the connection has appended and not
// committed yet, shows it together with what is committed, and knows what the connection has seen.
//
// A reader that has no uncommitted entries gets what the engine gives, as it is.
//
// Not thread-safe; nor are the snapshots and cursors that it gives. They keep what they show,
// whatever becomes of the transaction, and must be gone before the last reference to the engine is.

#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "core/base/process.h"
#include "core/engine.h"
#include "core/session/own_entries.h"

namespace streamview {

class OwnDocuments;
class ViewOverlay;

// How fresh reads must be: as all that the session has seen, as the latest, or not at all.
enum class Consistency { kSession, kLatest, kEventual };

// The log as a session sees it at a moment.
struct LogSnapshot {
  Seq head = 0;  // the last committed entry
  OwnRun own;    // they follow it
};
std::unique_ptr<LogCursor> ScanLog(Engine& engine, const LogRange& range,
                                   const LogSnapshot& snapshot);

class Session {
 public:
  explicit Session(std::shared_ptr<Engine> engine);
  // Rolls back.
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Lets go of the engine. What was not committed is lost. Nothing but closed() may be called
  // afterwards.
  void Close();
  bool closed() const { return engine_ == nullptr; }

  // Null after Close(). Whoever holds cursors or snapshots of the session holds it too.
  const std::shared_ptr<Engine>& engine() const { return engine_; }

  // Goes on with another engine of the same log, where the present one is lost. A transaction takes
  // the turn there, and keeps its entries; but for those of which Prepare() was lost and is found
  // to have taken effect: without a token they are committed, and the transaction goes on.
  // Errors: those of Transaction::TakeTurn, and of reading the log; kBusy, too, where others have
  // appended to the log since the transaction began: it can only be rolled back. Then all is as it
  // was.
  Status Reattach(std::shared_ptr<Engine> engine, const WaitOptions& wait);

  // --- writing
  //
  //   TakeTurn, Append, Truncate  ->  Prepare  ->  Commit | Rollback
  //
  // After Prepare the transaction may go on; then it must be prepared again.

  // Begins a transaction where there is none, and waits for the writer's turn of the log: nobody
  // else appends until the transaction ends, so what is read of the engine's head from then on is
  // the latest. Errors: those of Transaction::TakeTurn.
  Status TakeTurn(const WaitOptions& wait);
  bool has_turn() const { return transaction_ != nullptr; }
  // Takes the turn, and appends. Returns the number that the entry has. On error the transaction is
  // as it was. Errors: kConstraint (the key is too large, or the log full), those of TakeTurn.
  Result<Seq> Append(const ValueView& key, const ValueView& value, const WaitOptions& wait);
  // How many entries the transaction has.
  size_t size() const { return entries_.size(); }
  // Forgets all entries after the first `size` ones. Cannot fail. REQUIRES: size <= this->size()
  void Truncate(size_t size);
  // See Transaction::Prepare. Does nothing where that has been done.
  Status Prepare(SyncMode sync, const std::string& token = "");
  // Cannot fail. REQUIRES: prepared, if there are entries
  void Commit();
  // See Transaction::Rollback.
  Status Rollback();

  // Appends one entry and commits it at once; returns its number. REQUIRES: !has_turn(). Errors:
  // those of Engine::AppendNow.
  Result<Seq> AppendNow(const ValueView& key, const ValueView& value, SyncMode sync,
                        const WaitOptions& wait);

  // The entries of the transaction so far.
  OwnRun own() const { return entries_.run(); }
  // The last entry that the session appended, uncommitted ones included.
  std::optional<Seq> last_own_seq() const;
  // Changes whenever the session's own entries do.
  uint64_t own_version() const { return own_version_; }

  // --- how fresh reads must be

  // What a view must have processed for a read that begins now: an entry that is committed, or
  // kLatest.
  Seq RequiredSeq(Consistency consistency) const;
  // The session has seen entry `seq`, or a view's state as of it. REQUIRES: it is committed
  void NoteSeen(Seq seq) {
    if (seq > seen_) seen_ = seq;
  }

  // --- reading: what is committed, and own entries. Errors: those of the engine's functions.

  // *snapshot becomes what the cursor shows a range of.
  std::unique_ptr<LogCursor> ScanLog(const LogRange& range, LogSnapshot* snapshot) const;
  std::unique_ptr<LogCursor> ScanLog(const LogRange& range) const {
    LogSnapshot snapshot;
    return ScanLog(range, &snapshot);
  }
  // `first`: as of Engine::ReadDocs and View::Read.
  Result<std::shared_ptr<const DocsSnapshot>> ReadDocs(Seq at_least, const WaitOptions& wait,
                                                       const DocRange* first = nullptr);
  // The entry that is the live document of `key` now; 0 where there is no such document.
  Result<Seq> FindDocument(const ValueView& key, const WaitOptions& wait);
  // The entries of one document, newest first, tombstones included.
  Result<std::unique_ptr<LogCursor>> ScanHistory(const ValueView& key, const WaitOptions& wait);
  // Own entries are mapped, each once for a view, by a mapper of the session's own. More errors:
  // kFailed where the map fails on one of them and may not skip it.
  Result<std::shared_ptr<const ViewSnapshot>> ReadView(const std::shared_ptr<View>& view,
                                                       Seq at_least, const WaitOptions& wait,
                                                       const ViewRange* first = nullptr);

 private:
  // What the session has of a view that it read with own entries.
  struct OwnView {
    std::weak_ptr<View> view;
    std::unique_ptr<Mapper> mapper;
    std::shared_ptr<ViewOverlay> overlay;
  };

  void ForgetDerived();
  void EndTransaction();
  // Whether the log `engine`, which ends at `end`, has the entries of the transaction.
  Result<bool> HasEntries(Engine& engine, Seq end);
  std::shared_ptr<const OwnDocuments> Documents();
  Result<std::shared_ptr<const ViewSnapshot>> ReadOverlaid(const std::shared_ptr<View>& view,
                                                           Seq at_least, const WaitOptions& wait);

  const ProcessMark process_;
  std::shared_ptr<Engine> engine_;
  Seq seen_;  // begins as the head at first use
  std::optional<Seq> last_committed_own_;
  uint64_t own_version_ = 0;

  std::unique_ptr<Transaction> transaction_;  // it has the turn
  OwnEntries entries_;
  std::optional<uint64_t> prepared_version_;  // the own_version_ that is prepared
  std::string prepared_token_;
  // The own_version_ of which it is not known whether it was prepared, without a token.
  std::optional<uint64_t> lost_version_;

  // Made of the entries, as far as somebody has read them.
  std::shared_ptr<OwnDocuments> documents_;
  std::map<std::string, OwnView> views_;  // by id; the mappers stay for other transactions
};

}  // namespace streamview
