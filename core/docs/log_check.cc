#include "core/docs/log_check.h"

#include "core/base/findings.h"
#include "core/base/seq_set.h"
#include "core/codec/key_codec.h"
#include "core/codec/record.h"
#include "core/log/log_reader.h"
#include "core/storage/rocks.h"

namespace streamview {

namespace {

std::string EntryName(Seq seq) { return "entry " + std::to_string(seq); }

std::string EncodedKey(const ValueView& key) {
  std::string encoded;
  AppendKeyColumn(&encoded, key);
  return encoded;
}

class LogCheck {
 public:
  LogCheck(DocIndex* docs, const WaitOptions& wait)
      : docs_(docs), log_(docs->log()), wait_(wait), head_(log_->head()) {}

  Status Run() {
    SV_RETURN_IF_ERROR(docs_->AdvanceTo(head_, wait_));
    SV_RETURN_IF_ERROR(CheckSupersessions());
    SV_RETURN_IF_ERROR(CheckEntries());
    if (read_all_) SV_RETURN_IF_ERROR(CheckDocuments());
    return findings_.ToStatus("the log");
  }

 private:
  // Each superseded entry is superseded by one later entry. Collects them.
  Status CheckSupersessions() {
    constexpr Seq kStep = 1 << 16;
    std::vector<Supersession> list;
    std::vector<Seq> seqs;
    for (Seq after = 0; after < head_; after += kStep) {
      SV_RETURN_IF_ERROR(wait_.CheckInterrupted());
      list.clear();
      seqs.clear();
      SV_RETURN_IF_ERROR(docs_->ListSupersessions(after, std::min(after + kStep, head_), &list));
      for (const Supersession& s : list) {
        if (s.superseded >= s.by) {
          findings_.Add(EntryName(s.by) + " is said to supersede the later " +
                        EntryName(s.superseded));
        }
        seqs.push_back(s.superseded);
      }
      const uint64_t expected = superseded_.size() + seqs.size();
      superseded_ = superseded_.With(seqs);
      if (superseded_.size() != expected) {
        findings_.Add("some entry up to " + std::to_string(after + kStep) +
                      " supersedes what another has superseded before");
      }
    }
    return Status::Ok();
  }

  Status CheckEntries() {
    int64_t last_time = INT64_MIN;
    for (Seq next = 1; next <= head_;) {
      SV_RETURN_IF_ERROR(wait_.CheckInterrupted());
      EntryBatch batch;
      const Status read = ReadStoredBatch(*log_, next, head_, BlockCache::kSpare, &batch);
      if (read.code() == StatusCode::kCorruption) {
        findings_.Add(read.message());
        read_all_ = false;
        return Status::Ok();  // what follows cannot be told apart from the damage
      }
      SV_RETURN_IF_ERROR(read);
      for (const Entry& entry : batch.entries()) {
        if (entry.time_ms < last_time) {
          findings_.Add(EntryName(entry.seq) + " is earlier than the one before");
        }
        last_time = entry.time_ms;
        if (entry.has_document()) SV_RETURN_IF_ERROR(CheckEntryOfDocument(entry));
      }
      next = batch.last() + 1;
    }
    return Status::Ok();
  }

  Status CheckEntryOfDocument(const Entry& entry) {
    SV_ASSIGN_OR_RETURN(const DocVersion latest, docs_->FindLatest(entry.key, head_));
    const bool is_latest = latest.seq == entry.seq;
    if (is_latest) latest_entries_++;
    if (is_latest == superseded_.Contains(entry.seq)) {
      findings_.Add(EntryName(entry.seq) + " of document " + ToDisplay(entry.key) +
                    (is_latest ? " is the latest one, and yet superseded"
                               : " is neither the latest one nor superseded"));
    }
    if (is_latest && latest.is_tombstone != entry.is_tombstone()) {
      findings_.Add(EntryName(entry.seq) + " of document " + ToDisplay(entry.key) +
                    " is taken for " + (latest.is_tombstone ? "a" : "no") + " tombstone");
    }
    SV_ASSIGN_OR_RETURN(const DocVersion previous, docs_->FindPrevious(entry.seq));
    if (previous.seq == 0) return Status::Ok();
    return ExpectKey(previous.seq, EncodedKey(entry.key),
                     EntryName(entry.seq) + " is said to supersede");
  }

  // The index has no document beside those that entries are the latest of, and has counted them.
  Status CheckDocuments() {
    SV_ASSIGN_OR_RETURN(const DocIndex::State state, docs_->TakeState());
    rocksdb::ReadOptions options;
    options.snapshot = state.snapshot.get();
    const ColumnFamily& family = *state.family;
    std::unique_ptr<rocksdb::Iterator> it(
        docs_->store()->db()->NewIterator(options, family.handle()));
    uint64_t documents = 0, live = 0;
    for (it->Seek(ToSlice(kFirstDocKey)); it->Valid(); it->Next()) {
      if (documents % kBatchEntries == 0) SV_RETURN_IF_ERROR(wait_.CheckInterrupted());
      DocVersion version;
      SV_RETURN_IF_ERROR(ReadVersion(family, ToView(it->value()), &version));
      if (!version.is_tombstone) live++;
      SV_ASSIGN_OR_RETURN(version, docs_->AsOf(version, head_));
      if (version.seq == 0) continue;  // newer than the check
      documents++;
      SV_RETURN_IF_ERROR(
          ExpectKey(version.seq, it->key().ToString(), "the document index has for a document"));
    }
    SV_RETURN_IF_ERROR(family.CheckRead(it->status(), "reading the document index"));
    if (live != state.documents) {
      findings_.Add("the document index has " + std::to_string(live) +
                    " live documents, and has counted " + std::to_string(state.documents));
    }
    if (documents != latest_entries_) {
      findings_.Add("the document index has " + std::to_string(documents) +
                    " documents, and the log " + std::to_string(latest_entries_));
    }
    return Status::Ok();
  }

  Status ExpectKey(Seq seq, const std::string& key, const std::string& who) {
    rocksdb::PinnableSlice record;
    Entry entry;
    Status read = log_->ReadRecord(seq, &record);
    if (read.ok()) read = DecodeRecord(ToView(record), seq, &entry);
    if (!read.ok() || EncodedKey(entry.key) != key) {
      findings_.Add(who + " " + EntryName(seq) +
                    (read.ok() ? ", which is of another document" : ": " + read.message()));
    }
    return Status::Ok();
  }

  DocIndex* const docs_;
  Log* const log_;
  const WaitOptions& wait_;
  const Seq head_;
  SeqSet superseded_;
  uint64_t latest_entries_ = 0;
  bool read_all_ = true;
  Findings findings_;
};

}  // namespace

Status CheckLog(DocIndex* docs, const WaitOptions& wait) { return LogCheck(docs, wait).Run(); }

}  // namespace streamview
