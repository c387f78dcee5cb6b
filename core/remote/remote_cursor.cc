#include "core/remote/remote_cursor.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/base/check.h"
#include "core/codec/varint.h"

namespace streamview {

namespace {

constexpr wire::PageLimits kFirstPage{64, 16u << 10};
constexpr wire::PageLimits kLargestPage{8192, 512u << 10};
constexpr uint64_t kGrowth = 4;

// How many documents are read along with one that was asked for.
constexpr size_t kEntriesAhead = 100;

// Entries of the log, in pages.
class EntryCursor : public LogCursor {
 public:
  bool Valid() const final { return valid_; }
  Status status() const final { return valid_ ? Status::Ok() : pages_.status(); }
  const Entry& entry() const final {
    SV_REQUIRE(valid_);
    return entry_;
  }
  void Next() final {
    valid_ = NextRow();
    if (valid_ && !pages_.TakeRow(&entry_)) {
      pages_.FailNotUnderstood();
      valid_ = false;
    }
  }

 protected:
  EntryCursor(std::shared_ptr<Client> client, Pages pages)
      : client_(std::move(client)), pages_(std::move(pages)) {}
  virtual bool NextRow() = 0;

  const std::shared_ptr<Client> client_;
  Pages pages_;
  Entry entry_;

 private:
  bool valid_ = false;
};

// The committed entries of a range: each page is found by the number of its first entry.
class RemoteLogCursor final : public EntryCursor {
 public:
  RemoteLogCursor(std::shared_ptr<Client> client, const LogRange& range, Seq* head)
      : EntryCursor(std::move(client), Pages()), range_(range) {
    const Seq answered = ReadPage();
    // Where the range goes past the head it is cut there.
    if (head != nullptr) *head = range_.last < range.last ? range_.last : answered;
    Next();
  }

 private:
  bool NextRow() override {
    return pages_.Next([this] {
      if (range_.reverse) {
        range_.last = entry_.seq - 1;
      } else {
        range_.first = entry_.seq + 1;
      }
      ReadPage();
    });
  }
  // Returns the head of the log as of the answer.
  Seq ReadPage() {
    Result<Answer> answer =
        client_->Call(wire::Op::kReadLog, WaitOptions(), range_, pages_.NextLimits());
    if (!answer.ok()) {
      pages_.Fail(answer.status());
      return 0;
    }
    const Seq head = answer->head;
    std::string_view rows = answer->fields;
    // Of all pages it is what was there at the first.
    if (wire::Take(&rows, &range_.last)) {
      const size_t offset = answer->fields.size() - rows.size();
      pages_.Begin(*std::move(answer), offset);
    } else {
      pages_.FailNotUnderstood();
    }
    return head;
  }

  LogRange range_;  // that has not been read
};

class RemoteHistoryCursor final : public EntryCursor {
 public:
  RemoteHistoryCursor(std::shared_ptr<Client> client, Pages pages)
      : EntryCursor(std::move(client), std::move(pages)) {
    Next();
  }
  ~RemoteHistoryCursor() override { client_->Release(pages_.cursor()); }

 private:
  bool NextRow() override { return pages_.NextOfCursor(*client_, wire::Op::kNextHistory); }
};

class RemoteDocCursor final : public DocCursor {
 public:
  RemoteDocCursor(std::shared_ptr<const HeldLease> snapshot, Pages pages, bool with_entries)
      : snapshot_(std::move(snapshot)),
        with_entries_(with_entries),
        entries_(snapshot_->shared_client()),
        pages_(std::move(pages)) {
    Next();
  }
  ~RemoteDocCursor() override { snapshot_->client().ReleaseLater(pages_.cursor()); }

