#include "core/remote/remote_view.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "core/base/check.h"
#include "core/map/json_path_mapper.h"
#include "core/remote/remote_cursor.h"

namespace streamview {

namespace {

// How many documents are read along with one that was asked for.
constexpr size_t kDocumentsAhead = 100;

// The first page of a range of a view's rows. REQUIRES: the range is Shortened
void ReadFirstRows(const HeldLease& snapshot, const ViewRange& range, Pages* pages) {
  Result<Answer> answer = snapshot.client().Call(wire::Op::kScanRows, WaitOptions(),
                                                 snapshot.number(), range, pages->NextLimits());
  if (answer.ok()) {
    pages->Begin(*std::move(answer));
  } else {
    pages->Fail(answer.status());
  }
}

// Look-ups of one key each that come in ascending order, as a join's mostly do, are not asked for
// one by one: the cursor reads from the present one on, whatever the last column is, and finds the
// next ones in the page.
class RemoteRowCursor final : public ViewCursor {
 public:
  // `range` is Shortened; `pages` are its first. The columns are those of a row, and of its key.
  RemoteRowCursor(std::shared_ptr<const HeldLease> snapshot, Pages pages, size_t columns,
                  size_t key_columns, ViewRange range)
      : snapshot_(std::move(snapshot)),
        columns_(columns),
        key_columns_(key_columns),
        range_(std::move(range)),
        with_documents_(range_.with_documents),
        entries_(snapshot_->shared_client()),
        pages_(std::move(pages)) {
    Next();
  }
  ~RemoteRowCursor() override { snapshot_->client().ReleaseLater(pages_.cursor()); }

  bool Valid() const override { return valid_; }
  Status status() const override { return has_row_ ? Status::Ok() : pages_.status(); }
  void Next() override {
    if (pages_.NextOfCursor(snapshot_->client(), wire::Op::kNextRows)) {
      ReadRow();
    } else {
      has_row_ = false;
    }
    valid_ = has_row_ && (!is_near_ || OrderOfRow() == 0);
  }
  bool Restart(const ViewRange& range) override {
    if (!status().ok()) return false;
    const bool follows = FollowsLast(range);
    ascending_ = follows ? ascending_ + 1 : 0;
    range_ = wire::Shortened(range);
    with_documents_ = range_.with_documents;
    if (ascending_ > kFewAscending && !with_documents_) {
      FindNear();
    } else {
      is_near_ = false;
      BeginPages(range_);
      valid_ = has_row_;
    }
    return true;
  }
  ValueView column(size_t i) override {
    SV_REQUIRE(valid_ && i < columns_);
    return row_.shown.columns[i];
  }
  ValueView doc_id() override {
    SV_REQUIRE(valid_);
    return row_.shown.doc_id;
  }
  Seq seq() override {
    SV_REQUIRE(valid_);
    return row_.shown.seq;
  }
  int64_t row_id() override {
    SV_REQUIRE(valid_);
    return row_.shown.row_id;
  }
  Result<Value> ReadDocument() override {
    SV_REQUIRE_OR_RETURN(valid_);
    if (with_documents_) {
      SV_RETURN_IF_ERROR(row_.read);
      return Value(row_.document);
    }
    if (!entries_.Has(seq())) SV_RETURN_IF_ERROR(entries_.Read(Ahead()));
    return Value(entries_.Get(seq()).value);
  }

 private:
  struct Row {
    wire::Row shown;
    Status read;  // of the document, where it comes along
    ValueView document;
  };

  bool TakeRow(std::string_view* in, Row* row) const {
    if (!wire::Take(in, &row->shown) || row->shown.columns.size() != columns_) return false;
    if (!with_documents_) return true;
    return wire::Take(in, &row->read) && (!row->read.ok() || wire::Take(in, &row->document));
  }
  // The entry of this row, and those of the rows that follow it in the page.
  std::vector<Seq> Ahead() const {
    std::vector<Seq> seqs = {row_.shown.seq};
    if (is_near_) return seqs;  // those that follow are mostly not asked for
    std::string_view rest = pages_.rest();
    Row row;
    for (bool more; seqs.size() < kDocumentsAhead && wire::Take(&rest, &more) && more;) {
      if (!TakeRow(&rest, &row)) break;
      seqs.push_back(row.shown.seq);
    }
    return seqs;
  }

