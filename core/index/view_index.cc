#include "core/index/view_index.h"

#include <algorithm>

#include "core/codec/index_entry.h"
#include "core/codec/varint.h"
#include "core/index/map_errors.h"
#include "core/log/batch_reader.h"
#include "core/map/row_builder.h"
#include "core/storage/family_write.h"
#include "core/storage/rocks.h"

namespace streamview {

namespace {

// The key spaces of a view's column family (docs/format.md).
constexpr char kCheckpointKey[] = "\0checkpoint";
constexpr char kDefinitionKey[] = "\0definition";
constexpr char kFailureKey[] = "\0failure";
constexpr char kReadableFromKey[] = "\0readable_from";
const rocksdb::Slice kCheckpoint(kCheckpointKey, sizeof(kCheckpointKey) - 1);
const rocksdb::Slice kReadableFrom(kReadableFromKey, sizeof(kReadableFromKey) - 1);
const rocksdb::Slice kDefinition(kDefinitionKey, sizeof(kDefinitionKey) - 1);
const rocksdb::Slice kFailure(kFailureKey, sizeof(kFailureKey) - 1);

// How long one Apply may take before others get the turn; one slow entry may exceed it.
constexpr std::chrono::milliseconds kSlice{20};
// Up to so many entries are counted when status is asked for.
constexpr uint64_t kMaxCounted = 100'000;
constexpr std::chrono::seconds kIdle{1};
constexpr size_t kMaxRepairs = 4096;

std::string VarintBytes(uint64_t v) {
  std::string bytes;
  AppendVarint(&bytes, v);
  return bytes;
}

}  // namespace

// What is going to be written.
struct ViewIndex::Pending {
  Pending(std::unique_ptr<IndexChange> content, MemoryBudget* budget)
      : change(std::move(content)), run(budget) {}

  // Notes that the map failed on an entry. Returns false where the index halts there.
  bool AddError(const Entry& entry, const std::string& why, OnError on_error) {
    errors.emplace_back(entry.seq, MapErrorValue(DocId(entry), why));
    error_bytes += errors.back().second.size() + sizeof(errors.back());
    last_error = AtEntry(entry, why);
    if (on_error == OnError::kStop) failure = last_error;
    return on_error == OnError::kSkip;
  }

  bool HasError(Seq seq) const {
    const auto found = std::lower_bound(errors.begin(), errors.end(), seq,
                                        [](const auto& e, Seq wanted) { return e.first < wanted; });
    return found != errors.end() && found->first == seq;
  }

