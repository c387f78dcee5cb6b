// Who is compared by bench/versus.cc. What fails ends the program.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bench/support.h"

namespace streamview::bench {

class Contestant {
 public:
  virtual ~Contestant() = default;

  // Inserts or replaces, in transactions of 1,000.
  virtual void PutAll(const std::vector<Document>& documents) = 0;
  // Returns once the indexes hold all that was put.
  virtual void AwaitIndexes() = 0;

  // False: only the above is implemented.
  virtual bool answers_queries() const = 0;
  // One document, in a transaction of its own.
  virtual void Put(const Document& document) = 0;
  // Reads up to 10 keys of documents that have the tag; returns their number.
  virtual int64_t Lookup(const std::string& tag) = 0;
  // Reads up to 20 keys of documents with installed_size from `size` to `size` + 100; returns their
  // number.
  virtual int64_t Range(int64_t size) = 0;
  // Removes the index of tags and makes it anew.
  virtual void RebuildTags() = 0;
  // The same for all contestants that hold the same.
  virtual double IndexDigest() = 0;

  virtual void Close() = 0;
};

// `name`: see bench/versus.cc.
std::unique_ptr<Contestant> NewContestant(const std::string& name, const std::string& extension,
                                          const std::string& directory);
std::unique_ptr<Contestant> NewRocksContestant(const std::string& directory);

constexpr size_t kDocumentsPerTransaction = 1000;

}  // namespace streamview::bench