  bool Valid() const override { return valid_; }
  Status status() const override { return valid_ ? Status::Ok() : pages_.status(); }
  ValueView key() override {
    SV_REQUIRE(valid_);
    return doc_.key;
  }
  Seq seq() override {
    SV_REQUIRE(valid_);
    return doc_.seq;
  }
  void Next() override {
    valid_ = pages_.NextOfCursor(snapshot_->client(), wire::Op::kNextDocs);
    if (!valid_) return;
    std::string_view rest = pages_.rest();
    valid_ = TakeDoc(&rest, &doc_);
    if (!valid_) return pages_.FailNotUnderstood();
    pages_.SetRest(rest);
  }
  Result<Entry> ReadEntry() override {
    SV_REQUIRE_OR_RETURN(valid_);
    if (with_entries_) {
      if (!doc_.read.ok()) return doc_.read;
      return doc_.entry;
    }
    if (!entries_.Has(doc_.seq)) SV_RETURN_IF_ERROR(entries_.Read(Ahead()));
    return entries_.Get(doc_.seq);
  }

 private:
  struct Doc {
    ValueView key;
    Seq seq = 0;
    Status read;
    Entry entry;
  };

  bool TakeDoc(std::string_view* in, Doc* doc) const {
    if (!wire::TakeAll(in, &doc->key, &doc->seq)) return false;
    if (!with_entries_) return true;
    return wire::Take(in, &doc->read) && (!doc->read.ok() || wire::Take(in, &doc->entry));
  }
  // This document, and those that follow it in the page.
  std::vector<Seq> Ahead() const {
    std::vector<Seq> seqs = {doc_.seq};
    std::string_view rest = pages_.rest();
    Doc doc;
    for (bool more; seqs.size() < kEntriesAhead && wire::Take(&rest, &more) && more;) {
      if (!TakeDoc(&rest, &doc)) break;
      seqs.push_back(doc.seq);
    }
    return seqs;
  }

  const std::shared_ptr<const HeldLease> snapshot_;
  const bool with_entries_;
  EntryReader entries_;
  Pages pages_;
  Doc doc_;
  bool valid_ = false;
};

// Cursors that have failed from the start have no more than their error.
Pages FailedPages(Status status) {
  Pages pages;
  pages.Fail(std::move(status));
  return pages;
}

class RemoteDocs final : public DocsSnapshot {
 public:
  RemoteDocs(std::shared_ptr<Client> client, uint64_t lease, Seq seq)
      : lease_(std::make_shared<HeldLease>(std::move(client), lease)), seq_(seq) {}
  // `range` is the first that NewCursor will be called with, and these are its first pages.
  void SetFirst(const DocRange& range, Pages pages) {
    wire::Put(&first_range_, range);
    first_ = std::move(pages);
  }

  Seq seq() const override { return seq_; }
  std::unique_ptr<DocCursor> NewCursor(const DocRange& range) const override {
    const DocRange shortened = wire::Shortened(range);
    return std::make_unique<RemoteDocCursor>(lease_, Begin(shortened), shortened.with_entries);
  }

 private:
  Pages Begin(const DocRange& range) const {
    std::string bytes;
    wire::Put(&bytes, range);
    if (first_ && bytes == first_range_) return *std::exchange(first_, std::nullopt);
    Pages pages;
    Result<Answer> answer = lease_->client().Call(wire::Op::kScanDocs, WaitOptions(),
                                                  lease_->number(), range, pages.NextLimits());
    if (!answer.ok()) return FailedPages(answer.status());
    pages.Begin(*std::move(answer));
    return pages;
  }

