#include "core/index/row_snapshot.h"

#include "core/base/check.h"
#include "core/codec/index_entry.h"
#include "core/codec/key_range.h"
#include "core/codec/record.h"
#include "core/index/stored_entries.h"
#include "core/storage/rocks.h"

namespace streamview {

namespace {

// Of a row's id, for its number within the log entry; the rest is the entry's.
constexpr int kRowBits = 17;

int64_t RowId(Seq seq, uint64_t row) {
  static_assert(kMaxEmissionsPerEntry <= 1 << kRowBits);
  return static_cast<int64_t>(seq << kRowBits | row);
}

// Collects the rows that a cursor finds from the beginning of a range, for the index's cache. What
// it has goes there once it is enough, or when it goes.
class RunRecorder {
 public:
  // `on`: false: it does nothing.
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

class MergingCursor final : public ViewCursor {
 public:
  // REQUIRES: keys.lower < keys.upper, or no upper end. `keep`: what the cursor finds is kept in
  // the index's cache.
  MergingCursor(std::shared_ptr<const RowSnapshot> snapshot, KeyRange keys, bool reverse, bool keep)
      : snapshot_(std::move(snapshot)),
        reverse_(reverse),
        keys_(std::move(keys)),
        stored_(*snapshot_->index(), snapshot_->state(), keys_, reverse_),
        own_(snapshot_->own_rows(), keys_, reverse_),
        decoder_(snapshot_->index()->definition().columns.size(),
                 snapshot_->index()->definition().key_columns),
        recorder_(*snapshot_, keys_, keep),
        met_(snapshot_->index(), snapshot_->wake()) {
    SkipDead();
  }

  bool Valid() const override { return valid_; }
  Status status() const override { return status_; }
  ValueView column(size_t i) override {
    SV_REQUIRE(valid_);
    return decoder_.column(i);
  }
  ValueView doc_id() override { return decoder_.doc_id(); }
  Seq seq() override { return decoder_.seq(); }
  Result<Value> ReadDocument() override { return snapshot_->ReadDocument(seq()); }
  int64_t row_id() override { return RowId(decoder_.seq(), decoder_.row()); }

  void Next() override {
    SV_REQUIRE(valid_);
    at_own_ ? own_.Next() : stored_.Next();
    SkipDead();
  }

 private:
  // Goes on from the present entries to the next one that counts.
  void SkipDead() {
    valid_ = false;
    while (FindEntry()) {
      const std::string_view value = at_own_ ? own_.value() : stored_.value();
      Seq seq;
      if (!ReadIndexSeq(value, &seq)) {
        return Malformed("an index entry holds no sequence number");
      }
      if (!snapshot_->IsSuperseded(seq)) {
        Status decoded = decoder_.Reset(at_own_ ? own_.key() : stored_.key(), value);
        if (!decoded.ok()) return Malformed(decoded.message());
        recorder_.Add(stored_key(), decoder_);
        valid_ = true;
        return;
      }
      // What only the own transaction supersedes may come back.
      if (!at_own_ && snapshot_->state().superseded.Contains(seq)) met_.Note(stored_.key());
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

  void Malformed(const std::string& why) { Fail(snapshot_->index()->NoteDamage(why)); }
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

  const std::shared_ptr<const RowSnapshot> snapshot_;
  const bool reverse_;
  const KeyRange keys_;
  StoredEntries stored_;
  OverlayEntries<std::map<std::string, std::string>> own_;
  IndexEntryDecoder decoder_;
  RunRecorder recorder_;
  DeadMet met_;
  bool at_own_ = false;
  bool valid_ = false;
  Status status_;
};

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
      if (!snapshot_->IsSuperseded(run_->seq(at_))) return;
      superseded_met_ = true;
    }
    if (run_->complete()) return;
    KeyRange rest = keys_;
    if (run_->size() > 0) rest.lower = std::string(run_->key(run_->size() - 1)) + '\0';
    rest_ = std::make_unique<MergingCursor>(snapshot_, std::move(rest), /*reverse=*/false,
                                            /*keep=*/false);
  }

  const std::shared_ptr<const RowSnapshot> snapshot_;
  const KeyRange keys_;
  const std::shared_ptr<const CachedRun> run_;
  size_t at_ = 0;
  bool superseded_met_ = false;
  std::unique_ptr<MergingCursor> rest_;
};

}  // namespace

std::unique_ptr<ViewCursor> RowSnapshot::NewCursor(const ViewRange& range) const {
  KeyRange keys = EncodeKeyRange(range.equal, range.lower, range.upper, kFirstIndexKey);
  if (keys.empty()) return std::make_unique<EmptyCursor>();
  const bool cacheable = !range.equal.empty() && !range.reverse && overlay_ == nullptr;
  if (cacheable) {
    if (std::shared_ptr<const CachedRun> run = run_cache_->Find(keys, state_->version)) {
      return std::make_unique<RunCursor>(shared_from_this(), std::move(keys), std::move(run));
    }
  }
  return std::make_unique<MergingCursor>(shared_from_this(), std::move(keys), range.reverse,
                                         /*keep=*/cacheable);
}

Result<Value> RowSnapshot::ReadDocument(Seq seq) const {
  const std::string* const own = overlay_ != nullptr ? overlay_->FindRecord(seq) : nullptr;
  rocksdb::PinnableSlice committed;
  if (own == nullptr) SV_RETURN_IF_ERROR(index_->log().ReadRecord(seq, &committed));
  Entry entry;
  SV_RETURN_IF_ERROR(DecodeRecord(own != nullptr ? *own : ToView(committed), seq, &entry));
  return Value(entry.value);
}

}  // namespace streamview
