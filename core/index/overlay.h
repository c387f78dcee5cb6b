// Overlay: what the uncommitted entries of a transaction do to an index of a view. The transaction
// keeps it, so that each of its entries is mapped once.

#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/check.h"
#include "core/docs/doc_index.h"
#include "core/index/view_index.h"
#include "core/log/log_transaction.h"

namespace streamview {

class Overlay {
 public:
  virtual ~Overlay() = default;

  // The stored form of one of the transaction's entries; null where `seq` is none of them. It stays
  // when the transaction has ended.
  const std::string* FindRecord(Seq seq) const {
    return seq >= first_ && seq - first_ < records_.size() ? records_[seq - first_].get() : nullptr;
  }

  // Whether it holds a beginning of the present entries of `own`, over the index at `base`.
  bool BelongsTo(const LogTransaction& own, const IndexState& base) const {
    return truncations_ == own.truncations() && base_ == base.seq;
  }
  // Whether that is all of them. REQUIRES: BelongsTo(own)
  bool Covers(const LogTransaction& own) const {
    SV_REQUIRE(truncations_ == own.truncations());
    return records_.size() == own.size();
  }
  // Maps the entries of `own` that are not covered yet. Takes the index's turn. After an error it
  // is of no use. REQUIRES: BelongsTo(own)
  Status Extend(const LogTransaction& own, const WaitOptions& wait);

 protected:
  // On `index`, which it keeps alive: overlays are found again by its address.
  Overlay(std::shared_ptr<ViewIndex> index, const LogTransaction& own, const IndexState& base)
      : index_(std::move(index)), truncations_(own.truncations()), base_(base.seq) {}
  Overlay(const Overlay&) = default;

  ViewIndex& index() const { return *index_; }

 private:
  // Takes in an entry, which supersedes `superseded` (0: none), a committed entry or one that was
  // taken in before. Errors: kFailed where the map fails on the entry; those that say nothing about
  // it.
  // REQUIRES: the caller has the index's turn.
  virtual Status TakeIn(const Entry& entry, Seq superseded) = 0;
  Status TakeInNext(const LogTransaction& own);
  Result<Seq> FindSuperseded(const Entry& entry);

  std::shared_ptr<ViewIndex> index_;
  uint64_t truncations_;
  Seq base_;
  Seq first_ = 0;  // of the transaction's entries
  std::vector<std::shared_ptr<const std::string>> records_;
  std::unordered_map<std::string, Seq> latest_;  // encoded document key -> the transaction's entry
};

// The overlay, of type T, of all entries of `own` over `index` at `base`.
template <typename T>
Result<std::shared_ptr<const T>> OverlayOf(const std::shared_ptr<ViewIndex>& index,
                                           const LogTransaction& own, const IndexState& base,
                                           const WaitOptions& wait) {
  std::shared_ptr<void>& kept = own.Derived(index.get());
  std::shared_ptr<T> overlay = std::static_pointer_cast<T>(std::exchange(kept, nullptr));
  if (overlay == nullptr || !overlay->BelongsTo(own, base)) {
    overlay = std::make_shared<T>(index, own, base);
  } else if (overlay.use_count() > 1 && !overlay->Covers(own)) {
    overlay = std::make_shared<T>(*overlay);  // an open cursor still reads it
  }
  SV_RETURN_IF_ERROR(overlay->Extend(own, wait));
  kept = overlay;
  return std::shared_ptr<const T>(std::move(overlay));
}

}  // namespace streamview
