// RemoteTransaction: the writer's turn of a log that another process holds.
//
// The turn is a lease: it ends with the connection to the holder, if not before. What is prepared
// then is decided about by its token.

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/engine.h"
#include "core/remote/client.h"

namespace streamview {

class RemoteTransaction final : public Transaction {
 public:
  explicit RemoteTransaction(std::shared_ptr<Client> client) : client_(std::move(client)) {}
  ~RemoteTransaction() override;

  Result<LogEnd> TakeTurn(const WaitOptions& wait) override;
  Status Prepare(const Records& records, SyncMode sync, const std::string& token) override;
  Status Commit() override;
  Status Rollback() override;
  void Abandon() override;

 private:
  // Sends one of these about the transaction, which ends with it.
  Status End(wire::Op op);

  const std::shared_ptr<Client> client_;
  uint64_t lease_ = 0;  // 0: it does not have the turn
  LogEnd end_;
  bool is_prepared_ = false;
};

}  // namespace streamview
