#include "core/session/session.h"

#include <algorithm>
#include <utility>

#include "core/codec/record.h"
#include "core/session/merge_cursor.h"
#include "core/session/own_documents.h"
#include "core/session/reduce_overlay.h"
#include "core/session/row_overlay.h"

namespace streamview {

namespace {

// How often a read that meets damaged data begins again before it fails.
constexpr int kMaxAttempts = 4;

// Committed entries and own ones.
template <typename Own>
class MergedLogCursor final : public LogCursor {
 public:
  MergedLogCursor(std::unique_ptr<LogCursor> stored, Own own)
      : merged_(std::move(stored), std::move(own)) {}
  bool Valid() const override { return merged_.Valid(); }
  void Next() override { merged_.Next(); }
  Status status() const override { return merged_.status(); }
  const Entry& entry() const override {
    return merged_.at_own() ? merged_.own().entry() : merged_.stored().entry();
  }

 private:
  MergeCursor<LogCursor, Own> merged_;
};

template <typename Own>
std::unique_ptr<LogCursor> MergeLog(std::unique_ptr<LogCursor> stored, Own own) {
  return std::make_unique<MergedLogCursor<Own>>(std::move(stored), std::move(own));
}

std::shared_ptr<ViewOverlay> NewOverlay(Engine* engine, ViewDefinition definition, Seq base) {
  if (definition.reduce != Reduce::kNone) {
    return std::make_shared<ReduceOverlay>(engine, std::move(definition), base);
  }
  return std::make_shared<RowOverlay>(engine, std::move(definition), base);
}

}  // namespace

Session::Session(std::shared_ptr<Engine> engine)
    : engine_(std::move(engine)), seen_(engine_->Head()) {}

Session::~Session() { Close(); }

void Session::Close() {
  EndTransaction();
  engine_.reset();
}

Status Session::Reattach(std::shared_ptr<Engine> engine, const WaitOptions& wait) {
  SV_RETURN_IF_ERROR(process_.Check());
  if (has_turn()) {
    std::unique_ptr<Transaction> transaction = engine->Begin();
    SV_ASSIGN_OR_RETURN(const LogEnd end, transaction->TakeTurn(wait));
    const bool same_epoch = engine->epoch() == engine_->epoch();
    bool is_committed = false;
    if (same_epoch && lost_version_ == own_version_) {
      SV_ASSIGN_OR_RETURN(is_committed, HasEntries(*engine, end.seq));
    }
    if (!is_committed && (end.seq != entries_.base() || !same_epoch)) {
      return Status::Busy(
          "others have appended to the log since this transaction began, as the process that held "
          "it ended: ROLLBACK, and begin it anew");
    }
    ForgetDerived();
    if (is_committed) {
      last_committed_own_ = last_own_seq();
      NoteSeen(*last_committed_own_);
      ++own_version_;
      entries_.Clear();
      entries_.Begin(end);
    }
    transaction_ = std::move(transaction);
    prepared_version_.reset();
    lost_version_.reset();
  }
  views_.clear();
  engine_ = std::move(engine);
  return Status::Ok();
}

// Nobody else has written the same in the same millisecond: the turn was this session's until the
// engine was lost.
Result<bool> Session::HasEntries(Engine& engine, Seq end) {
  if (size() == 0 || end < own().last()) return false;
  const std::unique_ptr<LogCursor> cursor = engine.ScanLog({own().first(), own().last()});
  for (const Record& record : entries_.records()) {
    SV_RETURN_IF_ERROR(cursor->status());
    if (!cursor->Valid()) return false;
    std::string found;
    const Entry& entry = cursor->entry();
    AppendRecord(&found, entry.time_ms, entry.key, entry.value);
    if (found != *record) return false;
    cursor->Next();
  }
  return true;
}

std::unique_ptr<LogCursor> ScanLog(Engine& engine, const LogRange& range,
                                   const LogSnapshot& snapshot) {
  LogRange committed = range;
  committed.last = std::min(range.last, snapshot.head);
  std::unique_ptr<LogCursor> stored = engine.ScanLog(committed);
  if (snapshot.own.empty()) return stored;
  return MergeLog(std::move(stored), OwnRunCursor(snapshot.own, range));
}

std::unique_ptr<LogCursor> Session::ScanLog(const LogRange& range, LogSnapshot* snapshot) const {
  *snapshot = {entries_.base(), own()};
  if (has_turn()) return streamview::ScanLog(*engine_, range, *snapshot);
  return engine_->ScanLog(range, &snapshot->head);
}

// --- writing

Status Session::TakeTurn(const WaitOptions& wait) {
  SV_RETURN_IF_ERROR(process_.Check());
  if (has_turn()) return Status::Ok();
  std::unique_ptr<Transaction> transaction = engine_->Begin();
  SV_ASSIGN_OR_RETURN(const LogEnd end, transaction->TakeTurn(wait));
  entries_.Begin(end);
  transaction_ = std::move(transaction);
  return Status::Ok();
}

Result<Seq> Session::Append(const ValueView& key, const ValueView& value, const WaitOptions& wait) {
  SV_RETURN_IF_ERROR(TakeTurn(wait));
  SV_ASSIGN_OR_RETURN(const Seq seq, entries_.Append(key, value));
  ++own_version_;
  return seq;
}

void Session::Truncate(size_t size) {
  SV_REQUIRE(size <= this->size());
  if (size == this->size()) return;
  ForgetDerived();
  entries_.Truncate(size);
  ++own_version_;
}

Status Session::Prepare(SyncMode sync, const std::string& token) {
  if (!has_turn()) return Status::Ok();
  if (prepared_version_ == own_version_ && prepared_token_ == token) return Status::Ok();
  prepared_version_.reset();
  prepared_token_ = token;
  const Status prepared = transaction_->Prepare(entries_.records(), sync, token);
  if (prepared.ok()) prepared_version_ = own_version_;
  if (prepared.code() == StatusCode::kLost && token.empty()) lost_version_ = own_version_;
  return prepared;
}

void Session::Commit() {
  if (size() > 0) {
    SV_REQUIRE(prepared_version_ == own_version_);
    last_committed_own_ = last_own_seq();
    NoteSeen(*last_committed_own_);
    (void)transaction_->Commit();
  }
  EndTransaction();
}

Status Session::Rollback() {
  Status status;
  if (has_turn()) {
    status = transaction_->Rollback();
    ++own_version_;
  }
  EndTransaction();
  return status;
}

void Session::EndTransaction() {
  ForgetDerived();
  std::erase_if(views_, [](const auto& view) { return view.second.view.expired(); });
  transaction_.reset();
  entries_.Clear();
  prepared_version_.reset();
  lost_version_.reset();
}

void Session::ForgetDerived() {
  documents_.reset();
  for (auto& [id, view] : views_) view.overlay.reset();
}

Result<Seq> Session::AppendNow(const ValueView& key, const ValueView& value, SyncMode sync,
                               const WaitOptions& wait) {
  SV_REQUIRE_OR_RETURN(!has_turn());
  SV_ASSIGN_OR_RETURN(const Seq seq, engine_->AppendNow(key, value, sync, wait));
  last_committed_own_ = seq;
  NoteSeen(seq);
  return seq;
}

std::optional<Seq> Session::last_own_seq() const {
  return size() == 0 ? last_committed_own_ : own().last();
}

// --- reading

Seq Session::RequiredSeq(Consistency consistency) const {
  switch (consistency) {
    case Consistency::kSession:
      return seen_;
    case Consistency::kLatest:
      return kLatest;
    case Consistency::kEventual:
      break;
  }
  return 0;
}

std::shared_ptr<const OwnDocuments> Session::Documents() {
  const OwnRun run = own();
  std::shared_ptr<OwnDocuments> documents = std::exchange(documents_, nullptr);
  if (documents == nullptr || !documents->run().IsBeginningOf(run)) {
    documents = std::make_shared<OwnDocuments>();
  } else if (documents.use_count() > 1 && documents->run().size() < run.size()) {
    documents = std::make_shared<OwnDocuments>(*documents);  // somebody still reads it
  }
  documents->Extend(run);
  documents_ = documents;
  return documents;
}

Result<std::shared_ptr<const DocsSnapshot>> Session::ReadDocs(Seq at_least, const WaitOptions& wait,
                                                              const DocRange* first) {
  Result<std::shared_ptr<const DocsSnapshot>> committed = engine_->ReadDocs(at_least, wait, first);
  if (size() == 0 || !committed.ok()) return committed;
  return OverlayDocs(*std::move(committed), Documents());
}

Result<Seq> Session::FindDocument(const ValueView& key, const WaitOptions& wait) {
  std::optional<DocVersion> version;
  if (size() > 0) version = Documents()->Find(key);
  if (!version) {
    SV_ASSIGN_OR_RETURN(version, engine_->FindVersion(key, kLatest, wait));
  }
  return version->is_tombstone ? 0 : version->seq;
}

Result<std::unique_ptr<LogCursor>> Session::ScanHistory(const ValueView& key,
                                                        const WaitOptions& wait) {
  Result<std::unique_ptr<LogCursor>> committed = engine_->ScanHistory(key, wait);
  if (size() == 0 || !committed.ok()) return committed;
  return MergeLog(*std::move(committed), OwnHistoryCursor(Documents(), key));
}

Result<std::shared_ptr<const ViewSnapshot>> Session::ReadView(const std::shared_ptr<View>& view,
                                                              Seq at_least, const WaitOptions& wait,
                                                              const ViewRange* first) {
  if (size() == 0) {
    SV_ASSIGN_OR_RETURN(std::shared_ptr<const ViewSnapshot> committed,
                        view->Read(at_least, wait, first));
    return committed;
  }
  for (int attempt = 1;; attempt++) {
    auto read = ReadOverlaid(view, at_least, wait);
    if (read.status().code() != StatusCode::kDamaged || attempt == kMaxAttempts) return read;
  }
}

Result<std::shared_ptr<const ViewSnapshot>> Session::ReadOverlaid(const std::shared_ptr<View>& view,
                                                                  Seq at_least,
                                                                  const WaitOptions& wait) {
  SV_ASSIGN_OR_RETURN(std::shared_ptr<const CommittedView> committed, view->Read(at_least, wait));
  OwnView& own = views_[view->id()];
  if (own.mapper == nullptr) {
    SV_ASSIGN_OR_RETURN(own.mapper, view->NewMapper());
    own.view = view;
  }
  const std::shared_ptr<const OwnDocuments> documents = Documents();
  const OwnRun& run = documents->run();
  std::shared_ptr<ViewOverlay> overlay = std::exchange(own.overlay, nullptr);
  if (overlay == nullptr || overlay->base() != committed->seq() ||
      !overlay->run().IsBeginningOf(run)) {
    overlay = NewOverlay(engine_.get(), view->definition(), committed->seq());
  } else if (overlay.use_count() > 1 && overlay->run().size() < run.size()) {
    overlay = overlay->Clone();  // an open cursor still reads it
  }
  SV_RETURN_IF_ERROR(overlay->Extend(*documents, *committed, own.mapper.get(), wait));
  own.overlay = overlay;
  return overlay->Over(std::move(committed));
}

}  // namespace streamview
