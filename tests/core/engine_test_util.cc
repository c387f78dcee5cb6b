#include "tests/core/engine_test_util.h"

#include <cstdlib>

namespace streamview {

namespace {

StoreOptions OptionsFor(const std::string& directory) {
  StoreOptions options;
  options.directory = directory;
  options.create = directory.empty();
  return options;
}

}  // namespace

Stores::Stores(const std::string& directory, const std::string& log_id)
    : log(Must(LogStore::Open(OptionsFor(directory)))),
      derived(Must(DerivedStore::Open(OptionsFor(directory), log_id))) {}

LogWriter::LogWriter(Log* log) : transaction_(log, ProcessMark()) {
  entries_.Begin(Must(transaction_.TakeTurn({})));
}

void LogWriter::Commit() {
  ASSERT_OK(transaction_.Prepare(entries_.records(), SyncMode::kOff, ""));
  ASSERT_OK(transaction_.Commit());
}

EngineTest::EngineTest() {
  std::string pattern = std::filesystem::temp_directory_path() / "streamview-XXXXXX";
  root_ = mkdtemp(pattern.data());
  options_.directory = directory();
  options_.log_id = NewLogId();
  options_.name = "events";
  options_.serves = false;  // in remote_test_util.h tests do that themselves, over socket pairs
}

EngineTest::~EngineTest() {
  Close();
  std::filesystem::remove_all(root_);
}

void EngineTest::Open(std::vector<std::string> view_ids) {
  options_.view_ids = std::move(view_ids);
  const bool exists = std::filesystem::exists(directory());
  engine_ = Must(exists ? OpenEngine(options_) : CreateEngine(options_));
  if (!IsRemote()) return;
  holder_ = std::make_unique<Holder>(engine_, HolderOptions());
  engine_ = holder_->Connect(options_.mapper_factory);
}

void EngineTest::Close() {
  engine_.reset();
  holder_.reset();
}

bool EngineTest::IsRemote() { return std::getenv("STREAMVIEW_TEST_REMOTE") != nullptr; }

ServerOptions EngineTest::HolderOptions() const {
  ServerOptions options;
  options.was_committed = [ask = options_.committed_token](const std::string& token,
                                                           bool) -> Result<bool> {
    if (!ask) return true;
    SV_ASSIGN_OR_RETURN(const std::string committed, ask(token));
    return committed == token;
  };
  return options;
}

Seq EngineTest::Append(const Value& key, const Value& value) {
  const auto session = NewSession();
  const Seq seq = Must(session->Append(key, value, WaitOptions()));
  EXPECT_OK(session->Prepare(SyncMode::kNormal));
  session->Commit();
  return seq;
}

ViewDefinition EngineTest::TagsDefinition() {
  ViewDefinition definition;
  definition.name = "tags";
  definition.log_name = "events";
  definition.kind = MapKind::kJsonPath;
  definition.emit_path = "$.tags[*]";
  definition.value_path = "$.at";
  definition.columns = {"key", "value"};
  return definition;
}

std::vector<std::string> EngineTest::Rows(View& view, const ViewRange& range) {
  return RowsOf(*Must(view.Read(engine_->Head(), WaitOptions())), range);
}

std::vector<std::string> EngineTest::RowsSeenBy(Session& session, const std::shared_ptr<View>& view,
                                                const ViewRange& range) {
  return RowsOf(*Must(session.ReadView(view, engine_->Head(), WaitOptions())), range);
}

std::vector<std::string> EngineTest::RowsOf(const ViewSnapshot& snapshot, const ViewRange& range) {
  const auto plain = [](const ValueView& v) {
    return v.type() == ValueType::kText ? std::string(v.bytes()) : ToDisplay(v);
  };
  std::vector<std::string> rows;
  const std::unique_ptr<ViewCursor> cursor = snapshot.NewCursor(range);
  for (; cursor->Valid(); cursor->Next()) {
    rows.push_back(plain(cursor->column(0)) + "/" + plain(cursor->column(1)) + "/" +
                   plain(cursor->doc_id()));
  }
  EXPECT_OK(cursor->status());
  return rows;
}

}  // namespace streamview
