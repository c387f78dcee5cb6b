// LogTransaction: who has the writer's turn of a log, and what it has prepared.

#pragma once

#include <string>

#include "core/base/process.h"
#include "core/engine.h"
#include "core/log/log.h"

namespace streamview {

class LogTransaction final : public Transaction {
 public:
  LogTransaction(Log* log, const ProcessMark& process) : log_(log), process_(process) {}
  ~LogTransaction() override;

  Result<LogEnd> TakeTurn(const WaitOptions& wait) override;
  Status Prepare(const Records& records, SyncMode sync, const std::string& token) override;
  Status Commit() override;
  Status Rollback() override;
  void Abandon() override;

 private:
  void Finish();
  // Takes back what Prepare wrote.
  Status Unprepare();

  Log* const log_;
  const ProcessMark process_;
  bool has_turn_ = false;
  bool is_prepared_ = false;
  Records prepared_;  // they are in the column family; none but between Prepare and the end
  SyncMode prepared_sync_ = SyncMode::kOff;
  std::string prepared_token_;
};

}  // namespace streamview
