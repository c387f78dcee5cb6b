#include "core/log/log.h"

#include <algorithm>
#include <utility>

#include "core/base/check.h"
#include "core/codec/record.h"
#include "core/codec/varint.h"
#include "core/log/conditional.h"
#include "core/storage/rocks.h"

namespace streamview {

namespace {

// About what a write batch takes beside what is put into it.
constexpr size_t kBytesOfABatch = 256;
constexpr size_t kBytesOfAPut = 24;

constexpr char kEpochKey[] = "epoch";  // in the metadata; absent: 1

std::string LogKey(Seq seq) {
  std::string key;
  AppendBigEndian64(&key, seq);
  return key;
}

}  // namespace

Log::Log(LogStore* store) : store_(store) {}

Result<std::unique_ptr<Log>> Log::Open(LogStore* store, const CommittedToken& committed_token,
                                       bool adopt) {
  std::unique_ptr<Log> log(new Log(store));
  SV_RETURN_IF_ERROR(log->Recover());
  SV_RETURN_IF_ERROR(log->RecoverEpoch());
  SV_RETURN_IF_ERROR(log->MatchDatabase(committed_token, adopt));
  return log;
}

Status Log::MatchDatabase(const CommittedToken& committed_token, bool adopt) {
  SV_ASSIGN_OR_RETURN(const Conditional last, LoadConditional(*store_));
  if (last.last() > head()) {
    return Status::Corruption("the log ends with entry " + std::to_string(head()) +
                              ", within its last transaction");
  }
  committed_token_ = last.token;
  settled_ = last.first == 0;
  if (!committed_token) return Status::Ok();
  SV_ASSIGN_OR_RETURN(std::string committed, committed_token(last.token));
  if (committed == last.token) return Status::Ok();
  // What follows a conditional transaction was appended after it had committed.
  const bool undecided = last.first != 0 && last.last() == head();
  if (undecided && !adopt && committed == last.previous) {
    committed_token_ = std::move(committed);
    SV_RETURN_IF_ERROR(CheckEndsWith(last.first));
    SV_RETURN_IF_ERROR(EraseRecords(last.first, last.count, SyncMode::kFull));
    return Recover();
  }
  if (!adopt) return TokenMismatch(head(), last.token, committed);
  committed_token_ = std::move(committed);
  // Of what was made of another log, or of this one at another time, nothing counts any more.
  rocksdb::WriteBatch batch;
  SV_RETURN_IF_ERROR(BuildErasure(head() + 1, 0, &batch));
  std::string epoch;
  AppendVarint(&epoch, ++epoch_);
  SV_RETURN_IF_ERROR(FromRocks(batch.Put(store_->meta(), kEpochKey, epoch), "adopting the log"));
  SV_RETURN_IF_ERROR(store_->Write(&batch));
  SV_RETURN_IF_ERROR(store_->FlushWal(/*sync=*/true));
  settled_ = true;
  return Status::Ok();
}

Status Log::RecoverEpoch() {
  std::string bytes;
  const rocksdb::Status read =
      store_->db()->Get(rocksdb::ReadOptions(), store_->meta(), kEpochKey, &bytes);
  if (read.IsNotFound()) return Status::Ok();
  SV_RETURN_IF_ERROR(FromRocks(read, "reading the log's epoch"));
  std::string_view input = bytes;
  if (ReadVarint(&input, &epoch_) && input.empty()) return Status::Ok();
  return Status::Corruption("the log's epoch is malformed");
}

// Whether the entries from `first` to the end are one transaction.
Status Log::CheckEndsWith(Seq first) const {
  for (Seq seq = first; seq <= head(); seq++) {
    const Result<bool> continues = Continues(seq);
    const bool missing = continues.status().code() == StatusCode::kNotFound;
    if (!missing) SV_RETURN_IF_ERROR(continues.status());
    if (missing || *continues != (seq < head())) {
      return Status::Corruption("the log's last transaction is not at its end");
    }
  }
  return Status::Ok();
}

Status Log::Settle() {
  if (abandoned_) return Status::Ok();
  SV_REQUIRE(!writer_turn_.IsTaken());
  if (settled_ || !background_error().ok()) return Status::Ok();
  return EraseRecords(head() + 1, 0, SyncMode::kNormal);
}

Status Log::SettleCopy(LogStore* copy) {
  SV_ASSIGN_OR_RETURN(Conditional last, LoadConditional(*copy));
  last.first = last.count = 0;
  rocksdb::WriteBatch batch;
  SV_RETURN_IF_ERROR(PutConditional(*copy, last, &batch));
  SV_RETURN_IF_ERROR(copy->Write(&batch));
  return copy->FlushWal(/*sync=*/true);
}

Status Log::Recover() {
  std::unique_ptr<rocksdb::Iterator> last(
      store_->db()->NewIterator(rocksdb::ReadOptions(), store_->log()));
  last->SeekToLast();
  SV_RETURN_IF_ERROR(FromRocks(last->status(), "reading the log's end"));
  Seq seq = 0;
  if (last->Valid()) {
    if (last->key().size() != sizeof(Seq))
      return Status::Corruption("the log's last key is malformed");
    seq = DecodeBigEndian64(last->key().data());
    if (seq > kMaxSeq) return Status::Corruption("the log's last entry has an impossible number");
    Entry entry;
    SV_RETURN_IF_ERROR(DecodeRecord(ToView(last->value()), seq, &entry));
    // Transactions are written whole. Who follows the log waits for the end of the last one.
    if (entry.continues) return Status::Corruption("the log ends within a transaction");
    last_time_ms_ = entry.time_ms;
  }
  head_.store(seq, std::memory_order_release);
  return Status::Ok();
}

Status Log::ReadRecord(Seq seq, rocksdb::PinnableSlice* record) const {
  const rocksdb::Status read =
      store_->db()->Get(rocksdb::ReadOptions(), store_->log(), LogKey(seq), record);
  if (read.IsNotFound()) {
    return Status::NotFound("the log has no entry " + std::to_string(seq));
  }
  return FromRocks(read, "reading log entry " + std::to_string(seq));
}

Result<bool> Log::Continues(Seq seq) const {
  rocksdb::PinnableSlice record;
  SV_RETURN_IF_ERROR(ReadRecord(seq, &record));
  Entry entry;
  SV_RETURN_IF_ERROR(DecodeRecord(ToView(record), seq, &entry));
  return entry.continues;
}

Status Log::WaitForHead(Seq seq, const WaitOptions& wait) {
  while (head() < seq) {
    SV_RETURN_IF_ERROR(wait.CheckInterrupted());
    if (wait.Expired()) {
      return Status::TimedOut("the log is at " + std::to_string(head()) + ", waiting for " +
                              std::to_string(seq));
    }
    MutexLock lock(mutex_);
    if (head() < seq) head_moved_.WaitUntil(mutex_, wait.NextPoll());
  }
  return Status::Ok();
}

LogEnd Log::end() const {
  SV_REQUIRE(writer_turn_.IsTaken());
  return {head(), last_time_ms_};
}

Status Log::WriteRecords(Seq first, const Records& records, SyncMode sync,
                         const std::string& token) {
  SV_REQUIRE(writer_turn_.IsTaken());
  Entry last;
  SV_RETURN_IF_ERROR(DecodeRecord(*records.back(), first + records.size() - 1, &last));
  size_t bytes = kBytesOfABatch;
  for (const auto& record : records) bytes += record->size() + kBytesOfAPut;
  rocksdb::WriteBatch batch(bytes);
  if (!token.empty()) {
    const Conditional conditional{first, records.size(), token, committed_token_};
    SV_RETURN_IF_ERROR(PutConditional(*store_, conditional, &batch));
    settled_ = false;
  }
  for (size_t i = 0; i < records.size(); i++) {
    const std::string& record = *records[i];
    const char mark = i + 1 < records.size() ? ContinuesMark(record[0]) : record[0];
    const std::string key = LogKey(first + i);
    const rocksdb::Slice key_part(key);
    const rocksdb::Slice parts[] = {{&mark, 1}, {record.data() + 1, record.size() - 1}};
    SV_RETURN_IF_ERROR(FromRocks(
        batch.Put(store_->log(), rocksdb::SliceParts(&key_part, 1), rocksdb::SliceParts(parts, 2)),
        "writing the log"));
  }
  rocksdb::WriteBatch erasure;
  SV_RETURN_IF_ERROR(BuildErasure(first, records.size(), &erasure));
  Status written;
  try {
    written = store_->Write(&batch);
    if (written.ok()) written = Persist(sync);
  } catch (...) {
    broken_ = true;
    written = Status::NoMemory();
  }
  if (written.ok()) {
    last_time_ms_ = last.time_ms;
    return written;
  }
  // They may be in memory, or on disk, or in part. They must not come back as part of the log.
  store_->TakeBack(std::move(erasure));
  return written;
}

Status Log::EraseRecords(Seq first, size_t count, SyncMode sync) {
  rocksdb::WriteBatch erasure;
  SV_RETURN_IF_ERROR(BuildErasure(first, count, &erasure));
  Status status = store_->Write(&erasure);
  if (status.ok()) status = Persist(sync);
  if (!status.ok()) store_->TakeBack(std::move(erasure));
  settled_ = true;
  return status;
}

// Also puts down committed_token_ as that of the last conditional transaction, and that it is
// committed: the one that is taken back may have said that it was the last one.
Status Log::BuildErasure(Seq first, size_t count, rocksdb::WriteBatch* batch) const {
  SV_RETURN_IF_ERROR(PutConditional(*store_, Conditional{0, 0, committed_token_, ""}, batch));
  rocksdb::Status status;
  for (size_t i = 0; i < count && status.ok(); i++) {
    status = batch->Delete(store_->log(), LogKey(first + i));
  }
  return FromRocks(status, "taking back a transaction");
}

void Log::Publish(Seq first, const Records& records, std::string token) noexcept {
  SV_REQUIRE(writer_turn_.IsTaken());
  if (!token.empty()) committed_token_.swap(token);
  {
    MutexLock lock(mutex_);
    for (size_t i = 0; i < records.size(); i++) {
      recent_.Add({records[i], /*continues=*/i + 1 < records.size()});
    }
    AdvanceHead(first + records.size() - 1);
  }
  if (on_publish_) on_publish_();
}

void Log::AdvanceHead(Seq head) noexcept {
  head_.store(head, std::memory_order_release);
  head_moved_.NotifyAll();
}

std::vector<LogRecord> Log::FindRecent(Seq first, Seq last, size_t limit) const {
  MutexLock lock(mutex_);
  return recent_.Find(first, last, limit, head());
}

Status Log::TakeTurn(const WaitOptions& wait) {
  SV_RETURN_IF_ERROR(CheckWritable());
  SV_RETURN_IF_ERROR(AwaitTurn(wait));
  Status status;
  while (status.ok()) {
    status = wait.CheckInterrupted();
    MutexLock lock(commit_mutex_);
    if (unpublished_.empty()) return Status::Ok();
    if (wait.Expired()) status = Status::Busy("other connections are appending to the log");
    if (status.ok()) decided_.WaitUntil(commit_mutex_, wait.NextPoll());
  }
  writer_turn_.Release();
  return status;
}

Status Log::CheckWritable() {
  SV_RETURN_IF_ERROR(writable_);
  return broken_ ? Status::NoMemory() : store_->Resume();
}

Status Log::AwaitTurn(const WaitOptions& wait) {
  const Status taken = writer_turn_.Take(wait);
  if (taken.code() != StatusCode::kTimedOut) return taken;
  return Status::Busy("another transaction is writing to the log");
}

// --- group commit

Result<Seq> Log::AppendNow(const ValueView& key, const ValueView& value, SyncMode sync,
                           const WaitOptions& wait) {
  SV_RETURN_IF_ERROR(CheckKey(key));
  SV_RETURN_IF_ERROR(CheckWritable());
  SV_RETURN_IF_ERROR(AwaitTurn(wait));
  Waiter waiter;
  SV_ASSIGN_OR_RETURN(const Seq seq, WriteNow(key, value, sync, &waiter));
  SV_RETURN_IF_ERROR(CommitTogether(&waiter));
  return seq;
}

// Has the turn, and lets go of it.
Result<Seq> Log::WriteNow(const ValueView& key, const ValueView& value, SyncMode sync,
                          Waiter* waiter) {
  const TurnHolder holder(writer_turn_);
  std::string record;
  last_time_ms_ = TimeAfter(last_time_ms_);
  AppendRecord(&record, last_time_ms_, key, value);
  Unpublished entry{{std::make_shared<const std::string>(std::move(record)), false}, waiter};
  MutexLock lock(commit_mutex_);
  const Seq seq = head() + unpublished_.size() + 1;
  SV_RETURN_IF_ERROR(CheckNumber(seq));
  SV_RETURN_IF_ERROR(Enqueue(seq, std::move(entry)));
  unpublished_sync_ = std::max(unpublished_sync_, sync);
  return seq;
}

Status Log::Enqueue(Seq seq, Unpublished entry) {
  rocksdb::WriteBatch batch;
  SV_RETURN_IF_ERROR(
      FromRocks(batch.Put(store_->log(), LogKey(seq), *entry.record.bytes), "writing the log"));
  unpublished_.push_back(std::move(entry));
  Status status;
  try {
    status = store_->Write(&batch);
  } catch (...) {
    // Whether it was written is unknown, and RocksDB may write no more.
    broken_ = true;
    unpublished_.pop_back();
    return Status::NoMemory();
  }
  if (status.ok()) return status;
  unpublished_.pop_back();
  rocksdb::WriteBatch erasure;
  SV_RETURN_IF_ERROR(BuildErasure(seq, 1, &erasure));
  store_->TakeBack(std::move(erasure));
  return status;
}

// The first to come commits all that is written by then; those that come meanwhile wait, and one of
// them goes next.
Status Log::CommitTogether(Waiter* waiter) {
  size_t count;
  SyncMode sync;
  {
    MutexLock lock(commit_mutex_);
    while (committing_ && !waiter->decided) decided_.Wait(commit_mutex_);
    if (waiter->decided) return waiter->outcome;
    committing_ = true;
    count = unpublished_.size();
    sync = std::exchange(unpublished_sync_, SyncMode::kOff);
  }
  EndCommit(count, PersistTail(sync));
  if (waiter->outcome.ok() && on_publish_) on_publish_();
  return waiter->outcome;
}

Status Log::PersistTail(SyncMode sync) noexcept {
  try {
    return Persist(sync);
  } catch (...) {
    return Status::NoMemory();
  }
}

// The first `count` are on the disk; or it is not known of any how much of it is, and since numbers
// have no gaps, all are taken back.
void Log::EndCommit(size_t count, const Status& persisted) noexcept {
  MutexLock commit_lock(commit_mutex_);
  if (!persisted.ok()) {
    count = unpublished_.size();
    try {
      (void)EraseRecords(head() + 1, count, SyncMode::kNormal);  // taken back, also on an error
    } catch (...) {
      broken_ = true;
    }
  }
  MutexLock lock(mutex_);
  if (persisted.ok()) AdvanceHead(head() + count);
  for (; count > 0; --count) {
    Unpublished& entry = unpublished_.front();
    if (persisted.ok()) recent_.Add(std::move(entry.record));
    entry.waiter->outcome = persisted;
    entry.waiter->decided = true;
    unpublished_.pop_front();
  }
  committing_ = false;
  decided_.NotifyAll();
}

Status Log::Persist(SyncMode sync) {
  if (sync == SyncMode::kOff) return Status::Ok();
  return store_->FlushWal(sync == SyncMode::kFull);
}

}  // namespace streamview
