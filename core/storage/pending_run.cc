#include "core/storage/pending_run.h"

namespace streamview {

namespace {

constexpr uint64_t kFarBehind = 10'000;
constexpr uint64_t kMaxEntries = 500'000;
constexpr std::chrono::seconds kMaxAge{1};
// Of one index: at least so many bytes whatever the others have, and at most.
constexpr size_t kMinBytes = 4u << 20;
constexpr size_t kMaxBytes = 16u << 20;

}  // namespace

void PendingRun::Set(uint64_t entries, size_t bytes) {
  if (entries_ == 0 && entries > 0) since_ = Clock::now();
  budget_->taken_.fetch_add(bytes - bytes_, std::memory_order_relaxed);
  entries_ = entries;
  bytes_ = bytes;
}

bool PendingRun::MayGrow(uint64_t lag) const {
  if (lag <= kFarBehind || entries_ >= kMaxEntries || bytes_ >= kMaxBytes) return false;
  if (bytes_ >= kMinBytes && budget_->exceeded()) return false;
  return entries_ == 0 || Clock::now() - since_ < kMaxAge;
}

}  // namespace streamview
