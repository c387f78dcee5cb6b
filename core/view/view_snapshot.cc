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

int64_t RowId(Seq seq, uint64_t row) {
  static_assert(kMaxEmissionsPerEntry <= 1 << kRowBits);
  return static_cast<int64_t>(seq << kRowBits | row);
}

// The superseded entries that a cursor meets: told to the index when the cursor goes.
class SupersededMet {
 public:
  explicit SupersededMet(const IndexSnapshot& snapshot) : snapshot_(snapshot) {}
  ~SupersededMet() {
    if (count_ == 0) return;
    snapshot_.index()->CountSupersededMet(count_);
    try {
      snapshot_.index()->QueueRepair(std::move(keys_));
      snapshot_.NeedRepair();
    } catch (...) {
      // No memory: whoever meets these entries next tells again.
    }
  }

  // What only the own transaction supersedes may come back.
  void Note(Seq seq, std::string_view key) {
    if (!snapshot_.state().superseded.Contains(seq)) return;
    count_++;
    if (keys_.size() < kMaxRepairsOfOneCursor) keys_.emplace_back(key);
  }

 private:
  const IndexSnapshot& snapshot_;
  uint64_t count_ = 0;
  std::vector<std::string> keys_;
};

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
  // REQUIRES: keys.lower < keys.upper, or no upper end. `keep`: what the cursor finds is kept in
  // the index's cache.
  MergingCursor(std::shared_ptr<const IndexSnapshot> snapshot, KeyRange keys, bool reverse,
                bool keep)
      : snapshot_(std::move(snapshot)),
        reverse_(reverse),
        keys_(std::move(keys)),
        stored_(*snapshot_, keys_, reverse_),
        own_(snapshot_->overlay(), keys_, reverse_),
        decoder_(snapshot_->index()->definition().columns.size(),
                 snapshot_->index()->definition().key_columns),
        keep_(keep),
        met_(*snapshot_) {
    Settle();
  }
  ~MergingCursor() override {
    if (keep_ && status_.ok()) KeepRun();
  }

  bool Valid() const override { return valid_; }
  Status status() const override { return status_; }
  ValueView column(size_t i) override { return decoder_.column(i); }
  ValueView doc_id() override { return decoder_.doc_id(); }
  Seq seq() override { return decoder_.seq(); }
  Result<Value> ReadDocument() override { return snapshot_->ReadDocument(seq()); }
  int64_t row_id() override { return RowId(decoder_.seq(), decoder_.row()); }

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
        if (keep_ && valid_ && !run_.Add(stored_.key(), decoder_)) KeepRun();
        return;
      }
      if (!at_own_) met_.Note(seq, stored_.key());
      at_own_ ? own_.Next() : stored_.Next();
    }
  }

  // Where both have the same key, the stored entry is of a version that the own one supersedes.
  bool OwnComesFirst() const {
    const int order = own_.key().compare(stored_.key());
    return reverse_ ? order > 0 : order < 0;
  }

  void KeepRun() noexcept {
    keep_ = false;
    if (!valid_) run_.Complete();
    try {
      snapshot_->index()->run_cache().Insert(keys_, snapshot_->state().version, std::move(run_));
    } catch (...) {
      // No memory: the next one reads it again.
    }
  }

  const std::shared_ptr<const IndexSnapshot> snapshot_;
  const bool reverse_;
  const KeyRange keys_;
  StoredEntries stored_;
  OverlayEntries own_;
  IndexEntryDecoder decoder_;
  bool at_own_ = false;
  bool valid_ = false;
  bool keep_;
  CachedRun run_;  // the rows so far, where they are to be kept
  SupersededMet met_;
  Status status_;
};

// Walks a range of which the first rows are known.
class RunCursor final : public ViewCursor {
 public:
  RunCursor(std::shared_ptr<const IndexSnapshot> snapshot, KeyRange keys,
            std::shared_ptr<const CachedRun> run)
      : snapshot_(std::move(snapshot)),
        keys_(std::move(keys)),
        run_(std::move(run)),
        met_(*snapshot_) {
    Settle();
  }

  bool Valid() const override { return rest_ != nullptr ? rest_->Valid() : at_ < run_->size(); }
  Status status() const override { return rest_ != nullptr ? rest_->status() : Status::Ok(); }
  void Next() override {
    if (rest_ != nullptr) return rest_->Next();
    ++at_;
    Settle();
  }
  ValueView column(size_t i) override {
    return rest_ != nullptr ? rest_->column(i) : run_->column(at_, i);
  }
  ValueView doc_id() override { return rest_ != nullptr ? rest_->doc_id() : run_->doc_id(at_); }
  Seq seq() override { return rest_ != nullptr ? rest_->seq() : run_->seq(at_); }
  Result<Value> ReadDocument() override { return snapshot_->ReadDocument(seq()); }
  int64_t row_id() override {
    return rest_ != nullptr ? rest_->row_id() : RowId(run_->seq(at_), run_->row(at_));
  }

 private:
  void Settle() {
    for (; at_ < run_->size(); ++at_) {
      if (!snapshot_->IsSuperseded(run_->seq(at_))) return;
      met_.Note(run_->seq(at_), run_->key(at_));
    }
    if (run_->complete()) return;
    KeyRange rest = keys_;
    if (run_->size() > 0) rest.lower = std::string(run_->key(run_->size() - 1)) + '\0';
    rest_ = std::make_unique<MergingCursor>(snapshot_, std::move(rest), /*reverse=*/false,
                                            /*keep=*/false);
  }

  const std::shared_ptr<const IndexSnapshot> snapshot_;
  const KeyRange keys_;
  const std::shared_ptr<const CachedRun> run_;
  size_t at_ = 0;
  SupersededMet met_;
  std::unique_ptr<MergingCursor> rest_;
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
  const bool cacheable = !range.equal.empty() && !range.reverse && overlay_ == nullptr;
  if (cacheable) {
    if (std::shared_ptr<const CachedRun> run = index_->run_cache().Find(keys, state_->version)) {
      return std::make_unique<RunCursor>(shared_from_this(), std::move(keys), std::move(run));
    }
  }
  return std::make_unique<MergingCursor>(shared_from_this(), std::move(keys), range.reverse,
                                         /*keep=*/cacheable);
}

Result<Value> IndexSnapshot::ReadDocument(Seq seq) const {
  const std::string* const own = overlay_ != nullptr ? overlay_->FindRecord(seq) : nullptr;
  rocksdb::PinnableSlice committed;
  if (own == nullptr) SV_RETURN_IF_ERROR(index_->log().ReadRecord(seq, &committed));
  Entry entry;
  SV_RETURN_IF_ERROR(DecodeRecord(own != nullptr ? *own : ToView(committed), seq, &entry));
  return Value(entry.value);
}

}  // namespace streamview