  void ReadRow() {
    std::string_view rest = pages_.rest();
    has_row_ = TakeRow(&rest, &row_);
    if (!has_row_) return pages_.FailNotUnderstood();
    pages_.SetRest(rest);
  }

  // `larger`: the page may hold more than the one before.
  void BeginPages(const ViewRange& range, bool larger = false) {
    snapshot_->client().ReleaseLater(pages_.cursor());
    if (!larger) pages_ = Pages();
    ReadFirstRows(*snapshot_, range, &pages_);
    has_row_ = pages_.Next();
    if (has_row_) ReadRow();
  }

  // Whether both are of one key each, and `range` is of a later one that differs in the last column
  // only.
  bool FollowsLast(const ViewRange& range) const {
    const auto is_one_key = [](const ViewRange& r) {
      return !r.equal.empty() && !r.lower && !r.upper && !r.reverse;
    };
    if (!is_one_key(range) || !is_one_key(range_)) return false;
    if (range.equal.size() != range_.equal.size()) return false;
    for (size_t i = 0; i + 1 < range.equal.size(); i++) {
      if (Compare(range.equal[i], range_.equal[i]) != 0) return false;
    }
    return Compare(range.equal.back(), range_.equal.back()) > 0;
  }

  // How the row's last column of those that range_ fixes compares with the one there.
  int OrderOfRow() const {
    const size_t last = range_.equal.size() - 1;
    const ValueView& value = last < key_columns_ ? row_.shown.columns[last] : row_.shown.doc_id;
    return Compare(value, range_.equal.back());
  }

  // Goes to the first row of range_ in the page that is there, or else in one that begins there.
  void FindNear() {
    while (is_near_ && has_row_ && OrderOfRow() < 0) {
      has_row_ = pages_.Next();
      if (has_row_) {
        ReadRow();
      } else if (pages_.HasMore()) {
        is_near_ = false;
      }
    }
    if (!is_near_) {
      ViewRange from_here = range_;
      from_here.equal.pop_back();
      from_here.lower = KeyBound{range_.equal.back(), /*inclusive=*/true};
      BeginPages(from_here, /*larger=*/found_ >= kMany);
      is_near_ = true;
      found_ = 0;
    }
    found_++;
    valid_ = has_row_ && OrderOfRow() == 0;
  }

  // From so many look-ups on, each after the one before it, the next one is taken to come soon.
  static constexpr int kFewAscending = 2;
  static constexpr int kMany = 10;  // look-ups for a page

  const std::shared_ptr<const HeldLease> snapshot_;
  const size_t columns_, key_columns_;
  ViewRange range_;
  bool with_documents_;
  EntryReader entries_;
  Pages pages_;
  Row row_;
  bool has_row_ = false;
  bool valid_ = false;    // has_row_, and it is one of range_
  bool is_near_ = false;  // the pages are those of a near range_ and what follows it
  int found_ = 0;         // how many look-ups were in the page
  int ascending_ = 0;     // how many look-ups, with this one, followed the one before them
};

// The index entries of a run of keys: each page is found by the last key of the one before.
class RemoteIndexCursor final : public IndexCursor {
 public:
  RemoteIndexCursor(std::shared_ptr<const HeldLease> snapshot, KeyRange keys, bool reverse)
      : snapshot_(std::move(snapshot)), keys_(std::move(keys)), reverse_(reverse) {
    ReadPage();
    Next();
  }

  bool Valid() const override { return valid_; }
  Status status() const override { return valid_ ? Status::Ok() : pages_.status(); }
  std::string_view key() const override {
    SV_REQUIRE(valid_);
    return key_;
  }
  std::string_view value() const override {
    SV_REQUIRE(valid_);
    return value_;
  }
  void Next() override {
    valid_ = pages_.Next([this] {
      if (reverse_) {
        keys_.upper = key_;
      } else {
        keys_.lower = std::string(key_) + '\0';  // the next key that there can be
      }
      ReadPage();
    });
    if (valid_ && !pages_.TakeRow(&key_, &value_)) {
      pages_.FailNotUnderstood();
      valid_ = false;
    }
  }

 private:
  void ReadPage() {
    Result<Answer> answer =
        snapshot_->client().Call(wire::Op::kScanIndex, WaitOptions(), snapshot_->number(), keys_,
                                 reverse_, pages_.NextLimits());
    if (!answer.ok()) return pages_.Fail(answer.status());
    pages_.Begin(*std::move(answer));
  }

