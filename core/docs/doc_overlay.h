// DocOverlay: the documents that the uncommitted entries of a transaction make, change and delete.

#pragma once

#include <map>
#include <memory>
#include <string>

#include "core/docs/doc_index.h"
#include "core/log/log_transaction.h"

namespace streamview {

class DocOverlay {
 public:
  // The latest entry of a document in the transaction. A reader may outlive the transaction, so it
  // shares the record.
  struct Document {
    DocVersion version;
    std::shared_ptr<const std::string> record;
  };
  using Documents = std::map<std::string, Document>;

  // The documents that the transaction has touched, deleted ones included, by encoded key.
  const Documents& documents() const { return documents_; }

  bool Covers(const LogTransaction& own) const {
    return truncations_ == own.truncations() && covered_ == own.size();
  }
  // Takes in the entries that it does not cover yet; begins anew where entries were taken back.
  Status Extend(const LogTransaction& own);

 private:
  uint64_t truncations_ = 0;
  size_t covered_ = 0;
  Documents documents_;
};

}  // namespace streamview
