// What is read from the process that holds a log, page by page. Pages grow, so that a look-up moves
// few bytes and a long scan waits seldom.

#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/engine.h"
#include "core/remote/client.h"
#include "core/remote/wire.h"

namespace streamview {

// What the holder keeps for this process, until nobody here needs it.
class HeldLease {
 public:
  HeldLease(std::shared_ptr<Client> client, uint64_t number)
      : client_(std::move(client)), number_(number) {}
  ~HeldLease() { client_->Release(number_); }
  HeldLease(const HeldLease&) = delete;
  HeldLease& operator=(const HeldLease&) = delete;

  Client& client() const { return *client_; }
  const std::shared_ptr<Client>& shared_client() const { return client_; }
  uint64_t number() const { return number_; }

 private:
  const std::shared_ptr<Client> client_;
  const uint64_t number_;
};

// The rows of a scan, which the holder sends a page at a time (docs/format.md).
class Pages {
 public:
  // How much the next page shall hold: each more than the one before.
  wire::PageLimits NextLimits();

  // Takes a page out of an answer: its rows begin at `offset` of the answer's fields.
  void Begin(Answer answer, size_t offset = 0);
  // There is none.
  void Fail(Status status);
  void FailNotUnderstood() { Fail(Client::NotUnderstood()); }

  // Goes to the next row of the page. False: there is none.
  bool Next();
  // What is left of the page, from the fields of the row on.
  std::string_view rest() const { return std::string_view(bytes_).substr(offset_); }
  // Takes the fields of the row off it.
  template <typename... Ts>
  [[nodiscard]] bool TakeRow(Ts*... fields) {
    std::string_view in = rest();
    if (!wire::TakeAll(&in, fields...)) return false;
    SetRest(in);
    return true;
  }
  // Those that are left behind it.
  void SetRest(std::string_view rest) { offset_ = bytes_.size() - rest.size(); }

  // Once Next() has returned false: why.
  const Status& status() const { return status_; }
  bool HasMore() const { return status_.ok() && cursor_ != 0; }
  // By what number the holder gives the next page; 0: there is none. It keeps something for it.
  uint64_t cursor() const { return cursor_; }
  // The same as Next(), but goes on to the next page, which `read` begins.
  template <typename Read>
  bool Next(const Read& read) {
    while (!Next()) {
      if (!HasMore()) return false;
      read();
    }
    return true;
  }
  // The same, where `op` asks for the next page by the number of the cursor.
  bool NextOfCursor(Client& client, wire::Op op);

 private:
  std::string bytes_;
  size_t offset_ = 0;
  bool has_ended_ = true;
  Status status_;
  uint64_t cursor_ = 0;
  wire::PageLimits limits_;
};

// Entries of the log by their numbers, of which several are read at a time.
class EntryReader {
 public:
  explicit EntryReader(std::shared_ptr<Client> client) : client_(std::move(client)) {}

  bool Has(Seq seq) const { return entries_.contains(seq); }
  // Reads the first of `seqs`, and those behind it as far as they fit.
  Status Read(const std::vector<Seq>& seqs);
  // Valid until the next Read(). REQUIRES: Has(seq)
  const Entry& Get(Seq seq) const { return entries_.at(seq); }

 private:
  const std::shared_ptr<Client> client_;
  std::string bytes_;
  std::map<Seq, Entry> entries_;  // they point into bytes_
};

// As Engine::ScanLog.
std::unique_ptr<LogCursor> NewRemoteLogCursor(std::shared_ptr<Client> client, const LogRange& range,
                                              Seq* head);
Result<std::unique_ptr<LogCursor>> NewRemoteHistoryCursor(const std::shared_ptr<Client>& client,
                                                          const ValueView& key,
                                                          const WaitOptions& wait);

// The documents as of `seq`, exactly or at least.
Result<std::shared_ptr<const DocsSnapshot>> ReadRemoteDocs(const std::shared_ptr<Client>& client,
                                                           Seq seq, bool exactly,
                                                           const DocRange* first,
                                                           const WaitOptions& wait);

}  // namespace streamview
