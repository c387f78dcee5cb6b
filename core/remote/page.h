// Page: the rows of an answer, and how a scan goes on from one answer to the next.

#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "core/codec/varint.h"
#include "core/remote/request.h"

namespace streamview {

// Of pages that are found again without a cursor of the holder's.
constexpr uint64_t kMore = 1;

// Writes a page to the end of an answer (docs/format.md): the number of the cursor to go on with;
// each row behind a 1; a 0, and why they end.
class Page {
 public:
  // Holds what `limits` ask for, as far as the server gives so much.
  Page(const Serving& serving, const Request& request, const wire::PageLimits& limits)
      : dst_(request.answer),
        begin_(dst_->size()),
        rows_left_(std::clamp<uint64_t>(limits.rows, 1, serving.page_rows)),
        full_size_(begin_ + std::clamp<uint64_t>(limits.bytes, 1, serving.page_bytes)) {
    AppendBigEndian64(dst_, 0);
  }

  bool IsFull() const { return rows_left_ == 0 || dst_->size() >= full_size_; }
  template <typename... Ts>
  void Add(const Ts&... fields) {
    wire::PutAll(dst_, true, fields...);
    rows_left_--;
  }
  // Further fields of the row that was added last.
  template <typename... Ts>
  void Extend(const Ts&... fields) {
    wire::PutAll(dst_, fields...);
  }
  void ExtendBigEndian64(uint64_t v) { AppendBigEndian64(dst_, v); }
  // What was read, or why it could not be.
  template <typename T>
  void ExtendByResult(const Result<T>& result) {
    wire::Put(dst_, result.status());
    if (result.ok()) wire::Put(dst_, *result);
  }

  // Where the page ends now; Cut takes away what was added since.
  size_t end() const { return dst_->size(); }
  void Cut(size_t end) { dst_->resize(end); }

  // `cursor`: 0, where there is no more.
  void End(const Status& status, uint64_t cursor) {
    wire::PutAll(dst_, false, status);
    std::string number;
    AppendBigEndian64(&number, cursor);
    dst_->replace(begin_, number.size(), number);
  }

 private:
  std::string* const dst_;
  const size_t begin_;
  uint64_t rows_left_;
  const size_t full_size_;
};

inline void FillPage(LogCursor& cursor, Page& page) {
  for (; cursor.Valid() && !page.IsFull(); cursor.Next()) page.Add(cursor.entry());
}

// Adds the first page of what `scan`, a lease with a cursor, reads. Returns the number of the lease
// where there is more, or else 0. `fill`, called with the lease and the page, adds the rows.
// REQUIRES: the caller holds scan->mutex()
template <typename Scan, typename Fill>
Result<uint64_t> BeginScan(const Serving& serving, const Request& request, Leases& leases,
                           const std::shared_ptr<Scan>& scan, const wire::PageLimits& limits,
                           const Fill& fill) {
  Page page(serving, request, limits);
  fill(*scan, page);
  const Status status = scan->cursor->status();
  uint64_t number = 0;
  if (scan->cursor->Valid()) {
    SV_ASSIGN_OR_RETURN(number, leases.Add(scan));
  }
  page.End(status, number);
  return number;
}

// Does a request for the next page of a scan.
template <typename Scan, typename Fill>
Status ContinueScan(const Serving& serving, Request& request, Leases& leases, const Fill& fill) {
  uint64_t number;
  wire::PageLimits limits;
  SV_RETURN_IF_ERROR(TakeFields(request, &number, &limits));
  SV_ASSIGN_OR_RETURN(const std::shared_ptr<Scan> scan, leases.Find<Scan>(number));
  MutexLock use(scan->mutex());
  Page page(serving, request, limits);
  fill(*scan, page);
  const bool more = scan->cursor->Valid();
  page.End(scan->cursor->status(), more ? number : 0);
  if (!more) leases.Release(number);
  return Status::Ok();
}

}  // namespace streamview