  const std::shared_ptr<const HeldLease> snapshot_;
  KeyRange keys_;  // that have not been read
  const bool reverse_;
  Pages pages_;
  std::string_view key_, value_;
  bool valid_ = false;
};

class RemoteViewSnapshot final : public CommittedView {
 public:
  RemoteViewSnapshot(std::shared_ptr<Client> client, uint64_t lease, Seq seq, size_t columns,
                     size_t key_columns)
      : lease_(std::make_shared<HeldLease>(std::move(client), lease)),
        seq_(seq),
        columns_(columns),
        key_columns_(key_columns) {}
  // `range` is the first that NewCursor will be called with, and these are its first pages.
  void SetFirst(const ViewRange& range, Pages pages) {
    wire::Put(&first_range_, range);
    first_ = std::move(pages);
  }

  Seq seq() const override { return seq_; }
  std::unique_ptr<ViewCursor> NewCursor(const ViewRange& range) const override {
    ViewRange shortened = wire::Shortened(range);
    Pages pages = Begin(shortened);
    return std::make_unique<RemoteRowCursor>(lease_, std::move(pages), columns_, key_columns_,
                                             std::move(shortened));
  }
  std::unique_ptr<IndexCursor> Scan(const KeyRange& keys, bool reverse) const override {
    return std::make_unique<RemoteIndexCursor>(lease_, wire::Shortened(keys), reverse);
  }
  Result<bool> MapFailedOn(Seq seq) const override {
    SV_ASSIGN_OR_RETURN(
        const Answer answer,
        lease_->client().Call(wire::Op::kMapFailedOn, WaitOptions(), lease_->number(), seq));
    bool failed;
    SV_RETURN_IF_ERROR(Client::Decode(answer, &failed));
    return failed;
  }
  Status NoteDamage(const std::string& what) const override {
    return lease_->client()
        .Call(wire::Op::kNoteDamage, WaitOptions(), lease_->number(), what)
        .status();
  }

 private:
  Pages Begin(const ViewRange& range) const {
    std::string bytes;
    wire::Put(&bytes, range);
    if (first_ && bytes == first_range_) return *std::exchange(first_, std::nullopt);
    Pages pages;
    ReadFirstRows(*lease_, range, &pages);
    return pages;
  }

  const std::shared_ptr<const HeldLease> lease_;
  const Seq seq_;
  const size_t columns_, key_columns_;  // of its rows
  std::string first_range_;             // encoded
  mutable std::optional<Pages> first_;
};

// Changes are asked for one by one, in the order of the log mostly: those that follow come along.
class RemoteChanges final : public ViewChanges {
 public:
  RemoteChanges(std::shared_ptr<Client> client, uint64_t lease, std::string view_id)
      : lease_(std::move(client), lease), view_id_(std::move(view_id)) {}

  Status Read(const Entry& entry, std::vector<ViewChange>* changes) override {
    auto found = ahead_.find(entry.seq);
    if (found == ahead_.end()) {
      SV_RETURN_IF_ERROR(ReadAhead(entry.seq));
      found = ahead_.find(entry.seq);
      if (found == ahead_.end()) return Client::NotUnderstood();
    }
    *changes = std::move(found->second);
    ahead_.erase(found);
    return Status::Ok();
  }

 private:
  Status ReadAhead(Seq first) {
    ahead_.clear();
    SV_ASSIGN_OR_RETURN(Answer answer,
                        lease_.client().Call(wire::Op::kViewChanges, WaitOptions(), lease_.number(),
                                             view_id_, first, pages_.NextLimits()));
    pages_.Begin(std::move(answer));
    while (pages_.Next()) {
      Seq seq;
      std::vector<ViewChange> changes;
      if (!pages_.TakeRow(&seq, &changes)) return Client::NotUnderstood();
      ahead_.emplace(seq, std::move(changes));
    }
    return ahead_.empty() ? pages_.status() : Status::Ok();
  }

