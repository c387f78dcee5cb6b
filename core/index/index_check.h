// IndexCheck: what the integrity checks of all kinds of indexes have in common.

#pragma once

#include <rocksdb/options.h>

#include <functional>
#include <string>

#include "core/base/findings.h"
#include "core/base/wait.h"
#include "core/index/view_index.h"

namespace streamview {

class IndexCheck {
 protected:
  // Of `index` at `state`; all must outlive the check.
  IndexCheck(const ViewIndex& index, const IndexState& state, const WaitOptions& wait)
      : index_(index), state_(state), wait_(wait) {
    read_options_.snapshot = state.snapshot.get();
  }
  ~IndexCheck() = default;

  // Compares the set of superseded entries with the document index.
  Status CheckSuperseded();
  // Visits the entries of the log that count, but for tombstones, in order.
  Status ForEachCounting(const std::function<Status(const Entry& entry)>& visit);
  // Compares whether the map has failed on the entry.
  void CheckError(const Entry& entry, bool mapped);
  // Visits the stored index entries with keys from `from` on, in order; it ends where `visit` says
  // so by false.
  Status ForEachStored(
      std::string_view from,
      const std::function<Result<bool>(std::string_view key, std::string_view value)>& visit);
  Status Conclude() const { return findings_.ToStatus("view " + index_.definition().name); }

  const ViewIndex& index_;
  const IndexState& state_;
  const WaitOptions& wait_;
  rocksdb::ReadOptions read_options_;
  Findings findings_;
};

}  // namespace streamview
