// Listener: where other processes of this machine find the one that holds a log: a socket in the
// log's directory.
//
// Whoever may write to the directory may connect. A path longer than an address of a socket may be
// (108 bytes) is no obstacle where /proc is mounted.

#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "core/base/status.h"
#include "core/base/wait.h"
#include "core/remote/socket.h"

namespace streamview {

class Listener {
 public:
  // Makes the socket `path` (absolute), also where a process that died has left one, and gives each
  // connection to `serve`, on a thread of its own. REQUIRES: this process holds the directory that
  // it is in (DirectoryLock). Errors: kCannotOpen (no socket can be made there, be it for its file
  // system), kNoMemory.
  static Result<std::unique_ptr<Listener>> New(const std::string& path,
                                               std::function<void(Socket)> serve);
  // Removes the socket. Who has connected and was not given to `serve` is told that the connection
  // is lost. A forked child must not destroy it: the thread is its parent's.
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

 private:
  Listener(std::string path, Socket socket, std::function<void(Socket)> serve);
  void Run();

  const std::string path_;
  Socket socket_;
  const std::function<void(Socket)> serve_;
  std::thread thread_;
};

// Connects to the process that listens on the socket `path`. Errors: kBusy (nobody listens: it is
// about to hold the log, or to let go of it, or cannot be reached), kReadOnly (no permission),
// kInterrupted, kTimedOut.
Result<Socket> ConnectToHolder(const std::string& path, const WaitOptions& wait);

}  // namespace streamview
