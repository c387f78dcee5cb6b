// A log that one engine holds and others use over sockets, all of them in this process.

#pragma once

#include <memory>
#include <vector>

#include "core/engine.h"
#include "core/remote/remote_engine.h"
#include "core/remote/server.h"

namespace streamview {

class Holder {
 public:
  explicit Holder(std::shared_ptr<Engine> engine, ServerOptions options = {});

  // How others come to it. Valid as long as it lives.
  RemoteOptions options();
  // Another process, as it were.
  std::shared_ptr<RemoteEngine> Connect(MapperFactory mapper_factory = nullptr);
  // One end of a connection, of which the server has the other.
  Socket NewConnection();

  Server& server() { return *server_; }
  // Ends all connections.
  void Stop() { server_.reset(); }

 private:
  const std::shared_ptr<Engine> engine_;
  std::unique_ptr<Server> server_;
};

}  // namespace streamview
