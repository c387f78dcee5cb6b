// LogTransaction: the entries that one connection has appended and not yet committed.
//
// It has the writer's turn of the log from its first append until Commit or Rollback, so the
// numbers it gives out are the ones that the entries will have.

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/check.h"
#include "core/base/process.h"
#include "core/engine.h"
#include "core/log/log.h"

namespace streamview {

class LogTransaction final : public Transaction {
 public:
  LogTransaction(Log* log, const ProcessMark& process) : log_(log), process_(process) {}
  ~LogTransaction() override;

  Status TakeTurn(const WaitOptions& wait) override;
  Result<Seq> Append(const ValueView& key, const ValueView& value,
                     const WaitOptions& wait) override;
  size_t size() const override { return records_.size(); }
  void Truncate(size_t size) override;
  Status Prepare(SyncMode sync, const std::string& token) override;
  void Commit() override;
  Status Rollback() override;

  // The number of the first entry. REQUIRES: size() > 0
  Seq first() const {
    SV_REQUIRE(!records_.empty());
    return first_;
  }
  // Entry i, 0-based, valid until the entry is truncated. REQUIRES: i < size()
  Status EntryAt(size_t i, Entry* entry) const;
  // Its stored form, which may be kept beyond the transaction.
  const std::shared_ptr<const std::string>& RecordAt(size_t i) const {
    SV_REQUIRE(i < records_.size());
    return records_[i];
  }
  // Counts truncations: what was derived from the entries holds while it is the same.
  uint64_t truncations() const { return truncations_; }

  // Where a reader keeps what it derived from the entries; `reader` is its address. Null at first,
  // and after the transaction's end.
  std::shared_ptr<void>& Derived(const void* reader) const { return derived_[reader]; }

 private:
  void Finish();
  // Takes back what Prepare wrote; the entries stay in memory.
  Status Unprepare();

  Log* const log_;
  const ProcessMark process_;
  bool has_turn_ = false;
  Seq first_ = 0;
  std::vector<std::shared_ptr<const std::string>> records_;
  uint64_t truncations_ = 0;
  mutable std::map<const void*, std::shared_ptr<void>> derived_;
  // How many of the records are in the column family; more than none only between Prepare and the
  // end.
  size_t prepared_ = 0;
  bool prepared_is_current_ = false;  // nothing was appended or truncated since
  SyncMode prepared_sync_ = SyncMode::kOff;
  std::string prepared_token_;
};

}  // namespace streamview
