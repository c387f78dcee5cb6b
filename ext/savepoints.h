// Savepoints: what a list that grows during a transaction (appended entries, changes of the schema)
// is cut back to when SQLite rolls back to one of its savepoints.

#pragma once

#include <cstddef>
#include <vector>

namespace streamview {

// SQLite numbers open savepoints from 0; what a virtual table hears of them depends on when it
// joined the transaction. A level may never be announced: then it was opened before the table
// joined, when the list was empty. It may be announced twice, by two tables that share the list:
// the first time counts. And rolling back to -1 means to the beginning of the transaction.
class Savepoints {
 public:
  // Level n is opened while the list has `size` elements.
  void Open(int n, size_t size) {
    const auto level = static_cast<size_t>(n);
    if (level + 1 < sizes_.size()) sizes_.resize(level + 1);
    if (level < sizes_.size()) return;
    sizes_.resize(level, 0);
    sizes_.push_back(size);
  }

  // Forgets level n and those above.
  void Release(int n) {
    const size_t levels = n < 0 ? 0 : static_cast<size_t>(n);
    if (levels < sizes_.size()) sizes_.resize(levels);
  }

  // Returns the size that the list had when level n was opened, and forgets the levels above n.
  size_t RollbackTo(int n) {
    Release(n + 1);
    if (n < 0 || static_cast<size_t>(n) >= sizes_.size()) return 0;
    return sizes_[static_cast<size_t>(n)];
  }

  void Clear() { sizes_.clear(); }

 private:
  std::vector<size_t> sizes_;  // by level
};

}  // namespace streamview
