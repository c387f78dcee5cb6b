#include "core/log/log.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/codec/record.h"
#include "core/codec/varint.h"
#include "core/log/conditional.h"
#include "core/storage/rocks.h"

namespace streamview {

namespace {

// Of the records that are kept in memory for those who follow the log.
constexpr size_t kMaxRecent = 16384;
constexpr size_t kMaxRecentBytes = 8u << 20;

// About what a write batch takes beside what is put into it.
constexpr size_t kBytesOfABatch = 256;
constexpr size_t kBytesOfAPut = 24;

std::string LogKey(Seq seq) {
  std::string key;
  AppendBigEndian64(&key, seq);
  return key;
}

}  // namespace

Status CheckKey(const ValueView& key) {
  if (key.bytes().size() <= kMaxKeyBytes) return Status::Ok();
  return Status::Constraint("the key has " + std::to_string(key.bytes().size()) +
                            " bytes; at most " + std::to_string(kMaxKeyBytes) + " are allowed");
}

Result<std::unique_ptr<Log>> Log::Open(Store* store, const CommittedToken& committed_token,
                                       bool adopt) {
  std::unique_ptr<Log> log(new Log(store));
  SV_RETURN_IF_ERROR(log->Recover());
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
  if (!committed_token) return Status::Ok();
  SV_ASSIGN_OR_RETURN(std::string committed, committed_token(last.token));
  if (committed == last.token) return Status::Ok();
  // What follows a conditional transaction was appended after it had committed.
  const bool undecided = last.last() == head() && last.first != 0;
  if (undecided && committed == last.previous) {
    committed_token_ = std::move(committed);
    SV_RETURN_IF_ERROR(EraseRecords(last.first, last.count, SyncMode::kFull));
    return Recover();
  }
  if (!adopt) return TokenMismatch(head(), last.token, committed);
  committed_token_ = std::move(committed);
  return EraseRecords(head() + 1, 0, SyncMode::kFull);
}

Status Log::SettleCopy(Store* copy) {
  SV_ASSIGN_OR_RETURN(Conditional last, LoadConditional(*copy));
  last.first = last.count = 0;
  rocksdb::WriteBatch batch;
  SV_RETURN_IF_ERROR(PutConditional(*copy, last, &batch));
  SV_RETURN_IF_ERROR(copy->WriteLogged(&batch));
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
    Entry entry;
    SV_RETURN_IF_ERROR(DecodeRecord(ToView(last->value()), seq, &entry));
    last_time_ms_ = entry.time_ms;
  }
  MutexLock lock(mutex_);
  tail_ = seq;
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

int64_t Log::NextTime() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const int64_t ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  if (ms > last_time_ms_) last_time_ms_ = ms;
  return last_time_ms_;
}

