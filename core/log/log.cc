#include "core/log/log.h"

#include <chrono>

#include "core/codec/record.h"
#include "core/codec/varint.h"
#include "core/storage/rocks.h"

namespace streamview {

namespace {

// In the metadata: the last transaction, where it is conditional (docs/format.md).
constexpr char kConditionalKey[] = "conditional";

std::string LogKey(Seq seq) {
  std::string key;
  AppendBigEndian64(&key, seq);
  return key;
}

}  // namespace

Result<std::unique_ptr<Log>> Log::Open(Store* store, const CommittedToken& committed_token) {
  std::unique_ptr<Log> log(new Log(store));
  SV_RETURN_IF_ERROR(log->ResolveConditional(committed_token));
  SV_RETURN_IF_ERROR(log->Recover());
  return log;
}

Status Log::ResolveConditional(const CommittedToken& committed_token) {
  std::string bytes;
  const rocksdb::Status read =
      store_->db()->Get(rocksdb::ReadOptions(), store_->meta(), kConditionalKey, &bytes);
  if (read.IsNotFound()) return Status::Ok();
  SV_RETURN_IF_ERROR(FromRocks(read, "reading the log's last transaction"));
  std::string_view token = bytes;
  uint64_t first, count;
  if (!ReadVarint(&token, &first) || !ReadVarint(&token, &count)) {
    return Status::Corruption("what the log says of its last transaction is malformed");
  }
  SV_ASSIGN_OR_RETURN(const std::string committed, committed_token());
  return token == committed ? Status::Ok() : EraseRecords(first, count, SyncMode::kFull);
}

Status Log::Recover() {
  std::unique_ptr<rocksdb::Iterator> last(
      store_->db()->NewIterator(rocksdb::ReadOptions(), store_->log()));
  last->SeekToLast();
  if (!last->Valid()) return FromRocks(last->status(), "reading the log's end");
  if (last->key().size() != sizeof(Seq))
    return Status::Corruption("the log's last key is malformed");
  const Seq seq = DecodeBigEndian64(last->key().data());
  Entry entry;
  SV_RETURN_IF_ERROR(DecodeRecord(ToView(last->value()), seq, &entry));
  last_time_ms_ = entry.time_ms;
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
  rocksdb::WriteBatch batch;
  // What was said of an earlier transaction is over: it has committed, or this one could not begin.
  SV_RETURN_IF_ERROR(FromRocks(batch.Delete(store_->meta(), kConditionalKey), "writing the log"));
  if (!token.empty()) {
    std::string condition;
    AppendVarint(&condition, first);
    AppendVarint(&condition, records.size());
    condition += token;
    SV_RETURN_IF_ERROR(
        FromRocks(batch.Put(store_->meta(), kConditionalKey, condition), "writing the log"));
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
  rocksdb::WriteBatch erasure;
  SV_RETURN_IF_ERROR(BuildErasure(first, records.size(), &erasure));
  store_->TakeBack(std::move(erasure));
  return written;
}

Status Log::EraseRecords(Seq first, size_t count, SyncMode sync) {
  rocksdb::WriteBatch batch;
  SV_RETURN_IF_ERROR(BuildErasure(first, count, &batch));
  Status status = store_->WriteLogged(&batch);
  if (status.ok()) status = Persist(sync);
  if (!status.ok()) store_->TakeBack(std::move(batch));
  return status;
}

Status Log::BuildErasure(Seq first, size_t count, rocksdb::WriteBatch* batch) const {
  rocksdb::Status status = batch->Delete(store_->meta(), kConditionalKey);
  for (size_t i = 0; i < count && status.ok(); i++) {
    status = batch->Delete(store_->log(), LogKey(first + i));
  }
  return FromRocks(status, "taking back a transaction");
}

void Log::Publish(Seq head) {
  {
    MutexLock lock(mutex_);
    head_.store(head, std::memory_order_release);
    head_moved_.NotifyAll();
  }
  if (on_publish_) on_publish_();
}

Status Log::Persist(SyncMode sync) {
  if (sync == SyncMode::kOff) return Status::Ok();
  return store_->FlushWal(sync == SyncMode::kFull);
}

}  // namespace streamview
