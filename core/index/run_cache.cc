#include "core/index/run_cache.h"

#include <functional>
#include <utility>

#include "core/codec/key_codec.h"

namespace streamview {

bool CachedRun::Add(std::string_view key, const IndexEntryDecoder& entry) {
  if (Bytes() + key.size() > kMaxBytes) return false;
  columns_ = entry.columns();
  const size_t bytes_before = bytes_.size(), cells_before = cells_.size();
  rows_.push_back({entry.seq(), entry.row(), static_cast<uint32_t>(bytes_before),
                   static_cast<uint32_t>(key.size())});
  bytes_ += key;
  for (size_t i = 0; i < columns_; ++i) AddCell(entry.column(i));
  AddCell(entry.doc_id());
  if (Bytes() <= kMaxBytes) return true;
  rows_.pop_back();
  cells_.resize(cells_before);
  bytes_.resize(bytes_before);
  return false;
}

void CachedRun::AddCell(const ValueView& value) {
  Cell cell{};
  cell.type = value.type();
  cell.is_c_string = value.is_c_string();
  if (value.type() == ValueType::kInteger) {
    cell.integer = value.integer();
  } else if (value.type() == ValueType::kReal) {
    cell.real = value.real();
  } else {
    std::string_view bytes = value.bytes();
    cell.bytes = {static_cast<uint32_t>(bytes_.size()), static_cast<uint32_t>(bytes.size())};
    if (cell.is_c_string) bytes = {bytes.data(), bytes.size() + 1};
    // The row's key mostly holds the bytes already.
    if (const size_t at = bytes_.find(bytes, rows_.back().key); at != std::string::npos) {
      cell.bytes.begin = static_cast<uint32_t>(at);
    } else {
      bytes_ += bytes;
    }
  }
  cells_.push_back(cell);
}

ValueView CachedRun::ViewOf(size_t i) const {
  const Cell& cell = cells_[i];
  switch (cell.type) {
    case ValueType::kNull:
      return ValueView::Null();
    case ValueType::kInteger:
      return ValueView::Integer(cell.integer);
    case ValueType::kReal:
      return ValueView::Real(cell.real);
    case ValueType::kText:
    case ValueType::kBlob:
      break;
  }
  const std::string_view bytes(bytes_.data() + cell.bytes.begin, cell.bytes.size);
  if (cell.type == ValueType::kBlob) return ValueView::Blob(bytes);
  return cell.is_c_string ? ValueView::CString(bytes) : ValueView::Text(bytes);
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
std::shared_ptr<const CachedRun> RunCache::Find(const KeyRange& range, uint64_t version) const {
  const uint64_t changed_at = ChangedAt(range.lower).load(std::memory_order_acquire);
  Set& set = SetOf(range);
  MutexLock lock(set.mutex);
  const Slot* const slot = FindSlot(set, range);
  if (slot == nullptr || slot->version > version || slot->version < changed_at) return nullptr;
  return slot->run;
}

RunCache::Slot* RunCache::FindSlot(Set& set, const KeyRange& range) {
  for (Slot& slot : set.slots) {
    if (slot.range.lower == range.lower && slot.range.upper == range.upper) return &slot;
  }
  return nullptr;
}

void RunCache::Insert(const KeyRange& range, uint64_t version, CachedRun run) {
  if (range.lower.size() + range.upper.size() > kMaxKeyBytes) return;
  Slot slot{range, version, std::make_shared<const CachedRun>(std::move(run))};
  Set& set = SetOf(range);
  MutexLock lock(set.mutex);
  Slot* const same = FindSlot(set, range);
  std::swap(same != nullptr ? *same : set.slots[set.next++ % kWays], slot);
}

void RunCache::Erase(const KeyRange& range) {
  Slot old;  // goes after the lock
  Set& set = SetOf(range);
  MutexLock lock(set.mutex);
  if (Slot* const slot = FindSlot(set, range)) std::swap(*slot, old);
}

}  // namespace streamview
