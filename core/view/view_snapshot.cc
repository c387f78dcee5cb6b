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

// Collects the rows that a cursor finds from the beginning of a range, for the index's cache. What it
// has goes there once it is enough, or when it goes.
class RunRecorder {
 public:
  // `on`: false: it does nothing.
  RunRecorder(const IndexSnapshot& snapshot, const KeyRange& keys, bool on)
      : snapshot_(snapshot), keys_(keys), on_(on) {}
  ~RunRecorder() {
    if (on_) Keep();
  }

  void Add(std::string_view key, const IndexEntryDecoder& row) {
    if (!on_) return;
    try {
      if (!run_.Add(key, row)) Keep();
    } catch (...) {
      on_ = false;  // no memory, and a row that may be there half
    }
  }
  // There are no more rows.
  void Complete() {
    if (!on_) return;
    run_.Complete();
    Keep();
  }
  void Abandon() { on_ = false; }

 private:
  void Keep() noexcept {
    on_ = false;
    try {
      snapshot_.index()->run_cache().Insert(keys_, snapshot_.state().version, std::move(run_));
    } catch (...) {
      // No memory: the next one reads it again.
    }
  }

  const IndexSnapshot& snapshot_;
  const KeyRange& keys_;
  bool on_;
  CachedRun run_;
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
        recorder_(*snapshot_, keys_, keep),
        met_(*snapshot_) {
    Settle();
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
    while (FindEntry()) {
      const std::string_view value = at_own_ ? own_.value() : stored_.value();
      Seq seq;
      if (!ReadIndexSeq(value, &seq)) {
        Fail(Status::Corruption("an index entry holds no sequence number"));
        return;
      }
      if (!snapshot_->IsSuperseded(seq)) {
        Status decoded = decoder_.Reset(at_own_ ? own_.key() : stored_.key(), value);
        if (!decoded.ok()) return Fail(std::move(decoded));
        recorder_.Add(stored_key(), decoder_);
        valid_ = true;
        return;
      }
      if (!at_own_) met_.Note(seq, stored_.key());
      at_own_ ? own_.Next() : stored_.Next();
    }
  }

  // Whether there is an entry: the stored or the own one, as at_own_ says.
  bool FindEntry() {
    if (stored_.Valid()) {
      at_own_ = own_.Valid() && OwnComesFirst();
      return true;
    }
    if (Status status = stored_.status(); !status.ok()) {
      Fail(std::move(status));
      return false;
    }
    at_own_ = true;
    if (!own_.Valid()) recorder_.Complete();
    return own_.Valid();
  }

  void Fail(Status status) {
    status_ = std::move(status);
    recorder_.Abandon();
  }

  // Of what is recorded, which is never an own entry.
  std::string_view stored_key() const { return at_own_ ? std::string_view() : stored_.key(); }

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
  RunRecorder recorder_;
  SupersededMet met_;
  bool at_own_ = false;
  bool valid_ = false;
  Status status_;
};

// Walks a range of which the first rows are known.
class RunCursor final : public ViewCursor {
 public:
  RunCursor(std::shared_ptr<const IndexSnapshot> snapshot, KeyRange keys,
            std::shared_ptr<const CachedRun> run)
      : snapshot_(std::move(snapshot)), keys_(std::move(keys)), run_(std::move(run)) {
    Settle();
  }
  ~RunCursor() override {
    // The next one reads the index, and tells it what is superseded and still there.
    if (superseded_met_) snapshot_->index()->run_cache().Erase(keys_);
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
      superseded_met_ = true;
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
  bool superseded_met_ = false;
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
