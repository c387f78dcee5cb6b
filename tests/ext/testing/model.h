// Model: what a log and its views must hold, computed in the plainest way.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/ext/testing/database.h"
#include "tests/ext/testing/value.h"

namespace streamview::testing {

class Model {
 public:
  // One entry of the log, and what the map of each view makes of it, in order of emission.
  struct Entry {
    SqlValue key;
    SqlValue value;
    std::vector<std::vector<Row>> emitted;  // [view][row][column]
  };

  void Append(Entry entry) { entries_.push_back(std::move(entry)); }
  size_t head() const { return entries_.size(); }
  // Takes back all appends after the first `head` ones.
  void Truncate(size_t head) { entries_.resize(head); }

  // The rows `seq, key, value` of the log.
  std::vector<Row> Log() const;
  // The rows of a view, in its order: the map's columns, then doc_id, then seq.
  std::vector<Row> View(size_t view, size_t key_columns) const;

 private:
  std::vector<Entry> entries_;  // sequence number - 1 -> entry
};

// Computes a view outside the extension: copies the rows of the log `log` of `db`, keeps the
// entries that count (the newest of each key unless that is a tombstone, and all events), and runs
// `map`, a SELECT from `log`, on each of them, in a connection without the extension. An entry that
// the map fails on gives nothing. The rows are as the view should have them: the map's columns,
// then doc_id, then seq; ordered by the first `key_columns` columns, doc_id, emission.
std::vector<Row> ComputeView(Database& db, const std::string& log, const std::string& map,
                             size_t key_columns = 1);

// The rows of the same view with `reduce`, computed from those without ("": these are they): the
// key columns, then what is reduced. The values must be such that doubles add up without rounding.
std::vector<Row> ReduceRows(const std::vector<Row>& rows, size_t key_columns,
                            const std::string& reduce);

Lines ToLines(const std::vector<Row>& rows);

}  // namespace streamview::testing
