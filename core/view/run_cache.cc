#include "core/view/run_cache.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "core/codec/key_codec.h"

namespace streamview {

bool CachedRun::Add(std::string_view key, const IndexEntryDecoder& entry) {
  if (rows_.size() == kMaxRows || bytes_.size() + key.size() > kMaxBytes) return false;
  columns_ = entry.columns();
  const Row row{entry.seq(), entry.row(), static_cast<uint32_t>(bytes_.size()),
                static_cast<uint32_t>(key.size()), static_cast<uint32_t>(cells_.size())};
  const size_t bytes_before = bytes_.size();
  bytes_ += key;
  for (size_t i = 0; i < columns_; ++i) AddCell(entry.column(i));
  AddCell(entry.doc_id());
  if (bytes_.size() > kMaxBytes) {
    bytes_.resize(bytes_before);
    cells_.resize(row.first_cell);
    return false;
  }
  rows_.push_back(row);
  return true;
}

void CachedRun::AddCell(const ValueView& value) {
  std::string_view bytes = value.bytes();
  Cell cell{value, static_cast<uint32_t>(bytes_.size()), static_cast<uint32_t>(bytes.size())};
  if (value.is_c_string()) bytes = {bytes.data(), bytes.size() + 1};
  // The key mostly holds the bytes already.
  if (const size_t at = bytes_.find(bytes, rows_.empty() ? 0 : rows_.back().key);
      at != std::string::npos) {
    cell.begin = static_cast<uint32_t>(at);
  } else {
    bytes_ += bytes;
  }
  cells_.push_back(cell);
}

ValueView CachedRun::ViewOf(size_t i) const {
  const Cell& cell = cells_[i];
  const std::string_view bytes(bytes_.data() + cell.begin, cell.size);
  switch (cell.value.type()) {
    case ValueType::kText:
      return cell.value.is_c_string() ? ValueView::CString(bytes) : ValueView::Text(bytes);
    case ValueType::kBlob:
      return ValueView::Blob(bytes);
    default:
      return cell.value;
  }
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
  for (const Slot& slot : set.slots) {
    if (slot.run == nullptr || slot.version > version || slot.version < changed_at) continue;
    if (slot.range.lower == range.lower && slot.range.upper == range.upper) return slot.run;
  }
  return nullptr;
}

void RunCache::Insert(const KeyRange& range, uint64_t version, CachedRun run) {
  Slot slot{range, version, std::make_shared<const CachedRun>(std::move(run))};
  Set& set = SetOf(range);
  MutexLock lock(set.mutex);
  const auto same = std::find_if(set.slots.begin(), set.slots.end(), [&](const Slot& other) {
    return other.range.lower == range.lower && other.range.upper == range.upper;
  });
  if (same != set.slots.end()) {
    std::swap(*same, slot);
  } else {
    std::swap(set.slots[set.next++ % kWays], slot);
  }
}

}  // namespace streamview
