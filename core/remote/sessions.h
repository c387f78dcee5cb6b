// Sessions: the clients of a process that holds a log, each with its connections and what is kept
// for it.

#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>

#include "core/base/mutex.h"
#include "core/base/other_process.h"
#include "core/base/status.h"
#include "core/remote/decisions.h"
#include "core/remote/leases.h"
#include "core/remote/server_options.h"

namespace streamview {

struct ClientSession {
  ClientSession(std::string session_id, pid_t client, size_t max_leases, LeaseCount* all_leases)
      : id(std::move(session_id)),
        pid(client),
        process(std::make_shared<const OtherProcess>(client)),
        leases(max_leases, all_leases) {}
  const std::string id;
  const pid_t pid;  // 0: it is not known
  const std::shared_ptr<const OtherProcess> process;
  Leases leases;
};

// Thread-safe.
class Sessions {
 public:
  // `decisions` gets the transactions that a client leaves behind.
  Sessions(Decisions* decisions, const ServerOptions& options)
      : decisions_(decisions),
        max_leases_(options.max_leases),
        max_of_process_(options.max_clients_of_process),
        all_leases_(options.max_all_leases) {}

  // For a connection: a new session, of the process `pid`, where `id` is empty; else the one it
  // belongs to. Errors: kLost (that has ended), kBusy (the process has too many).
  Result<std::shared_ptr<ClientSession>> Join(const std::string& id, pid_t pid) EXCLUDES(mutex_);
  // How many there are.
  size_t Count() EXCLUDES(mutex_);
  // Whether one of them is in the middle of reading.
  bool AreReading() EXCLUDES(mutex_);
  // The connection has ended: so does the session with the last one.
  void Leave(const std::shared_ptr<ClientSession>& session) EXCLUDES(mutex_);

 private:
  struct Present {
    std::shared_ptr<ClientSession> session;
    size_t connections = 0;
  };

  Decisions* const decisions_;
  const size_t max_leases_;
  const size_t max_of_process_;
  LeaseCount all_leases_;
  Mutex mutex_;
  std::map<std::string, Present> present_ GUARDED_BY(mutex_);  // by id
};

}  // namespace streamview
