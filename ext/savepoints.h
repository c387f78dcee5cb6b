// Savepoints: what a transaction goes back to when SQLite rolls back to one of its savepoints.

#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace streamview {

// `Mark` says how far the transaction was; Mark() stands for its beginning.
//
// SQLite numbers open savepoints from 0; what a virtual table hears of them depends on when it
// joined the transaction. A level may never be announced: then it was opened before the first of
// our tables joined, when nothing was done yet. It may be announced again, by each table that
// joins: the first time counts. And rolling back to -1 means to the beginning of the transaction.
template <typename Mark>
class Savepoints {
 public:
  // Opens level n at what `mark` returns, unless it is open already.
  template <typename MakeMark>
  void Open(int n, const MakeMark& mark) {
    const auto level = static_cast<size_t>(n);
    if (level + 1 < marks_.size()) marks_.resize(level + 1);
    if (level < marks_.size()) return;
    marks_.resize(level);
    marks_.push_back(mark());
  }

  // Forgets level n and those above.
  void Release(int n) {
    const size_t levels = n < 0 ? 0 : static_cast<size_t>(n);
    if (levels < marks_.size()) marks_.resize(levels);
  }

  // Returns the mark of level n, and forgets the levels above n.
  Mark RollbackTo(int n) {
    Release(n + 1);
    if (n < 0 || static_cast<size_t>(n) >= marks_.size()) return Mark();
    return marks_[static_cast<size_t>(n)];
  }

  void Clear() { marks_.clear(); }

 private:
  std::vector<Mark> marks_;  // by level
};

}  // namespace streamview
