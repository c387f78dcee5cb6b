#include "core/log/batch_reader.h"

#include <chrono>
#include <exception>
#include <utility>

#include "core/base/signals.h"

namespace streamview {

namespace {

// What a thread reads at a time. It is to be worth its making, and still in time where it has to
// wait for a core.
constexpr size_t kAheadBatches = 8;
constexpr size_t kAheadBytes = 2u << 20;

// How long to wait for the thread, once for what it reads at a time. Where it gets no core it is
// of no use.
constexpr std::chrono::milliseconds kReadAheadPatience{5};

// No batch takes more, but one of a single entry.
constexpr size_t kMaxBatchMemory = 2 * kBatchBytes + kBatchEntries * sizeof(Entry);

// After so many reads elsewhere nobody is here any more, and another place is read ahead of.
constexpr int kAbandoned = 16;

// More than one batch, so that none with `first` in it ends after `last`.
bool IsFar(Seq first, Seq last) { return first + kBatchEntries <= last; }

bool IsReady(const std::shared_future<std::vector<SharedBatch>>& batches) {
  return batches.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

Result<SharedBatch> ReadShared(const Log& log, Seq first, Seq last, BlockCache cache) {
  auto batch = std::make_shared<EntryBatch>();
  SV_RETURN_IF_ERROR(ReadBatch(log, first, last, cache, batch.get()));
  return SharedBatch(std::move(batch));
}

}  // namespace

Result<SharedBatch> BatchReader::Read(Seq first, Seq last) {
  if (!enabled_ || !IsFar(first, last)) {
    return ReadShared(*log_, first, last, BlockCache::kFill);
  }
  Found found = Find(first, last);
  if (found.pending.valid()) {
    found.pending.wait_for(kReadAheadPatience);
    found = Find(first, last, found.pending_first);
  }
  if (found.batch != nullptr) return found.batch;
  SV_ASSIGN_OR_RETURN(
      const SharedBatch batch,
      ReadShared(*log_, first, last, found.is_here ? BlockCache::kSpare : BlockCache::kFill));
  if (found.is_here) {
    MutexLock lock(mutex_);
    if (!next_.valid()) ReadAhead(*batch, last);
  }
  return batch;
}

void BatchReader::Forget() {
  Next next;  // outlives the lock: its end is that of the thread
  MutexLock lock(mutex_);
  present_.clear();
  next = std::move(next_);
}

SharedBatch BatchReader::FindPresent(Seq seq) const {
  for (const SharedBatch& batch : present_) {
    if (batch->Has(seq)) return batch;
  }
  return nullptr;
}

BatchReader::Found BatchReader::Find(Seq first, Seq last, Seq awaited) {
  Found found;
  MutexLock lock(mutex_);
  found.batch = FindPresent(first);
  if (found.batch != nullptr) {
    if (elsewhere_ > 0) elsewhere_--;
    return found;
  }
  found.is_here = true;
  if (next_.valid()) {
    found.is_here = first >= next_first_ && first - next_first_ < kAheadBatches * kBatchEntries;
    if (!found.is_here && ++elsewhere_ <= kAbandoned) return found;
    if (!IsReady(next_)) {
      late_ = late_ || awaited == next_first_;
      if (!late_) {
        found.pending = next_;
        found.pending_first = next_first_;
      }
      return found;
    }
    present_ = next_.get();
    next_ = {};
    found.is_here = true;
  }
  elsewhere_ = 0;
  found.batch = FindPresent(first);
  if (found.batch != nullptr) ReadAhead(*present_.back(), last);
  return found;
}

void BatchReader::ReadAhead(const EntryBatch& after, Seq last) {
  const Seq first = after.last() + 1;
  if (!IsFar(first, last) || after.MemoryUsage() > kMaxBatchMemory) return;
  next_first_ = first;
  const BlockSignals blocked;
  try {
    next_ = std::async(std::launch::async, [this, first, last] { return ReadSome(first, last); });
    late_ = false;
  } catch (const std::exception&) {
    // No thread, or no memory for one: they are read when they are asked for.
  }
}

// An error, too, is for who asks for the entry.
BatchReader::Batches BatchReader::ReadSome(Seq first, Seq last) const noexcept {
  Batches batches;
  try {
    size_t bytes = 0;
    while (IsFar(first, last) && batches.size() < kAheadBatches && bytes < kAheadBytes) {
      Result<SharedBatch> batch = ReadShared(*log_, first, last, BlockCache::kSpare);
      // Large entries are held one at a time.
      if (!batch.ok() || (*batch)->MemoryUsage() > kMaxBatchMemory) break;
      first = (*batch)->last() + 1;
      bytes += (*batch)->MemoryUsage();
      batches.push_back(*std::move(batch));
    }
  } catch (const std::exception&) {
    // No memory for more.
  }
  return batches;
}

}  // namespace streamview