  std::unique_ptr<IndexChange> change;
  PendingRun run;
  std::vector<Seq> superseded;                      // log entries
  std::vector<std::pair<Seq, std::string>> errors;  // ascending; doc_id and message as stored
  size_t error_bytes = 0;
  std::string last_error;
  std::string failure;  // as stored; empty: none
};

ViewIndex::~ViewIndex() = default;

ViewIndex::ViewIndex(Log* log, DocIndex* docs, std::shared_ptr<ColumnFamily> family,
                     const ViewDefinition& definition, Result<std::unique_ptr<Mapper>> mapper,
                     std::unique_ptr<IndexKind> kind)
    : log_(log),
      docs_(docs),
      store_(docs_->store()),
      family_(std::move(family)),
      definition_(definition),
      fingerprint_(definition.Fingerprint()),
      can_advance_(mapper.status()),
      mapper_(mapper.ok() ? *std::move(mapper) : nullptr),
      kind_(std::move(kind)) {}

Result<std::shared_ptr<ViewIndex>> ViewIndex::Open(Log* log, DocIndex* docs,
                                                   std::shared_ptr<ColumnFamily> family,
                                                   const ViewDefinition& definition,
                                                   Result<std::unique_ptr<Mapper>> mapper,
                                                   std::unique_ptr<IndexKind> kind) {
  std::shared_ptr<ViewIndex> index(
      new ViewIndex(log, docs, std::move(family), definition, std::move(mapper), std::move(kind)));
  SV_RETURN_IF_ERROR(index->Recover());
  if (DropSlot* const slot = index->family_->drop_slot()) {
    slot->Set(index);
    slot->NoteFlushed(
        index->state()->snapshot->GetSequenceNumber());  // all of it was found on disk
  }
  return index;
}

namespace {

std::string Reading(const ColumnFamily& family) { return "reading " + family.name(); }

// The value of a key of the metadata; empty: there is none.
Result<std::string> ReadMetadata(DerivedStore* store, const ColumnFamily& family,
                                 const rocksdb::Slice& key) {
  std::string bytes;
  const rocksdb::Status read =
      store->db()->Get(rocksdb::ReadOptions(), family.handle(), key, &bytes);
  if (!read.IsNotFound()) SV_RETURN_IF_ERROR(family.CheckRead(read, Reading(family)));
  return bytes;
}

}  // namespace

Result<ViewIndex::Coverage> ViewIndex::ReadCoverage(DerivedStore* store,
                                                    const ColumnFamily& family) {
  Coverage coverage;
  SV_ASSIGN_OR_RETURN(const std::string checkpoint, ReadMetadata(store, family, kCheckpoint));
  SV_ASSIGN_OR_RETURN(const std::string from, ReadMetadata(store, family, kReadableFrom));
  std::string_view rest = from;
  const bool fits = (checkpoint.empty() || ReadCheckpoint(checkpoint, &coverage.checkpoint)) &&
                    (from.empty() || (ReadVarint(&rest, &coverage.readable_from) && rest.empty()));
  if (fits) return coverage;
  return family.NoteDamage("the checkpoint of " + family.name() + " is malformed");
}

Status ViewIndex::CheckRead(const rocksdb::Status& read) const {
  return read.ok() ? Status::Ok() : family_->CheckRead(read, Reading(*family_));
}

Status ViewIndex::NoteDamage(std::string_view what) const {
  return family_->NoteDamage(std::string(what) + " in " + family_->name());
}

Status ViewIndex::Recover() {
  auto state = std::make_shared<State>();
  SV_ASSIGN_OR_RETURN(const Coverage coverage, ReadCoverage(store_, *family_));
  state->seq = coverage.checkpoint.seq;
  SV_ASSIGN_OR_RETURN(const std::string fingerprint, ReadMetadata(store_, *family_, kDefinition));
  if (state->seq > 0 && fingerprint != fingerprint_) {
    return NoteDamage("an index of another definition of the view");
  }
  readable_from_ = coverage.readable_from;
  SV_RETURN_IF_ERROR(docs_->AddSuperseded(0, readable_from_, &obsolete_));
  SV_RETURN_IF_ERROR(docs_->AddSuperseded(0, state->seq, &state->superseded));
  SV_RETURN_IF_ERROR(RecoverErrors(state.get()));
  if (state->seq > 0) {
    SV_ASSIGN_OR_RETURN(const bool continues, log_->Continues(state->seq));
    if (continues) settled_from_ = state->seq + 1;
  }
  working_ = state;
  progress_ = state->seq;
  Publish(std::move(state));
  return Status::Ok();
}

Status ViewIndex::RecoverErrors(State* state) const {
  rocksdb::PinnableSlice failure;
  const rocksdb::Status read =
      db()->Get(rocksdb::ReadOptions(), family_->handle(), kFailure, &failure);
  if (read.ok()) {
    state->failure = Status::Failed(failure.ToString());
    state->last_error = failure.ToString();
  } else if (!read.IsNotFound()) {
    return CheckRead(read);
  }
  std::vector<Seq> errors;
  MapErrorReader reader(db(), *family_, /*snapshot=*/nullptr, /*after=*/0);
  for (MapError error;;) {
    SV_ASSIGN_OR_RETURN(const bool found, reader.Next(&error));
    if (!found) break;
    if (error.seq > log_->head()) {
      return NoteDamage("there is an error past the log's end");
    }
    errors.push_back(error.seq);
    if (state->failure.ok()) state->last_error = AtEntry(error.seq, error.doc_id, error.message);
  }
  state->errors = SeqSet().With(errors);
  return Status::Ok();
}

std::shared_ptr<const ViewIndex::State> ViewIndex::state() const {
  MutexLock lock(mutex_);
  return state_;
}

void ViewIndex::Publish(std::shared_ptr<State> state) {
  state->snapshot = TakeSnapshot(db());
  state->version = next_version_++;
  std::shared_ptr<const State> old;  // released after the lock: it may be the last of its snapshot
  horizon_.Add(state, state->seq, state->superseded, state->snapshot->GetSequenceNumber());
  MutexLock lock(mutex_);
  old = std::exchange(state_, std::move(state));
}

void ViewIndex::NoteProgress(Seq upto) {
  const auto now = WaitOptions::Clock::now();
  MutexLock lock(mutex_);
  if (now - last_advance_ > kIdle) {
    run_start_ = now;
    run_start_seq_ = upto;
  }
  last_advance_ = now;
  progress_.store(upto, std::memory_order_release);
}

void ViewIndex::PublishAgain() {
  // In the middle of a transaction a new snapshot would show a part of it.
  if (working_->seq != state()->seq) return;
  // The old one must go: its snapshot holds on to all that was deleted since.
  working_ = std::make_shared<State>(*state());
  Publish(working_);
}

DropEntry ViewIndex::ForCompaction(uint64_t flushed) {
  const std::shared_ptr<const SeqSet> superseded = horizon_.Droppable(flushed);
  if (superseded == nullptr) return DropEntry();
  DropEntry dead = kind_->Dead(*superseded);
  if (!dead) return dead;
  return [dead = std::move(dead)](std::string_view key, std::string_view value) {
    return key >= kFirstIndexKey && dead(key, value);
  };
}

void ViewIndex::QueueRepair(std::vector<std::string> keys) {
  MutexLock lock(mutex_);
  for (std::string& key : keys) {
    if (repairs_.size() >= kMaxRepairs) return;
    repairs_.push_back(std::move(key));
  }
}

bool ViewIndex::NeedsRepair() const {
  MutexLock lock(mutex_);
  return !repairs_.empty();
}

Status ViewIndex::Repair() {
  SV_REQUIRE(turn_.IsTaken());
  std::vector<std::string> keys;
  {
    MutexLock lock(mutex_);
    keys.swap(repairs_);
  }
  return DeleteDead(keys);
}

Status ViewIndex::DeleteDead(const std::vector<std::string>& keys) {
  if (retired() || keys.empty()) return Status::Ok();
  const DropEntry dead = kind_->Dead(state()->superseded);
  if (!dead) return Status::Ok();
  rocksdb::WriteBatch deletes;
  rocksdb::PinnableSlice value;
  for (const std::string& key : keys) {
    value.Reset();
    const rocksdb::Status read = db()->Get(rocksdb::ReadOptions(), family_->handle(), key, &value);
    if (read.IsNotFound()) continue;
    SV_RETURN_IF_ERROR(CheckRead(read));
    if (!dead(key, ToView(value))) continue;
    SV_RETURN_IF_ERROR(
        FromRocks(deletes.Delete(family_->handle(), key), "writing " + family_->name()));
  }
  if (deletes.Count() == 0) return Status::Ok();
  SV_RETURN_IF_ERROR(store_->Write(&deletes));
  PublishAgain();
  return Status::Ok();
}

Status ViewIndex::Refresh(const WaitOptions& wait) {
  SV_RETURN_IF_ERROR(turn_.Take(wait));
  TurnHolder holder(turn_);
  if (!retired()) PublishAgain();
  return Status::Ok();
}

Status ViewIndex::Sweep(const WaitOptions& wait) {
  const std::shared_ptr<const State> now = state();
  const DropEntry dead = kind_->Dead(now->superseded);
  if (!dead) return Status::Ok();
  rocksdb::ReadOptions options;
  options.snapshot = now->snapshot.get();
  options.fill_cache = false;
  std::unique_ptr<rocksdb::Iterator> it(db()->NewIterator(options, family_->handle()));
  std::vector<std::string> keys;
  it->Seek(ToSlice(kFirstIndexKey));
  while (it->Valid()) {
    for (size_t n = 0; it->Valid() && n < kMaxRepairs; it->Next(), n++) {
      if (dead(ToView(it->key()), ToView(it->value()))) keys.push_back(it->key().ToString());
    }
    SV_RETURN_IF_ERROR(wait.CheckInterrupted());
    SV_RETURN_IF_ERROR(turn_.Take(wait));
    TurnHolder holder(turn_);
    SV_RETURN_IF_ERROR(DeleteDead(keys));
    keys.clear();
  }
  return CheckRead(it->status());
}

void ViewIndex::NoteBackground(const Status& status) {
  MutexLock lock(mutex_);
  background_status_ = status;
}

Status ViewIndex::background_status() const {
  MutexLock lock(mutex_);
  return background_status_;
}

double ViewIndex::Rate() const {
  const auto now = WaitOptions::Clock::now();
  MutexLock lock(mutex_);
  const std::chrono::duration<double> run = last_advance_ - run_start_;
  if (now - last_advance_ > kIdle || run.count() <= 0) return 0;
  const Seq now_at = progress();
  return static_cast<double>(now_at - std::min(now_at, run_start_seq_)) / run.count();
}

Status ViewIndex::SkipObsolete() {
  readable_from_ = docs_->checkpoint();
  SV_RETURN_IF_ERROR(docs_->AddSuperseded(0, readable_from_, &obsolete_));
  rocksdb::WriteBatch batch;
  SV_RETURN_IF_ERROR(
      FromRocks(batch.Put(family_->handle(), kReadableFrom, VarintBytes(readable_from_)),
                "writing " + family_->name()));
  return store_->Write(&batch);
}

Status ViewIndex::AdvanceTo(Seq seq, const WaitOptions& wait) {
  SV_REQUIRE(seq <= log_->head());
  for (bool stepped = false;; stepped = true) {
    const std::shared_ptr<const State> now = state();
    if (now->seq >= seq || !now->failure.ok() || retired()) return Status::Ok();
    SV_RETURN_IF_ERROR(can_advance_);
    // Asking costs about as much as the step that reads a write of one's own.
    if (stepped) SV_RETURN_IF_ERROR(wait.CheckInterrupted());
    SV_RETURN_IF_ERROR(turn_.Take(wait));
    TurnHolder holder(turn_);
    if (wait.Expired()) return Status::TimedOut();
    SV_RETURN_IF_ERROR(Step(seq));
  }
}

Status ViewIndex::Step(Seq seq) {
  const Seq from = progress();
  if (state()->seq >= seq || !working_->failure.ok() || retired()) return Status::Ok();
  if (from >= seq && pending_ != nullptr && pending_ends_) return CommitPending();
  // Past `seq` only for the end of its transaction; the head ends one.
  const Seq last = from < seq ? seq : log_->head();
  if (from >= last) return Status::Ok();
  SV_ASSIGN_OR_RETURN(const SharedBatch batch, docs_->batches().Read(from + 1, last));
  SV_RETURN_IF_ERROR(docs_->AdvanceOver(*batch));
  return Apply(*batch);
}

Status ViewIndex::Apply(const EntryBatch& batch) {
  SV_REQUIRE(turn_.IsTaken() && can_advance_.ok());
  const Seq from = progress();
  if (retired() || !working_->failure.ok()) return Status::Ok();
  if (batch.empty() || batch.first() > from + 1 || batch.last() <= from) return Status::Ok();
  try {
    if (pending_ == nullptr) {
      pending_ = std::make_unique<Pending>(kind_->NewChange(this), &store_->building_memory());
    }
    const Status mapped = MapBatch(batch, from);
    const Seq upto = progress();
    pending_->run.Set(upto - working_->seq, pending_->change->bytes() + pending_->error_bytes);
    const bool may_wait =
        mapped.ok() && pending_->failure.empty() && pending_->run.MayGrow(log_->head() - upto);
    if (may_wait || (upto == working_->seq && pending_->failure.empty())) return mapped;
    const Status written = CommitPending();
    return mapped.ok() ? written : mapped;
  } catch (...) {
    ForgetPending();  // an entry may be in it half
    throw;
  }
}

// Whether the entry, which was processed, has added something to the index or may have.
bool ViewIndex::Counts(Seq seq) const {
  return !obsolete_.Contains(seq) && !working_->errors.Contains(seq) && !pending_->HasError(seq);
}

// Adds the batch's entries after `from` to what is pending. An error is one that passes.
Status ViewIndex::MapBatch(const EntryBatch& batch, Seq from) {
  const auto slice_end = WaitOptions::Clock::now() + kSlice;
  std::vector<Supersession> supersessions;
  SV_RETURN_IF_ERROR(docs_->ListSupersessions(from, batch.last(), &supersessions));
  auto next = supersessions.cbegin();
  Seq upto = from;
  Status passing;
  for (size_t i = from + 1 - batch.first(); i < batch.entries().size(); i++) {
    const Entry& entry = batch.entries()[i];
    const bool supersedes = next != supersessions.cend() && next->by == entry.seq;
    if (!obsolete_.Contains(entry.seq)) {
      const Seq withdrawn = supersedes && Counts(next->superseded) ? next->superseded : 0;
      std::string why;
      const Result<bool> mapped = pending_->change->TakeIn(entry, withdrawn, &why);
      if (!mapped.ok()) {
        passing = mapped.status();
        break;
      }
      if (!*mapped && !pending_->AddError(entry, why, definition_.on_error)) break;
    }
    if (supersedes) pending_->superseded.push_back((next++)->superseded);
    upto = entry.seq;
    if (WaitOptions::Clock::now() > slice_end) break;
  }
  if (upto > from) {
    pending_ends_ = !batch.entries()[upto - batch.first()].continues;
    NoteProgress(upto);
  }
  return passing;
}

Status ViewIndex::CommitPending() {
  try {
    const Status status = WritePending();
    ForgetPending();  // which is written now, or is not
    return status;
  } catch (...) {
    ForgetPending();
    throw;
  }
}

void ViewIndex::ForgetPending() {
  pending_.reset();
  progress_.store(working_->seq, std::memory_order_release);
}

Status ViewIndex::Write() {
  SV_RETURN_IF_ERROR(turn_.Take(WaitOptions()));
  TurnHolder holder(turn_);
  return pending_ == nullptr || retired() ? Status::Ok() : CommitPending();
}

Status ViewIndex::Flush() {
  SV_RETURN_IF_ERROR(Write());
  return store_->Flush(family_->handle());
}

Status ViewIndex::Close() {
  SV_RETURN_IF_ERROR(Write());
  // That it has stopped must be seen at once.
  if (!state()->failure.ok()) return store_->Flush(family_->handle());
  return store_->FlushUnlessLittle(*family_);
}

Status ViewIndex::WritePending() {
  const State& old = *working_;
  const Seq upto = progress();
  auto state = std::make_shared<State>();
  state->seq = upto;
  state->version = next_version_;
  state->superseded = old.superseded;
  if (!pending_->superseded.empty()) {
    state->superseded = old.superseded.With(pending_->superseded);
  }
  state->last_error = pending_->last_error.empty() ? old.last_error : pending_->last_error;
  if (!pending_->failure.empty()) {
    state->failure = Status::Failed(pending_->failure);
    state->last_error = pending_->failure;
  }

  FamilyWrite write(store_, family_->handle(), pending_->change->keys());
  std::string checkpoint;
  AppendCheckpoint(&checkpoint, {log_->epoch(), upto});
  write.Put(ToView(kCheckpoint), checkpoint);
  if (old.seq == 0) write.Put(ToView(kDefinition), fingerprint_);
  if (!pending_->failure.empty()) write.Put(ToView(kFailure), pending_->failure);
  WriteErrors(old, state.get(), &write);
  pending_->change->Write(*state, &write);
  SV_RETURN_IF_ERROR(write.Commit());
  const bool ends = pending_ends_ || upto == old.seq;
  working_ = state;
  // Readers see whole transactions; a failure, at once.
  if (ends || !state->failure.ok()) Publish(std::move(state));
  return Status::Ok();
}

// The entries that the map failed on and that count.
void ViewIndex::WriteErrors(const State& old, State* state, FamilyWrite* write) const {
  std::vector<Seq> added, gone;
  for (Seq seq : pending_->superseded) {
    if (old.errors.Contains(seq)) gone.push_back(seq);
  }
  std::sort(gone.begin(), gone.end());
  for (Seq seq : gone) write->Delete(MapErrorKey(seq));  // all are before those that follow
  for (const auto& [seq, stored] : pending_->errors) {
    if (state->superseded.Contains(seq)) continue;
    added.push_back(seq);
    write->Put(MapErrorKey(seq), stored);
  }
  state->errors = old.errors;
  if (!added.empty()) state->errors = state->errors.With(added);
  if (!gone.empty()) state->errors = state->errors.Without(gone);
}

Result<std::vector<MapError>> ViewIndex::ListErrors(Seq after, size_t limit) const {
  const std::shared_ptr<const State> now = state();
  MapErrorReader reader(db(), *family_, now->snapshot.get(), after);
  std::vector<MapError> errors;
  while (errors.size() < limit) {
    MapError error;
    SV_ASSIGN_OR_RETURN(const bool found, reader.Next(&error));
    if (!found) break;
    errors.push_back(std::move(error));
  }
  return errors;
}

uint64_t ViewIndex::CountEntries() const {
  uint64_t estimate = 0;
  db()->GetIntProperty(family_->handle(), rocksdb::DB::Properties::kEstimateNumKeys, &estimate);
  if (estimate > kMaxCounted) return estimate;
  uint64_t count = 0;
  std::unique_ptr<rocksdb::Iterator> it(
      db()->NewIterator(rocksdb::ReadOptions(), family_->handle()));
  it->Seek(ToSlice(kFirstIndexKey));
  // The estimate may be far too low after many deletions.
  for (; it->Valid() && count < kMaxCounted; it->Next()) count++;
  return it->Valid() ? std::max(count, estimate) : count;
}

}  // namespace streamview
