// Decisions: what became of the conditional transactions of clients (Transaction::Prepare), and the
// thread that decides about those whose client has gone.

#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "core/base/mutex.h"
#include "core/base/other_process.h"
#include "core/engine.h"
#include "core/remote/leases.h"
#include "core/remote/wire.h"

namespace streamview {

// Thread-safe.
class Decisions {
 public:
  // Asks `was_committed` on a thread of its own. Throws where no thread can be started.
  explicit Decisions(WasCommitted was_committed);
  // What is undecided still is left to the next opening of the log, as after a crash.
  ~Decisions();

  // A transaction that was prepared, committed or rolled back. Of the last ones it is remembered.
  void Note(const std::string& token, wire::TransactionState state) EXCLUDES(mutex_);
  wire::TransactionState StateOf(const std::string& token) EXCLUDES(mutex_);

  // The client of a transaction has gone. One that was not prepared vanishes; one without a token
  // is kept, as after a crash. Of any other the database is asked, until it tells; meanwhile the
  // transaction has the writer's turn, so that others wait, and are busy past their deadlines.
  // `client`: the process that had it; may be null.
  void Decide(const std::shared_ptr<TransactionLease>& orphan,
              std::shared_ptr<const OtherProcess> client) EXCLUDES(mutex_);

 private:
  struct Orphan {
    std::shared_ptr<TransactionLease> lease;
    std::shared_ptr<const OtherProcess> client;
  };
  void Run() EXCLUDES(mutex_);
  // None: they are to be left alone.
  std::optional<Orphan> AwaitOrphan() EXCLUDES(mutex_);
  // Waits before the next attempt, with the next orphan, where there is more to do about this one.
  void EndAttempt(bool done) EXCLUDES(mutex_);
  // Whether nothing is left to do.
  bool TryDecide(const Orphan& orphan) EXCLUDES(mutex_);

  const WasCommitted was_committed_;
  Mutex mutex_;
  CondVar changed_;
  std::map<std::string, wire::TransactionState> states_ GUARDED_BY(mutex_);
  std::deque<std::string> order_ GUARDED_BY(mutex_);  // of states_, oldest first
  std::deque<Orphan> orphans_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  static constexpr std::chrono::milliseconds kFirstRetry{10};
  std::chrono::milliseconds retry_ GUARDED_BY(mutex_) = kFirstRetry;
  std::thread thread_;  // last: it uses the others
};

}  // namespace streamview
