#include "core/index/run_cache.h"

#include <functional>
#include <utility>

#include "core/codec/key_codec.h"

namespace streamview {

bool CachedRun::Add(std::string_view key, std::string_view value) {
  const size_t bytes = bytes_.size() + key.size() + value.size();
  full_ = full_ || bytes + (rows_.size() + 1) * sizeof(Row) > kMaxBytes;
  if (full_) return false;
  if (rows_.empty()) {
    constexpr size_t kFew = 10;
    rows_.reserve(kFew);
    bytes_.reserve(kFew * bytes);
  }
  const auto begin = static_cast<uint32_t>(bytes_.size());
  // What could be in the run half is never looked at.
  bytes_.append(key).append(value);
  rows_.push_back({begin, static_cast<uint32_t>(key.size()), static_cast<uint32_t>(value.size())});
  return true;
}

std::atomic<uint64_t>& RunCache::ChangedAt(std::string_view key) const {
  std::string_view rest = key;
  // A key that does not begin with a column is in some bucket as well.
  const size_t size = SkipKeyColumn(&rest) ? key.size() - rest.size() : 0;
  return changed_at_[std::hash<std::string_view>()(key.substr(0, size)) % kBuckets];
}

void RunCache::NoteChange(std::string_view key, uint64_t version) {
  ChangedAt(key).store(version, std::memory_order_release);
}

RunCache::Set& RunCache::SetOf(const KeyRange& range) const {
  return sets_[std::hash<std::string>()(range.lower) % kSets];
}

// A run may miss entries that were superseded as of its own state and dropped; those do not count
// in later states either, but may in earlier ones.
std::shared_ptr<const CachedRun> RunCache::Find(const KeyRange& range, bool reverse,
                                                uint64_t version) const {
  const uint64_t changed_at = ChangedAt(range.lower).load(std::memory_order_acquire);
  Set& set = SetOf(range);
  MutexLock lock(set.mutex);
  const Slot* const slot = FindSlot(set, range, reverse);
  if (slot == nullptr || slot->version > version || slot->version < changed_at) return nullptr;
  return slot->run;
}

RunCache::Slot* RunCache::FindSlot(Set& set, const KeyRange& range, bool reverse) {
  for (Slot& slot : set.slots) {
    if (slot.reverse == reverse && slot.range.lower == range.lower &&
        slot.range.upper == range.upper) {
      return &slot;
    }
  }
  return nullptr;
}

void RunCache::Insert(const KeyRange& range, bool reverse, uint64_t version, CachedRun run) {
  if (range.lower.size() + range.upper.size() > kMaxKeyBytes) return;
  Slot slot{range, reverse, version, std::make_shared<const CachedRun>(std::move(run))};
  Set& set = SetOf(range);
  MutexLock lock(set.mutex);
  Slot* const same = FindSlot(set, range, reverse);
  std::swap(same != nullptr ? *same : set.slots[set.next++ % kWays], slot);
}

void RunCache::Erase(const KeyRange& range, bool reverse) {
  Slot old;  // goes after the lock
  Set& set = SetOf(range);
  MutexLock lock(set.mutex);
  if (Slot* const slot = FindSlot(set, range, reverse)) std::swap(*slot, old);
}

}  // namespace streamview
