#include "tests/core/remote_test_util.h"

#include <stdexcept>
#include <utility>

namespace streamview {

namespace {

template <typename T>
T Expect(Result<T> result) {
  if (!result.ok()) throw std::runtime_error(result.status().message());
  return *std::move(result);
}

}  // namespace

Holder::Holder(std::shared_ptr<Engine> engine, ServerOptions options)
    : engine_(std::move(engine)), server_(Expect(Server::New(engine_, std::move(options)))) {}

Socket Holder::NewConnection() {
  auto [client, server] = Expect(Socket::NewPair());
  (void)server_->Serve(std::move(server));
  return std::move(client);
}

RemoteOptions Holder::options() {
  RemoteOptions options;
  options.connect = [this](const WaitOptions&) -> Result<Socket> {
    if (server_ == nullptr) return Status::Lost("nobody holds the log");
    return NewConnection();
  };
  return options;
}

std::shared_ptr<RemoteEngine> Holder::Connect(MapperFactory mapper_factory) {
  RemoteOptions remote = options();
  remote.mapper_factory = std::move(mapper_factory);
  return Expect(RemoteEngine::Open(remote, WaitOptions()));
}

}  // namespace streamview
