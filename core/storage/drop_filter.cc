#include "core/storage/drop_filter.h"

#include "core/storage/rocks.h"

namespace streamview {

namespace {

class DropFilter final : public rocksdb::CompactionFilter {
 public:
  explicit DropFilter(DropEntry drop) : drop_(std::move(drop)) {}
  const char* Name() const override { return "streamview.DropFilter"; }
  bool Filter(int, const rocksdb::Slice& key, const rocksdb::Slice& value, std::string*,
              bool*) const override {
    return drop_(ToView(key), ToView(value));
  }
  // A change that counts no rows may yet move a sum, or the count of what it is added to.
  bool FilterMergeOperand(int, const rocksdb::Slice&, const rocksdb::Slice&) const override {
    return false;
  }

 private:
  const DropEntry drop_;
};

class DropFilterFactory final : public rocksdb::CompactionFilterFactory {
 public:
  explicit DropFilterFactory(std::shared_ptr<DropSlot> slot) : slot_(std::move(slot)) {}
  const char* Name() const override { return "streamview.DropFilterFactory"; }
  std::unique_ptr<rocksdb::CompactionFilter> CreateCompactionFilter(
      const rocksdb::CompactionFilter::Context&) override {
    try {
      DropEntry drop = slot_->ForCompaction();
      if (drop) return std::make_unique<DropFilter>(std::move(drop));
    } catch (...) {
      // No memory: a compaction that drops nothing will do.
    }
    return nullptr;
  }

 private:
  const std::shared_ptr<DropSlot> slot_;
};

}  // namespace

void DropSlot::Set(std::weak_ptr<DropPolicy> policy) {
  MutexLock lock(mutex_);
  policy_ = std::move(policy);
}

void DropSlot::NoteFlushed(uint64_t upto) {
  MutexLock lock(mutex_);
  flushed_ = std::max(flushed_, upto);
}

DropEntry DropSlot::ForCompaction() {
  std::shared_ptr<DropPolicy> policy;
  uint64_t flushed;
  {
    MutexLock lock(mutex_);
    policy = policy_.lock();
    flushed = flushed_;
  }
  return policy ? policy->ForCompaction(flushed) : DropEntry();
}

std::shared_ptr<rocksdb::CompactionFilterFactory> NewDropFilterFactory(
    std::shared_ptr<DropSlot> slot) {
  return std::make_shared<DropFilterFactory>(std::move(slot));
}

void FlushListener::Add(const std::string& family, std::weak_ptr<DropSlot> slot) {
  MutexLock lock(mutex_);
  slots_[family] = std::move(slot);
}

void FlushListener::OnFlushCompleted(rocksdb::DB*, const rocksdb::FlushJobInfo& info) {
  MutexLock lock(mutex_);
  const auto it = slots_.find(info.cf_name);
  if (it == slots_.end()) return;
  if (const std::shared_ptr<DropSlot> slot = it->second.lock()) {
    slot->NoteFlushed(info.largest_seqno);
  } else {
    slots_.erase(it);
  }
}

}  // namespace streamview
