// DocOverlay: the documents that the uncommitted entries of a transaction make, change and delete.

#pragma once

#include <map>
#include <string>

#include "core/docs/doc_index.h"
#include "core/log/log_transaction.h"

namespace streamview {

class DocOverlay {
 public:
  // The latest entry of each document that the transaction has touched, by encoded key.
  const std::map<std::string, DocVersion>& versions() const { return versions_; }

  bool Covers(const LogTransaction& own) const {
    return truncations_ == own.truncations() && covered_ == own.size();
  }
  // Takes in the entries that it does not cover yet; begins anew where entries were taken back.
  Status Extend(const LogTransaction& own);

 private:
  uint64_t truncations_ = 0;
  size_t covered_ = 0;
  std::map<std::string, DocVersion> versions_;
};

}  // namespace streamview
