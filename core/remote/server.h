// Server: serves the log that this process holds to others, over connections that somebody else
// accepts.
//
// Each connection has a thread, which does one request after the other. A client is not trusted:
// whatever it sends, it can neither end the process nor make it take more than a bounded amount of
// memory. What it holds (snapshots, cursors, transactions) is limited, an answer has about a page
// of rows, and a client that does not read its answers is cut off. The bound does not cover the
// size of an entry of the log: each connection and each cursor can hold one, however large it is.
//
// Whoever has a connection can do all that the log allows, but for Backup, which writes elsewhere
// and is for processes of the same user.

#pragma once

#include <atomic>
#include <cstddef>
#include <list>
#include <memory>
#include <thread>

#include "core/base/mutex.h"
#include "core/base/process.h"
#include "core/base/status.h"
#include "core/engine.h"
#include "core/remote/decisions.h"
#include "core/remote/served_connection.h"
#include "core/remote/server_options.h"
#include "core/remote/sessions.h"
#include "core/remote/socket.h"

namespace streamview {

// Thread-safe, but for the destructor.
class Server {
 public:
  // Errors: kNoMemory (no thread can be started).
  static Result<std::unique_ptr<Server>> New(std::shared_ptr<Engine> engine, ServerOptions options);
  // Waits for those who are in the middle of reading, for ServerOptions::linger; then ends all
  // connections, and waits for the requests that are being done. A conditional transaction
  // that cannot be decided now is left to the next opening of the log; nobody can append to this
  // engine any more then. A forked child must not destroy it: the threads are its parent's.
  ~Server();

  // Serves a client from now on, until it or the server ends the connection. Errors: kBusy (there
  // are too many; the client is told), kNoMemory; then the connection is closed.
  Status Serve(Socket socket) EXCLUDES(mutex_);
  // How many clients there are now, each with one connection or several.
  size_t clients() { return sessions_->Count(); }
  // How many connections there are now.
  size_t connections() EXCLUDES(mutex_);

 private:
  Server(std::shared_ptr<Engine> engine, ServerOptions options);
  // Sends heartbeats, and joins threads, while there is something to do; else it sleeps.
  void SendHeartbeats() EXCLUDES(mutex_);
  // There is something to do, within the time from one heartbeat to the next.
  void Wake() EXCLUDES(mutex_);
  // Whether a further client, at the other end of `socket`, can be served. Errors: kBusy.
  Status CheckRoom(const Socket& socket) EXCLUDES(mutex_);
  void AwaitReaders();
  // Joins the threads of connections that have ended. Returns how many go on.
  size_t Reap() EXCLUDES(mutex_);

  const std::shared_ptr<Engine> engine_;
  const ServerOptions options_;
  ProcessMark process_;
  std::unique_ptr<Decisions> decisions_;
  std::unique_ptr<Sessions> sessions_;
  Mutex mutex_;
  CondVar changed_;
  std::list<std::unique_ptr<ServedConnection>> connections_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::atomic<bool> is_awake_{false};
  std::thread heartbeats_;  // last: it uses the others
};

}  // namespace streamview