  const std::shared_ptr<const HeldLease> lease_;
  const Seq seq_;
  std::string first_range_;  // encoded
  mutable std::optional<Pages> first_;
};

}  // namespace

// --- Pages

wire::PageLimits Pages::NextLimits() {
  if (limits_.rows == 0) return limits_ = kFirstPage;
  limits_.rows = std::min(kGrowth * limits_.rows, kLargestPage.rows);
  limits_.bytes = std::min(kGrowth * limits_.bytes, kLargestPage.bytes);
  return limits_;
}

void Pages::Begin(Answer answer, size_t offset) {
  bytes_ = std::move(answer.fields);
  offset_ = offset;
  status_ = Status::Ok();
  cursor_ = 0;
  has_ended_ = false;
  constexpr size_t kCursorBytes = 8;
  if (rest().size() < kCursorBytes) return FailNotUnderstood();
  cursor_ = DecodeBigEndian64(rest().data());
  offset_ += kCursorBytes;
}

// The cursor stays, to be released.
void Pages::Fail(Status status) {
  status_ = std::move(status);
  has_ended_ = true;
}

bool Pages::Next() {
  if (has_ended_) return false;
  bool is_row;
  if (!TakeRow(&is_row)) {
    FailNotUnderstood();
    return false;
  }
  if (is_row) return true;
  has_ended_ = true;
  if (!wire::TakeWhole(rest(), &status_)) FailNotUnderstood();
  return false;
}

bool Pages::NextOfCursor(Client& client, wire::Op op) {
  return Next([&] {
    Result<Answer> answer = client.Call(op, WaitOptions(), cursor_, NextLimits());
    if (answer.ok()) {
      Begin(*std::move(answer));
    } else {
      Fail(answer.status());
    }
  });
}

// --- EntryReader

Status EntryReader::Read(const std::vector<Seq>& seqs) {
  entries_.clear();
  SV_ASSIGN_OR_RETURN(Answer answer, client_->Call(wire::Op::kReadEntries, WaitOptions(), seqs));
  bytes_ = std::move(answer.fields);
  constexpr size_t kCursorBytes = 8;
  std::string_view rest = bytes_;
  rest.remove_prefix(std::min(kCursorBytes, rest.size()));
  for (bool more; wire::Take(&rest, &more);) {
    Entry entry;
    if (more && wire::Take(&rest, &entry)) {
      entries_.emplace(entry.seq, entry);
      continue;
    }
    Status status;
    if (more || !wire::TakeWhole(rest, &status)) break;
    if (Has(seqs.front())) return Status::Ok();
    return status.ok() ? Client::NotUnderstood() : status;
  }
  entries_.clear();
  return Client::NotUnderstood();
}

// --- what others call

std::unique_ptr<LogCursor> NewRemoteLogCursor(std::shared_ptr<Client> client, const LogRange& range,
                                              Seq* head) {
  return std::make_unique<RemoteLogCursor>(std::move(client), range, head);
}

Result<std::unique_ptr<LogCursor>> NewRemoteHistoryCursor(const std::shared_ptr<Client>& client,
                                                          const ValueView& key,
                                                          const WaitOptions& wait) {
  Pages pages;
  SV_ASSIGN_OR_RETURN(Answer answer, client->Call(wire::Op::kScanHistory, wait,
                                                  wire::Shortened(key), pages.NextLimits()));
  pages.Begin(std::move(answer));
  return std::unique_ptr<LogCursor>(
      std::make_unique<RemoteHistoryCursor>(client, std::move(pages)));
}

Result<std::shared_ptr<const DocsSnapshot>> ReadRemoteDocs(const std::shared_ptr<Client>& client,
                                                           Seq seq, bool exactly,
                                                           const DocRange* first,
                                                           const WaitOptions& wait) {
  std::optional<DocRange> range;
  if (first != nullptr) range = wire::Shortened(*first);
  Pages pages;
  SV_ASSIGN_OR_RETURN(Answer answer, client->Call(wire::Op::kReadDocs, wait, seq, exactly, range,
                                                  pages.NextLimits()));
  std::string_view rows = answer.fields;
  Seq read;
  const bool understood = wire::Take(&rows, &read);
  const auto docs = std::make_shared<RemoteDocs>(client, answer.lease, understood ? read : 0);
  if (!understood) return Client::NotUnderstood();
  if (range) {
    const size_t offset = answer.fields.size() - rows.size();
    pages.Begin(std::move(answer), offset);
    docs->SetFirst(*range, std::move(pages));
  }
  return std::shared_ptr<const DocsSnapshot>(docs);
}

}  // namespace streamview