  const HeldLease lease_;
  const std::string view_id_;
  Pages pages_;
  std::map<Seq, std::vector<ViewChange>> ahead_;
};

}  // namespace

ViewDefinition RemoteView::definition() const {
  const Result<Answer> answer = client_->Call(wire::Op::kFindView, WaitOptions(), id_);
  std::string id;
  ViewDefinition definition;
  const bool known = answer.ok() && Client::Decode(*answer, &id, &definition).ok();
  return known ? definition : definition_;
}

Result<std::shared_ptr<const CommittedView>> RemoteView::Read(Seq at_least, const WaitOptions& wait,
                                                              const ViewRange* first) {
  std::optional<ViewRange> range;
  if (first != nullptr) range = wire::Shortened(*first);
  Pages pages;
  SV_ASSIGN_OR_RETURN(Answer answer, client_->Call(wire::Op::kReadView, wait, id_, at_least, range,
                                                   pages.NextLimits()));
  std::string_view rows = answer.fields;
  Seq seq;
  const bool understood = wire::Take(&rows, &seq);
  auto snapshot = std::make_shared<RemoteViewSnapshot>(client_, answer.lease, understood ? seq : 0,
                                                       columns_, definition_.key_columns);
  if (!understood) return Client::NotUnderstood();
  if (range) {
    const size_t offset = answer.fields.size() - rows.size();
    pages.Begin(std::move(answer), offset);
    snapshot->SetFirst(*range, std::move(pages));
  }
  return std::shared_ptr<const CommittedView>(std::move(snapshot));
}

Result<Seq> RemoteView::AdvanceTo(Seq seq, const WaitOptions& wait) {
  SV_ASSIGN_OR_RETURN(const Answer answer, client_->Call(wire::Op::kAdvance, wait, id_, seq));
  Seq reached;
  SV_RETURN_IF_ERROR(Client::Decode(answer, &reached));
  return reached;
}

Seq RemoteView::checkpoint() const {
  const Result<Answer> answer = client_->Call(wire::Op::kCheckpoint, WaitOptions(), id_);
  Seq checkpoint;
  if (answer.ok() && Client::Decode(*answer, &checkpoint).ok()) checkpoint_ = checkpoint;
  return checkpoint_;
}

Status RemoteView::Rebuild(const WaitOptions& wait) {
  return client_->Call(wire::Op::kRebuild, wait, id_).status();
}

Status RemoteView::Flush() {
  return client_->Call(wire::Op::kFlushView, WaitOptions(), id_).status();
}

Status RemoteView::Optimize(const WaitOptions& wait) {
  return client_->Call(wire::Op::kOptimizeView, wait, id_).status();
}

Status RemoteView::CheckIntegrity(const WaitOptions& wait) {
  return client_->Call(wire::Op::kCheckView, wait, id_).status();
}

Result<std::unique_ptr<Mapper>> RemoteView::NewMapper() {
  SV_RETURN_IF_ERROR(client_->process().Check());
  if (definition_.kind == MapKind::kJsonPath) return NewJsonPathMapper(definition_);
  if (!mapper_factory_)
    return Status::InvalidArgument("this process has no mapper for view " + definition_.name);
  return mapper_factory_(definition_);
}

Result<std::unique_ptr<ViewChanges>> RemoteView::NewChanges() {
  // A seq of 0 asks for no changes.
  SV_ASSIGN_OR_RETURN(const Answer answer,
                      client_->Call(wire::Op::kViewChanges, WaitOptions(), uint64_t{0}, id_, Seq{0},
                                    wire::PageLimits{1, 1}));
  return std::unique_ptr<ViewChanges>(std::make_unique<RemoteChanges>(client_, answer.lease, id_));
}

ViewStatus RemoteView::GetStatus() const {
  const Result<Answer> answer = client_->Call(wire::Op::kViewStatus, WaitOptions(), id_);
  ViewStatus status;
  Status read = answer.status();
  if (read.ok()) read = Client::Decode(*answer, &status);
  if (read.ok()) return status;
  ViewStatus unknown;
  unknown.id = id_;
  unknown.definition = definition_;
  unknown.state = ViewState::kFailed;
  unknown.last_error = read.message();
  return unknown;
}

// The holder gives as many at a time as it likes.
Result<std::vector<MapError>> RemoteView::ListErrors(Seq after, size_t limit) const {
  std::vector<MapError> errors;
  while (errors.size() < limit) {
    SV_ASSIGN_OR_RETURN(const Answer answer,
                        client_->Call(wire::Op::kListErrors, WaitOptions(), id_, after,
                                      uint64_t{limit - errors.size()}));
    std::vector<MapError> more;
    SV_RETURN_IF_ERROR(Client::Decode(answer, &more));
    if (more.empty()) break;
    after = more.back().seq;
    std::move(more.begin(), more.end(), std::back_inserter(errors));
  }
  return errors;
}

}  // namespace streamview
