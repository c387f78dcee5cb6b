#include "core/index/row_snapshot.h"

#include <optional>

#include "core/base/check.h"
#include "core/codec/index_entry.h"
#include "core/codec/key_range.h"
#include "core/codec/record.h"
#include "core/index/stored_entries.h"
#include "core/row_cursor.h"
#include "core/storage/rocks.h"

namespace streamview {

namespace {

// The entries of ranges that are not superseded.
class LiveEntries {
 public:
  // `snapshot` must outlive it. It stands nowhere yet.
  explicit LiveEntries(const RowSnapshot& snapshot)
      : snapshot_(snapshot),
        superseded_(snapshot.state().superseded),
        stored_(*snapshot.index(), snapshot.state()),
        met_(snapshot.index(), snapshot.wake()) {}
  // Stands at the first one of a range. REQUIRES: !keys.empty()
  LiveEntries(const RowSnapshot& snapshot, const KeyRange& keys, bool reverse)
      : LiveEntries(snapshot) {
    Seek(keys, reverse);
  }

  // See StoredEntries.
  void Seek(const KeyRange& keys, bool reverse) {
    stored_.Seek(keys, reverse);
    SkipDead();
  }
  void SeekNear(const KeyRange& keys, std::string&& within) {
    stored_.SeekNear(keys, std::move(within));
    SkipDead();
  }

  bool Valid() const { return valid_; }
  void Next() {
    stored_.Next();
    SkipDead();
  }
  const Status& status() const { return status_; }
  // Of the present entry.
  std::string_view key() const { return stored_.key(); }
  std::string_view value() const { return value_; }
  Seq seq() const { return seq_; }
  uint64_t row() const { return row_; }

 private:
  void SkipDead() {
    for (valid_ = false; stored_.Valid(); stored_.Next()) {
      value_ = stored_.value();
      if (!ReadIndexRow(value_, &seq_, &row_)) {
        status_ = snapshot_.NoteDamage("an index entry holds no sequence number");
        return;
      }
      valid_ = !superseded_.Contains(seq_);
      if (valid_) return;
      met_.Note(stored_.key());
    }
    status_ = stored_.status();
  }

  const RowSnapshot& snapshot_;
  const SeqSet& superseded_;
  StoredEntries stored_;
  DeadMet met_;
  bool valid_ = false;
  std::string_view value_;
  Seq seq_ = 0;
  uint64_t row_ = 0;
  Status status_;
};

// What a RowCursor of the snapshot walks: the first rows of a range from the index's cache, where
// it has them, and the others from the index. What is found from the beginning of a range goes to
// the cache. Where it is known how many rows follow, the index is not asked before something of
// one of them is.
class SnapshotRows {
 public:
  SnapshotRows(std::shared_ptr<const RowSnapshot> snapshot, const ViewRange& range)
      : snapshot_(std::move(snapshot)) {
    Begin(range);
  }
  ~SnapshotRows() { Leave(); }
  SnapshotRows(const SnapshotRows&) = delete;
  SnapshotRows& operator=(const SnapshotRows&) = delete;

  bool Restart(const ViewRange& range) {
    if (!status().ok()) return false;
    Leave();
    Begin(range);
    return true;
  }

  bool Valid() const { return valid_; }
  void Next() {
    ++rows_;
    if (is_counted_) {
      valid_ = rows_ < count_;
    } else if (run_ == nullptr) {
      live_->Next();
      AtLive();
    } else {
      ++at_;
      SkipSuperseded();
    }
  }
  Status status() const {
    return !is_counted_ && run_ == nullptr && live_ ? live_->status() : Status::Ok();
  }
  // Finds the present row, which was counted only. It may turn out that it cannot be read: then
  // there is none.
  void Load() {
    if (!is_counted_) return;
    is_counted_ = false;
    counts_ = false;
    Live().Seek(rest_, reverse_);
    for (uint64_t row = rest_begin_; row < rows_ && live_->Valid(); row++) live_->Next();
    valid_ = live_->Valid();
  }
  // Of the present row. REQUIRES: Load() was called
  std::string_view key() const { return run_ != nullptr ? run_->key(at_) : live_->key(); }
  std::string_view value() const { return run_ != nullptr ? run_->value(at_) : live_->value(); }
  Seq seq() const { return run_ != nullptr ? seq_ : live_->seq(); }
  uint64_t row() const { return run_ != nullptr ? row_ : live_->row(); }
  Status Malformed(const std::string& why) {
    recorded_.reset();
    return snapshot_->NoteDamage(why);
  }
  Result<Value> ReadDocument(Seq seq) const { return snapshot_->ReadDocument(seq); }

 private:
  // From so many ranges on, each after the one before it, the next one is taken to come soon.
  static constexpr int kFewAscending = 2;

  void Begin(const ViewRange& range) {
    std::swap(keys_, last_keys_);
    EncodeKeyRange(range.equal, range.lower, range.upper, kFirstIndexKey, &keys_);
    reverse_ = range.reverse;
    valid_ = false;
    is_counted_ = false;
    rows_ = 0;
    counts_ = false;
    if (keys_.empty()) return;
    const bool is_one_key = !range.equal.empty() && !range.lower && !range.upper && !reverse_;
    const bool ascends = is_one_key && keys_.lower > last_keys_.lower;
    ascending_ = ascends ? ascending_ + 1 : 0;
    if (ascending_ > kFewAscending) {
      Live().SeekNear(keys_, EndOfNeighbours(keys_, range.equal.size()));
      return AtLive();
    }
    counts_ = true;
    const bool is_cached = !range.equal.empty();
    if (is_cached) run_ = snapshot_->run_cache().Find(keys_, reverse_, snapshot_->state().version);
    if (run_ != nullptr) {
      at_ = 0;
      return SkipSuperseded();
    }
    if (is_cached) recorded_.emplace();
    BeginIndex(keys_);
  }

