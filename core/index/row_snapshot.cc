#include "core/index/row_snapshot.h"

#include "core/base/check.h"
#include "core/codec/index_entry.h"
#include "core/codec/key_range.h"
#include "core/codec/record.h"
#include "core/index/stored_entries.h"
#include "core/row_cursor.h"
#include "core/storage/rocks.h"

namespace streamview {

namespace {

// Collects the rows that a cursor finds from the beginning of a range, for the index's cache. What
// it has goes there once it is enough, or when it goes.
class RunRecorder {
 public:
  // Both must outlive it. `on`: false: it does nothing.
  RunRecorder(const RowSnapshot& snapshot, const KeyRange& keys, bool on)
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
      snapshot_.run_cache().Insert(keys_, snapshot_.state().version, std::move(run_));
    } catch (...) {
      // No memory: the next one reads it again.
    }
  }

  const RowSnapshot& snapshot_;
  const KeyRange& keys_;
  bool on_;
  CachedRun run_;
};

// The entries of a range that are not superseded.
class LiveEntries {
 public:
  // `snapshot` must outlive it. REQUIRES: !keys.empty()
  LiveEntries(const RowSnapshot& snapshot, KeyRange keys, bool reverse)
      : snapshot_(snapshot),
        keys_(std::move(keys)),
        stored_(*snapshot.index(), snapshot.state(), keys_, reverse),
        met_(snapshot.index(), snapshot.wake()) {
    SkipDead();
  }

  bool Valid() const { return valid_; }
  void Next() {
    stored_.Next();
    SkipDead();
  }
  const Status& status() const { return status_; }
  std::string_view key() const { return key_; }
  std::string_view value() const { return value_; }
  const KeyRange& keys() const { return keys_; }

 private:
  void SkipDead() {
    for (valid_ = false; stored_.Valid(); stored_.Next()) {
      key_ = stored_.key();
      value_ = stored_.value();
      Seq seq;
      if (!ReadIndexSeq(value_, &seq)) {
        status_ = snapshot_.NoteDamage("an index entry holds no sequence number");
        return;
      }
      valid_ = !snapshot_.state().superseded.Contains(seq);
      if (valid_) return;
      met_.Note(key_);
    }
    status_ = stored_.status();
  }

  const RowSnapshot& snapshot_;
  const KeyRange keys_;
  StoredEntries stored_;
  DeadMet met_;
  bool valid_ = false;
  std::string_view key_, value_;  // of the present entry
  Status status_;
};

// What a RowCursor of the snapshot walks.
class RecordedEntries {
 public:
  // `keep`: what is found is kept in the index's cache.
  RecordedEntries(std::shared_ptr<const RowSnapshot> snapshot, KeyRange keys, bool reverse,
                  bool keep)
      : snapshot_(std::move(snapshot)),
        live_(*snapshot_, std::move(keys), reverse),
        recorder_(*snapshot_, live_.keys(), keep) {
    SettleRecorder();
  }

  bool Valid() const { return live_.Valid(); }
  void Next() {
    live_.Next();
    SettleRecorder();
  }
  const Status& status() const { return live_.status(); }
  std::string_view key() const { return live_.key(); }
  std::string_view value() const { return live_.value(); }
  void Decoded(const IndexEntryDecoder& row) { recorder_.Add(live_.key(), row); }
  Status Malformed(const std::string& why) {
    recorder_.Abandon();
    return snapshot_->NoteDamage(why);
  }
  Result<Value> ReadDocument(Seq seq) const { return snapshot_->ReadDocument(seq); }

 private:
  void SettleRecorder() {
    if (live_.Valid()) return;
    live_.status().ok() ? recorder_.Complete() : recorder_.Abandon();
  }

  const std::shared_ptr<const RowSnapshot> snapshot_;
  LiveEntries live_;
  RunRecorder recorder_;
};

using StoredRowCursor = RowCursor<RecordedEntries>;

std::unique_ptr<StoredRowCursor> NewStoredCursor(const std::shared_ptr<const RowSnapshot>& snapshot,
                                                 KeyRange keys, bool reverse, bool keep) {
  return std::make_unique<StoredRowCursor>(snapshot->index()->definition(), snapshot,
                                           std::move(keys), reverse, keep);
}

// Walks a range of which the first rows are known.
class RunCursor final : public ViewCursor {
 public:
  RunCursor(std::shared_ptr<const RowSnapshot> snapshot, KeyRange keys,
            std::shared_ptr<const CachedRun> run)
      : snapshot_(std::move(snapshot)), keys_(std::move(keys)), run_(std::move(run)) {
    SkipSuperseded();
  }
  ~RunCursor() override {
    // The next one reads the index, and tells it what is superseded and still there.
    if (superseded_met_) snapshot_->run_cache().Erase(keys_);
  }

  bool Valid() const override { return rest_ != nullptr ? rest_->Valid() : at_ < run_->size(); }
  Status status() const override { return rest_ != nullptr ? rest_->status() : Status::Ok(); }
  void Next() override {
    SV_REQUIRE(Valid());
    if (rest_ != nullptr) return rest_->Next();
    ++at_;
    SkipSuperseded();
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
  void SkipSuperseded() {
    for (; at_ < run_->size(); ++at_) {
      if (!snapshot_->state().superseded.Contains(run_->seq(at_))) return;
      superseded_met_ = true;
    }
    if (run_->complete()) return;
    KeyRange rest = keys_;
    if (run_->size() > 0) rest.lower = std::string(run_->key(run_->size() - 1)) + '\0';
    rest_ = NewStoredCursor(snapshot_, std::move(rest), /*reverse=*/false, /*keep=*/false);
  }

  const std::shared_ptr<const RowSnapshot> snapshot_;
  const KeyRange keys_;
  const std::shared_ptr<const CachedRun> run_;
  size_t at_ = 0;
  bool superseded_met_ = false;
  std::unique_ptr<StoredRowCursor> rest_;
};

}  // namespace

std::unique_ptr<ViewCursor> RowSnapshot::NewCursor(const ViewRange& range) const {
  KeyRange keys = EncodeKeyRange(range.equal, range.lower, range.upper, kFirstIndexKey);
  if (keys.empty()) return std::make_unique<EmptyCursor>();
  const bool cacheable = !range.equal.empty() && !range.reverse;
  if (cacheable) {
    if (std::shared_ptr<const CachedRun> run = run_cache_->Find(keys, state_->version)) {
      return std::make_unique<RunCursor>(shared_from_this(), std::move(keys), std::move(run));
    }
  }
  return NewStoredCursor(shared_from_this(), std::move(keys), range.reverse, /*keep=*/cacheable);
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
