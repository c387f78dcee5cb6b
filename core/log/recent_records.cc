#include "core/log/recent_records.h"

#include <cstddef>
#include <utility>

namespace streamview {

namespace {

constexpr size_t kMaxRecords = 16384;
constexpr size_t kMaxBytes = 8u << 20;

}  // namespace

void RecentRecords::Add(LogRecord record) noexcept {
  const size_t bytes = record.bytes->size();
  try {
    records_.push_back(std::move(record));
    bytes_ += bytes;
  } catch (...) {
    records_.clear();
    bytes_ = 0;
  }
  while (records_.size() > kMaxRecords || bytes_ > kMaxBytes) {
    bytes_ -= records_.front().bytes->size();
    records_.pop_front();
  }
}

std::vector<LogRecord> RecentRecords::Find(Seq first, Seq last, size_t limit, Seq head) const {
  std::vector<LogRecord> found;
  const Seq end = head + 1;
  if (last >= end || first + records_.size() < end) return found;
  auto record = records_.end() - static_cast<ptrdiff_t>(end - first);
  for (Seq seq = first; seq <= last && found.size() < limit; ++seq) found.push_back(*record++);
  return found;
}

}  // namespace streamview