  // Goes on in the index, with the rows of `rest`.
  void BeginIndex(const KeyRange& rest) {
    const auto count = snapshot_->count_cache().Find(keys_, snapshot_->seq());
    if (count && *count > rows_) {
      count_ = *count;
      rest_ = rest;
      rest_begin_ = rows_;
      is_counted_ = true;
      valid_ = true;
      recorded_.reset();
      return;
    }
    Live().Seek(rest, reverse_);
    AtLive();
  }

  LiveEntries& Live() {
    if (!live_) live_.emplace(*snapshot_);
    return *live_;
  }

  // Goes on, in the run, to the first row that is not superseded; after its end, in the index.
  void SkipSuperseded() {
    for (; at_ < run_->size(); ++at_) {
      if (!ReadIndexRow(run_->value(at_), &seq_, &row_)) break;  // the index says what is wrong
      valid_ = !snapshot_->state().superseded.Contains(seq_);
      if (valid_) return;
      superseded_met_ = true;
    }
    valid_ = false;
    if (at_ == run_->size() && run_->complete()) return;
    KeyRange rest = keys_;
    if (at_ > 0) {
      const std::string last(run_->key(at_ - 1));
      reverse_ ? rest.upper = last : rest.lower = last + '\0';
    }
    if (!run_->full()) RecordRun();
    run_ = nullptr;
    if (!rest.empty()) BeginIndex(rest);
  }

  // What the run has is found, and there is room for more.
  void RecordRun() {
    recorded_.emplace();
    for (size_t i = 0; i < at_; i++) Record(run_->key(i), run_->value(i));
  }

  void AtLive() {
    valid_ = live_->Valid();
    if (!valid_ && counts_ && live_->status().ok()) {
      snapshot_->count_cache().Insert(keys_, snapshot_->seq(), rows_);
    }
    if (!recorded_) return;
    if (valid_) return Record(live_->key(), live_->value());
    if (!live_->status().ok()) return recorded_.reset();
    recorded_->Complete();
    KeepRecorded();
  }

  void Record(std::string_view key, std::string_view value) {
    try {
      if (recorded_ && !recorded_->Add(key, value)) KeepRecorded();
    } catch (...) {
      recorded_.reset();  // no memory
    }
  }

  void KeepRecorded() noexcept {
    try {
      snapshot_->run_cache().Insert(keys_, reverse_, snapshot_->state().version,
                                    *std::move(recorded_));
    } catch (...) {
      // No memory: the next one reads it again.
    }
    recorded_.reset();
  }

  // Leaves the range.
  void Leave() {
    // The next one reads the index, and tells it what is superseded and still there.
    if (superseded_met_) snapshot_->run_cache().Erase(keys_, reverse_);
    superseded_met_ = false;
    run_ = nullptr;
    if (recorded_) KeepRecorded();
  }

  const std::shared_ptr<const RowSnapshot> snapshot_;
  KeyRange keys_, last_keys_;  // of this range, and of the one before it
  bool reverse_ = false;
  int ascending_ = 0;  // how many ranges, with this one, came after the one before them
  bool valid_ = false;
  std::shared_ptr<const CachedRun> run_;  // where the present row is; null: in the index
  size_t at_ = 0;
  Seq seq_ = 0;  // of the present row in the run
  uint64_t row_ = 0;
  bool superseded_met_ = false;        // in a run
  uint64_t rows_ = 0;                  // that were passed
  bool counts_ = false;                // rows_ are all from the beginning of the range
  bool is_counted_ = false;            // the present row, and those that follow
  uint64_t count_ = 0;                 // where is_counted_: of all rows of the range
  KeyRange rest_;                      // where is_counted_: what had to be read of the index
  uint64_t rest_begin_ = 0;            // the rows before it
  std::optional<LiveEntries> live_;    // once the index was asked
  std::optional<CachedRun> recorded_;  // what was found from the beginning of the range
};

}  // namespace

std::unique_ptr<ViewCursor> RowSnapshot::NewCursor(const ViewRange& range) const {
  return std::make_unique<RowCursor<SnapshotRows>>(index_->definition(), shared_from_this(), range);
}

std::unique_ptr<IndexCursor> RowSnapshot::Scan(const KeyRange& keys, bool reverse) const {
  return std::make_unique<StoredIndexCursor<LiveEntries, RowSnapshot>>(shared_from_this(), keys,
                                                                       reverse);
}

Result<Value> RowSnapshot::ReadDocument(Seq seq) const {
  rocksdb::PinnableSlice record;
  SV_RETURN_IF_ERROR(index_->log().ReadRecord(seq, &record));
  Entry entry;
  SV_RETURN_IF_ERROR(DecodeRecord(ToView(record), seq, &entry));
  return Value(entry.value);
}

}  // namespace streamview
