#include "core/view/view_snapshot.h"

#include "core/codec/index_entry.h"
#include "core/codec/key_range.h"
#include "core/codec/record.h"
#include "core/storage/rocks.h"

namespace streamview {

namespace {

// Of a row's id, for its number within the log entry; the rest is the entry's.
constexpr int kRowBits = 17;
constexpr size_t kMaxRepairsOfOneCursor = 1024;

// Walks the stored entries of a range in either direction.
class StoredEntries {
 public:
  StoredEntries(const IndexSnapshot& snapshot, const KeyRange& keys, bool reverse)
      : lower_(keys.lower), upper_(keys.upper), reverse_(reverse) {
    rocksdb::ReadOptions options;
    options.snapshot = snapshot.state().snapshot.get();
    options.iterate_lower_bound = &lower_;
    if (!keys.upper.empty()) options.iterate_upper_bound = &upper_;
    ViewIndex* const index = snapshot.index();
    it_.reset(index->db()->NewIterator(options, index->family()->handle()));
    if (reverse_) {
      it_->SeekToLast();
    } else {
      it_->SeekToFirst();
    }
  }
  bool Valid() const { return it_->Valid(); }
  void Next() { reverse_ ? it_->Prev() : it_->Next(); }
  std::string_view key() const { return ToView(it_->key()); }
  std::string_view value() const { return ToView(it_->value()); }
  Status status() const { return FromRocks(it_->status(), "reading an index"); }

 private:
  const rocksdb::Slice lower_, upper_;  // the iterator points to them
  const bool reverse_;
  std::unique_ptr<rocksdb::Iterator> it_;
};

// The same for an overlay's entries.
class OverlayEntries {
 public:
  OverlayEntries(const Overlay* overlay, const KeyRange& keys, bool reverse) : reverse_(reverse) {
    if (overlay == nullptr) return;
    const auto& rows = overlay->rows();
    begin_ = rows.lower_bound(keys.lower);
    end_ = keys.upper.empty() ? rows.end() : rows.lower_bound(keys.upper);
  }
  bool Valid() const { return begin_ != end_; }
  void Next() {
    if (reverse_) {
      --end_;
    } else {
      ++begin_;
    }
  }
  std::string_view key() const { return Current()->first; }
  std::string_view value() const { return Current()->second; }

 private:
  using Iterator = std::map<std::string, std::string>::const_iterator;
  Iterator Current() const { return reverse_ ? std::prev(end_) : begin_; }

  const bool reverse_;
  Iterator begin_{}, end_{};
};

class MergingCursor final : public ViewCursor {
 public:
  // REQUIRES: keys.lower < keys.upper, or no upper end
  MergingCursor(std::shared_ptr<const IndexSnapshot> snapshot, KeyRange keys, bool reverse)
      : snapshot_(std::move(snapshot)),
        reverse_(reverse),
        keys_(std::move(keys)),
        stored_(*snapshot_, keys_, reverse_),
        own_(snapshot_->overlay(), keys_, reverse_),
        decoder_(snapshot_->index()->definition().columns.size(),
                 snapshot_->index()->definition().key_columns) {
    Settle();
  }
  ~MergingCursor() override {
    if (superseded_met_ == 0) return;
    snapshot_->index()->CountSupersededMet(superseded_met_);
    try {
      snapshot_->index()->QueueRepair(std::move(repairs_));
      snapshot_->NeedRepair();
    } catch (...) {
      // No memory: whoever meets these entries next tells again.
    }
  }

  bool Valid() const override { return valid_; }
  Status status() const override { return status_; }
  ValueView column(size_t i) override { return decoder_.column(i); }
  ValueView doc_id() override { return decoder_.doc_id(); }
  Seq seq() override { return decoder_.seq(); }
  Result<Value> ReadDocument() override {
    const Overlay* const overlay = snapshot_->overlay();
    const std::string* const own = overlay != nullptr ? overlay->FindRecord(seq()) : nullptr;
    rocksdb::PinnableSlice committed;
    if (own == nullptr) {
      SV_RETURN_IF_ERROR(snapshot_->index()->log().ReadRecord(seq(), &committed));
    }
    Entry entry;
    SV_RETURN_IF_ERROR(DecodeRecord(own != nullptr ? *own : ToView(committed), seq(), &entry));
    return Value(entry.value);
  }
  int64_t row_id() override {
    static_assert(kMaxEmissionsPerEntry <= 1 << kRowBits);
    return static_cast<int64_t>(decoder_.seq() << kRowBits | decoder_.row());
  }

  void Next() override {
    at_own_ ? own_.Next() : stored_.Next();
    Settle();
  }

 private:
  // Goes on from the present entries to the next one that counts.
  void Settle() {
    valid_ = false;
    for (;;) {
      if (!stored_.Valid()) {
        status_ = stored_.status();
        if (!status_.ok() || !own_.Valid()) return;
        at_own_ = true;
      } else {
        at_own_ = own_.Valid() && OwnComesFirst();
      }
      const std::string_view value = at_own_ ? own_.value() : stored_.value();
      Seq seq;
      if (!ReadIndexSeq(value, &seq)) {
        status_ = Status::Corruption("an index entry holds no sequence number");
        return;
      }
      if (!snapshot_->IsSuperseded(seq)) {
        status_ = decoder_.Reset(at_own_ ? own_.key() : stored_.key(), value);
        valid_ = status_.ok();
        return;
      }
      if (!at_own_) NoteSuperseded(seq);
      at_own_ ? own_.Next() : stored_.Next();
    }
  }

  // What only the own transaction supersedes may come back.
  void NoteSuperseded(Seq seq) {
    if (!snapshot_->state().superseded.Contains(seq)) return;
    superseded_met_++;
    if (repairs_.size() < kMaxRepairsOfOneCursor) repairs_.emplace_back(stored_.key());
  }

  // Where both have the same key, the stored entry is of a version that the own one supersedes.
  bool OwnComesFirst() const {
    const int order = own_.key().compare(stored_.key());
    return reverse_ ? order > 0 : order < 0;
  }

  const std::shared_ptr<const IndexSnapshot> snapshot_;
  const bool reverse_;
  const KeyRange keys_;
  StoredEntries stored_;
  OverlayEntries own_;
  IndexEntryDecoder decoder_;
  bool at_own_ = false;
  bool valid_ = false;
  uint64_t superseded_met_ = 0;
  std::vector<std::string> repairs_;
  Status status_;
};

// A range of which the bounds have crossed.
class EmptyCursor final : public ViewCursor {
 public:
  bool Valid() const override { return false; }
  void Next() override {}
  Status status() const override { return Status::Ok(); }
  ValueView column(size_t) override { return ValueView::Null(); }
  ValueView doc_id() override { return ValueView::Null(); }
  Seq seq() override { return 0; }
  Result<Value> ReadDocument() override { return Value(); }
  int64_t row_id() override { return 0; }
};

}  // namespace

std::unique_ptr<ViewCursor> IndexSnapshot::NewCursor(const ViewRange& range) const {
  KeyRange keys = EncodeKeyRange(range.equal, range.lower, range.upper, kFirstIndexKey);
  if (keys.empty()) return std::make_unique<EmptyCursor>();
  return std::make_unique<MergingCursor>(shared_from_this(), std::move(keys), range.reverse);
}

}  // namespace streamview