Status Log::WriteRecords(Seq first, const std::vector<std::shared_ptr<const std::string>>& records,
                         SyncMode sync, const std::string& token) {
  SV_RETURN_IF_ERROR(background_error());
  size_t bytes = kBytesOfABatch;
  for (const auto& record : records) bytes += record->size() + kBytesOfAPut;
  rocksdb::WriteBatch batch(bytes);
  if (!token.empty()) {
    const Conditional conditional{first, records.size(), token, committed_token_};
    SV_RETURN_IF_ERROR(PutConditional(*store_, conditional, &batch));
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
  Status written = store_->WriteLogged(&batch);
  if (written.ok()) written = Persist(sync);
  if (written.ok()) return written;
  // They may be in memory, or on disk, or in part. They must not come back as part of the log.
  const Status erased = EraseRecords(first, records.size(), SyncMode::kNormal);
  return erased.ok() ? written : erased;
}

Status Log::EraseRecords(Seq first, size_t count, SyncMode sync) {
  MutexLock lock(mutex_);
  return Erase(first, count, sync);
}

// Also puts down committed_token_ as that of the last conditional transaction: the one that is taken
// back may have said that it was.
Status Log::Erase(Seq first, size_t count, SyncMode sync) {
  rocksdb::WriteBatch batch;
  Status status = PutConditional(*store_, Conditional{0, 0, committed_token_, ""}, &batch);
  for (size_t i = 0; i < count && status.ok(); i++) {
    status = FromRocks(batch.Delete(store_->log(), LogKey(first + i)), "taking back a transaction");
  }
  if (status.ok()) status = store_->WriteLogged(&batch);
  if (status.ok()) status = Persist(sync);
  if (!status.ok() && background_error_.ok()) {
    // Whether they are gone is unknown: nothing may be appended under their numbers.
    background_error_ = status.WithContext("the log takes no more appends until it is reopened");
  }
  return status;
}

void Log::Publish(Seq first, const std::vector<std::shared_ptr<const std::string>>& records,
                  std::string token) noexcept {
  if (!token.empty()) committed_token_.swap(token);
  {
    MutexLock lock(mutex_);
    for (size_t i = 0; i < records.size(); i++) {
      KeepRecent({records[i], /*continues=*/i + 1 < records.size()});
    }
    SetHead(first + records.size() - 1);
  }
  if (on_publish_) on_publish_();
}

void Log::SetHead(Seq head) {
  tail_ = std::max(tail_, head);
  head_.store(head, std::memory_order_release);
  head_moved_.NotifyAll();
}

void Log::KeepRecent(Record record) noexcept {
  const size_t bytes = record.bytes->size();
  try {
    recent_.push_back(std::move(record));
    recent_bytes_ += bytes;
  } catch (...) {
    recent_.clear();  // no memory: it is read from disk, and so are those before it
    recent_bytes_ = 0;
  }
  while (recent_.size() > kMaxRecent || recent_bytes_ > kMaxRecentBytes) {
    recent_bytes_ -= recent_.front().bytes->size();
    recent_.pop_front();
  }
}

std::vector<Log::Record> Log::RecentRecords(Seq first, Seq last, size_t limit) const {
  std::vector<Record> records;
  MutexLock lock(mutex_);
  const Seq end = head() + 1;
  if (last >= end || first + recent_.size() < end) return records;
  auto record = recent_.end() - static_cast<ptrdiff_t>(end - first);
  for (Seq seq = first; seq <= last && records.size() < limit; ++seq) records.push_back(*record++);
  return records;
}

Status Log::TakeTurn(const WaitOptions& wait) {
  SV_RETURN_IF_ERROR(background_error());
  SV_RETURN_IF_ERROR(AwaitTurn(wait));
  MutexLock lock(mutex_);
  while (tail_ > head()) head_moved_.Wait(mutex_);
  return Status::Ok();
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
  SV_RETURN_IF_ERROR(AwaitTurn(wait));
  Result<Written> written = [&]() -> Result<Written> {
    const TurnHolder holder(writer_turn_);
    std::string record;
    AppendRecord(&record, NextTime(), key, value);
    return WriteNow(std::make_shared<const std::string>(std::move(record)), sync);
  }();
  SV_RETURN_IF_ERROR(written.status());
  SV_RETURN_IF_ERROR(CommitTogether(*written));
  return written->seq;
}

Result<Log::Written> Log::WriteNow(std::shared_ptr<const std::string> record, SyncMode sync) {
  MutexLock lock(mutex_);
  SV_RETURN_IF_ERROR(background_error_);
  const Seq seq = tail_ + 1;
  rocksdb::WriteBatch batch;
  SV_RETURN_IF_ERROR(FromRocks(batch.Put(store_->log(), LogKey(seq), *record), "writing the log"));
  tail_records_.push_back({std::move(record), /*continues=*/false});
  if (const Status status = store_->WriteLogged(&batch); !status.ok()) {
    tail_records_.pop_back();
    const Status erased = Erase(seq, 1, SyncMode::kNormal);
    return erased.ok() ? status : erased;
  }
  tail_ = seq;
  tail_sync_ = std::max(tail_sync_, sync);
  return Written{seq, failures_};
}

// The first to come commits all that is written by then; those that come meanwhile wait, and one of
// them goes next.
Status Log::CommitTogether(const Written& written) {
  Seq tail;
  SyncMode sync;
  {
    MutexLock lock(mutex_);
    while (committing_ && head() < written.seq && failures_ == written.failures) {
      head_moved_.Wait(mutex_);
    }
    if (failures_ != written.failures) return last_failure_;
    if (head() >= written.seq) return Status::Ok();
    committing_ = true;
    tail = tail_;
    sync = std::exchange(tail_sync_, SyncMode::kOff);
  }
  const Status persisted = Persist(sync);
  EndCommit(tail, persisted);
  if (persisted.ok() && on_publish_) on_publish_();
  return persisted;
}

void Log::EndCommit(Seq tail, const Status& persisted) {
  MutexLock lock(mutex_);
  committing_ = false;
  if (persisted.ok()) {
    for (Seq seq = head(); seq < tail; ++seq) {
      KeepRecent(std::move(tail_records_.front()));
      tail_records_.pop_front();
    }
    SetHead(tail);
  } else {
    // Of none of them it is known how much of it reached the disk, and numbers have no gaps. If the
    // erasure fails, that is the background error.
    (void)Erase(head() + 1, tail_ - head(), SyncMode::kNormal);
    tail_ = head();
    tail_records_.clear();
    failures_++;
    last_failure_ = persisted;
    head_moved_.NotifyAll();
  }
}

Status Log::background_error() const {
  MutexLock lock(mutex_);
  return background_error_;
}

Status Log::Persist(SyncMode sync) {
  if (sync == SyncMode::kOff) return Status::Ok();
  return store_->FlushWal(sync == SyncMode::kFull);
}

}  // namespace streamview
