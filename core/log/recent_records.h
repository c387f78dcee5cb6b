// RecentRecords: the records that were published last, in memory for those who follow the log.
//
// Not thread-safe.

#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "core/base/entry.h"

namespace streamview {

// The stored form of an entry. Whether further entries of its transaction follow, the bytes of a
// record that is still in memory do not say: the mark is set only as it is written.
struct LogRecord {
  std::shared_ptr<const std::string> bytes;
  bool continues;
};

class RecentRecords {
 public:
  // `record` follows those before. Without the memory for it, all are forgotten.
  void Add(LogRecord record) noexcept;
  // Those of the entries from `first` to `last`, at most `limit`, where all of them are here; else
  // none. `head`: the entry that was added last.
  std::vector<LogRecord> Find(Seq first, Seq last, size_t limit, Seq head) const;

 private:
  std::deque<LogRecord> records_;
  size_t bytes_ = 0;
};

}  // namespace streamview
