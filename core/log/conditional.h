// Conditional: what the log remembers of its last conditional transaction, one that the database
// decides about (Transaction::Prepare).
//
// A token is any text; where it ends in '-' and a number, that is the transaction's last entry, and
// messages make use of it.

#pragma once

#include <rocksdb/write_batch.h>

#include <string>

#include "core/base/entry.h"
#include "core/base/status.h"
#include "core/storage/log_store.h"

namespace streamview {

struct Conditional {
  Seq first = 0;  // 0: the transaction is known to be committed
  uint64_t count = 0;
  std::string token;     // empty: there was no such transaction
  std::string previous;  // the token of the one before

  // The last entry of a transaction of which it is not known whether it is committed; else 0.
  Seq last() const { return first == 0 ? 0 : first + count - 1; }
};

// Errors: kCorruption.
Result<Conditional> LoadConditional(const LogStore& store);
// Writes it as a part of `batch`.
Status PutConditional(const LogStore& store, const Conditional& conditional,
                      rocksdb::WriteBatch* batch);

// Why a log that ends at `head`, and has `known` for its last token, cannot go with a database that
// has `committed`.
Status TokenMismatch(Seq head, const std::string& known, const std::string& committed);

}  // namespace streamview
